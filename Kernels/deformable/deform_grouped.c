// Deformable convolution with groups no wider than a vector: one vector of outputs, a block, spans
// one or several groups, as in convolution/grouped.c.
//
// For a few pixels and blocks at a time, the blocks' inputs are blended for all taps into rows that
// stay in a near cache. A tile then multiplies them: each input vector is permuted so that every
// lane has a channel of its own group. Sums stay in registers until complete, and no channel is
// padded.
#include "deform_grouped.h"
#include <string.h>

#define GROUPED_PIXELS PTN_GROUPED_OUTPUTS
// Target size of blended rows in floats: more would not stay in the cache, fewer would read the
// plan more often. MOST_FLOATS is the most that a single block may need.
enum { BLENDED_FLOATS = 18 << 10, MOST_FLOATS = 64 << 10 };

typedef struct deform_grouped_args {
    size_t taps, channels; // channels: of a group
    const float *rows;     // [tap][pixel][row_floats]: blended, at the block's first input
    size_t row_floats, tap_floats;
    size_t span;               // channels from the block's first group to its last, + 1
    const int32_t *lanes_from; // [lane]: first channel of the lane's group
    const float *weights;      // [tap][channels][lane]
    size_t lanes;              // output channels to store
    float *out;
    size_t out_step;       // floats from one output to the next
    ptn_epilogue_part end; // of the block's first channel
} deform_grouped_args;

typedef void (*deform_grouped_fn)(const deform_grouped_args *args);
typedef deform_grouped_fn deform_grouped_table[GROUPED_PIXELS];

#define PTN_SOURCE "../deformable/deform_grouped.inc"
#include "../core/foreach_isa.h"

static const deform_grouped_table *const tile_tables[PTN_ISA_COUNT] =
    PTN_POINTERS(deform_grouped_tiles);

// Input channels of a block that begins and ends with whole groups.
static size_t block_inputs(ptn_isa isa, const ptn_conv2d_shape *s) {
    return ptn_div_up(ptn_isa_vector_floats(isa) * (s->c / s->groups), s->k / s->groups);
}

// Most input channels of `blocks` blocks: those of whole groups, and of a cut group at either end.
static size_t row_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t blocks) {
    return ptn_min(blocks * block_inputs(isa, s) + 2 * (s->c / s->groups), s->c);
}

bool ptn_deform_grouped_fits(ptn_isa isa, const ptn_conv2d_shape *s) {
    const size_t vector = ptn_isa_vector_floats(isa), out = s->k / s->groups;
    if (out > vector || s->groups == 1 || s->c > MOST_FLOATS) return false;
    if (row_floats(isa, s, 1) > MOST_FLOATS / ptn_grouped_outputs(isa) / ptn_max(s->kh * s->kw, 1))
        return false;
    // The pattern of blocks repeats after at most `out` blocks.
    const size_t blocks = ptn_min(ptn_div_up(s->k, vector), out);
    for (size_t b = 0; b < blocks; b++)
        if (ptn_grouped_block_at(s, vector, b).span > 2 * vector) return false;
    return true;
}

bool ptn_deform_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_float_bytes(s->kh * s->kw, s->c / s->groups, ptn_div_up(s->k, vector), vector,
                           floats);
}

// Packs weights [k][c][tap] as [block][tap][c][lane].
void ptn_deform_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                             const float *scale, float *packed) {
    const size_t vector = ptn_isa_vector_floats(isa), in = s->c / s->groups;
    const size_t taps = s->kh * s->kw;
    memset(packed, 0, ptn_div_up(s->k, vector) * vector * taps * in * sizeof *packed);
    for (size_t k = 0; k < s->k; k++) {
        float *block = packed + k / vector * vector * taps * in + k % vector;
        for (size_t c = 0; c < in; c++)
            for (size_t t = 0; t < taps; t++)
                block[(t * in + c) * vector] =
                    weights[(k * in + c) * taps + t] * (scale ? scale[k] : 1);
    }
}

ptn_deform_tiling ptn_deform_grouped_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape) {
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t vector = ptn_isa_vector_floats(isa), taps = s->kh * s->kw;
    const size_t pixels = ptn_grouped_outputs(isa);
    const size_t tiles = ptn_planned_pixels(shape->offset_groups * taps) / pixels;
    const size_t fit = BLENDED_FLOATS / (pixels * taps) / block_inputs(isa, s);
    ptn_deform_tiling t = {.pixels = pixels * ptn_max(tiles, 1), .taps = taps};
    t.blocks = ptn_min(ptn_max(fit, 1), ptn_div_up(s->k, vector));
    // Tiles may read up to two whole vectors beyond a row's end.
    t.blended =
        ptn_round_64((pixels * taps * row_floats(isa, s, t.blocks) + 2 * vector) * sizeof(float));
    t.out = ptn_round_64(pixels * sizeof(float *));
    return t;
}

size_t ptn_deform_blocks_bytes(ptn_isa isa, const ptn_conv2d_shape *s) {
    return ptn_round_64(ptn_div_up(s->k, ptn_isa_vector_floats(isa)) * sizeof(ptn_grouped_block));
}

void ptn_deform_find_blocks(const ptn_deform_job *j) {
    const size_t vector = ptn_isa_vector_floats(j->map.isa);
    for (size_t b = 0; b < ptn_div_up(j->conv->k, vector); b++)
        j->blocks[b] = ptn_grouped_block_at(j->conv, vector, b);
}

// A task's sample, its sampling plan, and scratch.
typedef struct grouped_part {
    size_t sample;
    ptn_corners corners;
    float *compact, *blended;
    float **out; // [pixels of a tile]
} grouped_part;

// Blends the inputs of `blocks` blocks for all taps of `pixels` pixels, from entry `first` of the
// plan on.
static size_t blend_inputs(const ptn_deform_job *j, const grouped_part *part, size_t first,
                           size_t pixels, const ptn_grouped_block *block, size_t blocks) {
    const ptn_conv2d_shape *s = j->conv;
    const ptn_grouped_block *last = &block[blocks - 1];
    const size_t begin = block->from;
    const size_t end = last->from + last->span - 1 + s->c / s->groups;
    ptn_corners corners = part->corners;
    for (size_t i = 0; i < 4; i++) corners.row[i] += first;
    corners.weight += 4 * first;
    corners.whole += first;
    const ptn_blend_args blend = {
        .corners = &corners,
        .pixels = pixels,
        .taps = j->taps,
        .offset_groups = j->shape->offset_groups,
        .channels = s->c / j->shape->offset_groups,
        .channel_begin = begin,
        .channel_end = end,
        .tap_end = j->taps,
        .out = part->blended,
        .row_floats = end - begin,
        .tap_floats = pixels * (end - begin),
    };
    ptn_blend_rows[j->map.isa](&blend);
    return end - begin;
}

// Computes `blocks` blocks from `first` on for the pixels at part->out; `entry`: their first entry
// in the plan.
static void run_blocks(const ptn_deform_job *j, const grouped_part *part, size_t entry,
                       size_t pixels, size_t first, size_t blocks) {
    const ptn_conv2d_shape *s = j->conv;
    const ptn_epilogue_part end = ptn_epilogue_at(&j->epilogue, part->sample, 0);
    const size_t vector = ptn_isa_vector_floats(j->map.isa), in = s->c / s->groups;
    const ptn_grouped_block *block = j->blocks + first;
    const size_t width = blend_inputs(j, part, entry, pixels, block, blocks);
    deform_grouped_args a = {
        .taps = j->taps,
        .channels = in,
        .row_floats = width,
        .tap_floats = pixels * width,
        .out_step = s->k,
    };
    for (size_t b = 0; b < blocks; b++) {
        const size_t channel = (first + b) * vector;
        a.rows = part->blended + (block[b].from - block->from);
        a.span = block[b].span;
        a.lanes_from = block[b].lanes;
        a.lanes = ptn_min(vector, s->k - channel);
        a.weights = j->packed + channel * j->taps * in;
        a.end = ptn_epilogue_from(end, channel);
        a.out = part->out[0] + channel;
        (*tile_tables[j->map.isa])[pixels - 1](&a);
    }
}

// Computes all channels of `pixels` pixels of the sample from `first` on; the plan begins with
// pixel `planned`.
static void run_tile(const ptn_deform_job *j, const grouped_part *part, size_t planned,
                     size_t first, size_t pixels) {
    const ptn_conv2d_shape *s = j->conv;
    const size_t vector = ptn_isa_vector_floats(j->map.isa);
    const size_t blocks = ptn_div_up(s->k, vector), parts = ptn_div_up(blocks, j->tiling.blocks);
    for (size_t m = 0; m < pixels; m++)
        part->out[m] = j->y + (part->sample * j->map.pixels + first + m) * s->k;
    for (size_t i = 0; i < parts; i++) {
        const size_t begin = ptn_part_begin(blocks, parts, i);
        const size_t end = ptn_part_begin(blocks, parts, i + 1);
        run_blocks(j, part, (first - planned) * j->entries, pixels, begin, end - begin);
    }
    if (j->epilogue.activate) ptn_deform_activate(j, part->out, pixels, s->k, 0);
}

void ptn_deform_grouped(void *job, size_t index, int thread) {
    const ptn_deform_job *j = job;
    const ptn_deform_tiling *t = &j->tiling;
    const size_t all = j->map.pixels, end = ptn_part_begin(all, j->chunks, index % j->chunks + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    grouped_part part = {.sample = index / j->chunks};
    part.corners = ptn_corners_in(scratch, t->pixels * j->entries, &j->map.p.image);
    part.compact = (float *)(scratch += t->plan);
    part.blended = (float *)(scratch += t->compact);
    part.out = (float **)(scratch + t->blended);
    size_t p = ptn_part_begin(all, j->chunks, index % j->chunks);
    for (size_t rows; p < end; p += rows) {
        rows = ptn_min(t->pixels, end - p);
        ptn_plan_pixels(&j->map, &part.corners, part.sample, p, rows, part.compact);
        const size_t tiles = ptn_div_up(rows, ptn_grouped_outputs(j->map.isa));
        for (size_t i = 0; i < tiles; i++) {
            const size_t first = ptn_part_begin(rows, tiles, i);
            run_tile(j, &part, p, p + first, ptn_part_begin(rows, tiles, i + 1) - first);
        }
    }
}
