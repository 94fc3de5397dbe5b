// Computes a chunk: for each block of each panel's weights, all tiles of the chunk.
#include "chunk.h"
#include "../core/fetch.h"
#include "../core/tuning.h"
#include <string.h>

enum { MOST_OUTPUTS = 256, TABLE_ENTRIES = 1 << 16, LEAST_SEGMENT = 6, MOST_LISTED_TAPS = 49 };
// With few outputs each weight is used few times, so reading weights from beyond the second-level
// cache limits the speed. Small blocks stay in the first-level cache, so that the next block can be
// prefetched meanwhile.
enum { FEW_OUTPUTS = 96, VERY_FEW_OUTPUTS = 32 };
static const size_t SMALL_BLOCK_BYTES = 32 << 10, KEPT_BYTES = 1 << 20;

size_t ptn_chunk_outputs(size_t taps) {
    return ptn_max(PTN_TILE_MAX_HEIGHT, ptn_min(MOST_OUTPUTS, TABLE_ENTRIES / taps));
}

static size_t table_bytes(size_t taps) {
    return ptn_chunk_step(ptn_chunk_outputs(taps)) * taps * sizeof(float *);
}

static size_t places_bytes(size_t taps) {
    return ptn_round_64((ptn_chunk_outputs(taps) + PTN_TILE_MAX_HEIGHT) * sizeof(float *));
}

size_t ptn_chunk_bytes(ptn_isa isa, size_t taps) {
    const size_t width = ptn_panel_most_vectors(isa) * ptn_isa_vector_floats(isa);
    return table_bytes(taps) + places_bytes(taps) +
           ptn_round_64(ptn_chunk_outputs(taps) * width * sizeof(float));
}

void ptn_chunk_place(ptn_chunk *chunk, size_t taps, char *scratch) {
    chunk->table = (const float **)scratch;
    chunk->places = (float **)(scratch + table_bytes(taps));
    chunk->out = chunk->places + ptn_chunk_outputs(taps);
    chunk->partial = (float *)(scratch + table_bytes(taps) + places_bytes(taps));
}

void ptn_chunk_append(ptn_chunk *chunk, size_t end, size_t tap_begin, size_t tap_end) {
    ptn_segment next = {.tap_begin = tap_begin, .tap_end = tap_end, .end = end};
    if (chunk->segment_count > 0) {
        ptn_segment *last = &chunk->segments[chunk->segment_count - 1];
        next.begin = last->end;
        const bool same = last->tap_begin == tap_begin && last->tap_end == tap_end;
        const bool small =
            last->end - last->begin < LEAST_SEGMENT || end - next.begin < LEAST_SEGMENT;
        if (same || small || chunk->segment_count == PTN_MAX_SEGMENTS) {
            last->end = end;
            last->tap_begin = ptn_min(last->tap_begin, tap_begin);
            last->tap_end = ptn_max(last->tap_end, tap_end);
            return;
        }
    }
    chunk->segments[chunk->segment_count++] = next;
}

// Weights of some taps of one panel, or of some channels of one tap, that stay in a cache while all
// tiles of the chunk use them.
typedef struct block {
    size_t tap_begin, tap_end;
    const float *weights; // of the first tap
    size_t tap_floats;    // from one tap's weights to the next
    size_t vectors, channel;
    const char *next; // the weights used after these, to prefetch; NULL if they are in the cache
    bool far;         // the weights do not stay in the second-level cache from chunk to chunk
    bool fresh;       // first panel of the chunk: the input pixels are not in the cache yet
} block;

// The part of a segment's taps that a block holds.
static ptn_segment within(const ptn_segment *g, const block *b) {
    ptn_segment part = *g;
    part.tap_begin = ptn_min(ptn_max(b->tap_begin, g->tap_begin), b->tap_end);
    part.tap_end = ptn_max(part.tap_begin, ptn_min(b->tap_end, g->tap_end));
    if (part.tap_begin == part.tap_end) part.tap_begin = part.tap_end = b->tap_begin;
    return part;
}

// Outputs that are computed with the same taps: [begin, end) of the chunk or of `list`.
typedef struct output_run {
    size_t begin, end, taps;
    const float *const *table; // of the first tap
    const uint16_t *list;      // indices of the outputs; NULL: in order
    size_t sharing;            // outputs among which prefetching of the next weights is divided
} output_run;

// Address of an output's channels of the block.
static float *place_of(const ptn_chunk_job *j, const ptn_chunk *ch, size_t output, const block *b) {
    float *first = ch->place ? ch->place + output * j->out_channels : ch->places[output];
    return first + b->channel;
}

// Addresses of the unfinished sums and of the results of a tile whose outputs are listed.
static void place_listed(const ptn_chunk_job *j, const ptn_chunk *ch, const uint16_t *list,
                         size_t height, const block *b, float **partials) {
    const size_t width = b->vectors * j->panels.vector;
    for (size_t m = 0; m < height; m++) {
        partials[m] = ch->partial + list[m] * width;
        ch->out[m] = place_of(j, ch, list[m], b);
    }
}

static void place_in_order(const ptn_chunk_job *j, const ptn_chunk *ch, size_t begin, size_t height,
                           const block *b) {
    for (size_t m = 0; m < height; m++) ch->out[m] = place_of(j, ch, begin + m, b);
}

// Prefetches the outputs, and unless `ahead` the inputs, of the next tile: `count` outputs from
// `begin` on, in maps beyond the caches.
static void fetch_far(const ptn_chunk_job *j, const ptn_chunk *ch, const output_run *run,
                      const block *b, const ptn_tile_args *a, size_t begin, size_t count) {
    for (size_t m = begin; m < begin + count; m++) {
        const float *out = place_of(j, ch, m, b);
        ptn_fetch(out, a->columns);
        if (a->end.has_residual) ptn_fetch(ptn_epilogue_residual(&a->end, out), a->columns);
    }
    if (j->fetch == PTN_FETCH_EVERY_TAP || !b->fresh) return;
    for (size_t tap = 0; tap < run->taps; tap++)
        for (size_t m = begin; m < begin + count; m++)
            ptn_fetch(run->table[tap * a->inputs_step + m] + a->input_offset, a->channels);
}

// Sets which input pixels of the following outputs the tile of outputs [begin, end) prefetches.
static inline void fetch_pixels(const ptn_chunk_job *j, const output_run *run, size_t begin,
                                size_t end, size_t pixel_step, ptn_tile_args *a) {
    switch (j->fetch) {
    case PTN_FETCH_NO_PIXELS: return;
    case PTN_FETCH_EVERY_TAP:
        if (end == run->end) return;
        ptn_fetch_every_tap(a, end - begin, ptn_min(end - begin, run->end - end), j->pixel_bytes);
        return;
    case PTN_FETCH_WINDOW:
        if (run->list || run->taps < j->taps || end + 2 * PTN_FETCH_WINDOW_TAPS > run->end) return;
        ptn_fetch_window(a);
        return;
    case PTN_FETCH_NEW_PIXELS:
        if (end == run->end || a->taps == 0) return;
        a->prefetch =
            (const char *)(run->table[(a->taps - 1) * a->inputs_step + end] + a->input_offset);
        a->prefetch_step = pixel_step;
    }
}

static void run_outputs(const ptn_chunk_job *j, const ptn_chunk *ch, const output_run *run,
                        const block *b, ptn_tile_args *a) {
    const size_t width = b->vectors * j->panels.vector, count = run->end - run->begin;
    if (count == 0) return;
    a->taps = run->taps;
    const size_t tiles = ptn_div_up(count, ptn_tile_height(j->isa, b->vectors));
    const size_t bytes = a->channels * width * (b->tap_end - b->tap_begin) * sizeof(float) /
                         run->sharing; // of the next weights, per output
    const ptn_tile_steps steps =
        ptn_tile_steps_for(j->isa, a, count, tiles, bytes * count, b->far, j->pixel_bytes);
    const char *next = b->next ? b->next + bytes * run->begin : NULL;
    const ptn_tile_fn *heights = ptn_tiles_for(j->isa, b->vectors, next ? steps.weight_step : 0);
    float *partials[PTN_TILE_MAX_HEIGHT];
    a->partials = run->list ? partials : NULL;
    for (size_t t = 0, begin = run->begin, end; t < tiles; t++, begin = end) {
        const bool tall = t < steps.taller;
        const size_t height = steps.low + tall;
        end = begin + height;
        a->inputs = run->table + begin;
        a->partial = ch->partial + begin * width;
        a->prefetch = next ? next + steps.weights * t : (const char *)a->panel;
        a->prefetch_step = next ? steps.weight_step : 0;
        a->ahead = false;
        if (!next && b->fresh) fetch_pixels(j, run, begin, end, steps.pixel_step[tall], a);
        if (run->list)
            place_listed(j, ch, run->list + begin, height, b, partials);
        else
            place_in_order(j, ch, begin, height, b);
        const size_t apart = (size_t)(ch->out[height - 1] - ch->out[0]);
        const bool together = apart == (height - 1) * j->out_channels;
        a->stores_step = together ? steps.store_step[tall] : 0;
        a->scattered = j->scattered && a->last && !together;
        a->stores = (const char *)ch->out[0];
        if (j->far && a->last && !run->list && end < run->end)
            fetch_far(j, ch, run, b, a, end, ptn_min(height, run->end - end));
        heights[height - 1](a);
        if (!j->epilogue.activate || !a->last) continue;
        for (size_t m = 0; m < height; m++)
            ptn_epilogue_activate(&j->epilogue, b->channel, a->columns, a->out[m]);
    }
}

// Computes every tile of a segment with the segment's taps, all of which are in the block.
static void run_segment(const ptn_chunk_job *j, const ptn_chunk *ch, const ptn_segment *g,
                        const block *b, ptn_tile_args *a) {
    const size_t width = b->vectors * j->panels.vector, count = g->end - g->begin;
    const size_t taps = g->tap_end - g->tap_begin;
    if (taps == 0 && !a->last) {
        if (a->first) memset(ch->partial + g->begin * width, 0, count * width * sizeof(float));
        return;
    }
    a->panel = b->weights + (g->tap_begin - b->tap_begin) * b->tap_floats;
    const output_run run = {.begin = g->begin,
                            .end = g->end,
                            .taps = taps,
                            .table = ch->table + g->tap_begin * a->inputs_step,
                            .sharing = ch->outputs};
    run_outputs(j, ch, &run, b, a);
}

// For each tap: first the outputs whose input at that tap is inside the image, then the others.
// Where blocks hold one tap each, only the first kind is multiplied. For a 3 x 3 kernel on a 7 x 7
// map this saves a tenth of the products beyond what segments save.
typedef struct tap_lists {
    size_t inside[MOST_LISTED_TAPS];
    uint16_t outputs[MOST_LISTED_TAPS][FEW_OUTPUTS];
} tap_lists;

// Makes the lists, and moves the table entries of the listed outputs to the front in the same
// order. Returns whether any output is left out at any tap.
static bool list_outputs(const ptn_chunk_job *j, const ptn_chunk *ch, tap_lists *lists) {
    const size_t step = ptn_chunk_step(ch->outputs);
    size_t outside = 0;
    for (size_t tap = 0; tap < j->taps; tap++) {
        const float **entries = ch->table + tap * step;
        uint16_t others[FEW_OUTPUTS];
        size_t in = 0, out = 0;
        for (size_t i = 0; i < ch->outputs; i++) {
            if (entries[i] == j->zeros) {
                others[out++] = (uint16_t)i;
                continue;
            }
            entries[in] = entries[i];
            lists->outputs[tap][in++] = (uint16_t)i;
        }
        memcpy(lists->outputs[tap] + in, others, out * sizeof *others);
        lists->inside[tap] = in;
        outside += out;
    }
    return outside > 0;
}

// Computes a block that holds one tap, for the outputs listed for this tap.
static void run_listed(const ptn_chunk_job *j, const ptn_chunk *ch, const tap_lists *lists,
                       const block *b, ptn_tile_args *a) {
    const size_t tap = b->tap_begin, inside = lists->inside[tap];
    const size_t width = b->vectors * j->panels.vector;
    const uint16_t *list = lists->outputs[tap];
    if (a->first)
        for (size_t i = inside; i < ch->outputs; i++)
            memset(ch->partial + list[i] * width, 0, width * sizeof(float));
    a->panel = b->weights;
    output_run run = {.end = inside,
                      .taps = 1,
                      .table = ch->table + tap * a->inputs_step,
                      .list = list,
                      .sharing = ptn_max(1, inside)};
    run_outputs(j, ch, &run, b, a);
    if (!a->last) return;
    // Outputs that are left out at the last tap still need their epilogue.
    a->first = false;
    run.begin = inside;
    run.end = ch->outputs;
    run.taps = 0;
    run_outputs(j, ch, &run, b, a);
}

// Computes a block segment by segment, merging neighbouring segments with the same taps of the
// block.
static void run_block(const ptn_chunk_job *j, const ptn_chunk *ch, const block *b,
                      ptn_tile_args *a) {
    ptn_segment joined = within(&ch->segments[0], b);
    for (size_t i = 1; i < ch->segment_count; i++) {
        const ptn_segment next = within(&ch->segments[i], b);
        if (next.tap_begin == joined.tap_begin && next.tap_end == joined.tap_end) {
            joined.end = next.end;
            continue;
        }
        run_segment(j, ch, &joined, b, a);
        joined = next;
    }
    run_segment(j, ch, &joined, b, a);
}

// Size of a block of weights: whole taps, or some channels of one tap.
typedef struct block_cut {
    size_t taps, channels;
} block_cut;

static block_cut cut_blocks(ptn_isa isa, size_t taps, size_t channels, size_t width, bool small) {
    const size_t row = width * sizeof(float);
    const size_t bytes = small ? SMALL_BLOCK_BYTES : PTN_CHUNK_BLOCK_BYTES;
    if (bytes >= channels * row)
        return (block_cut){ptn_min(taps, bytes / (channels * row)), channels};
    const size_t tap_bytes = small ? ptn_tuning_for(isa)->tap_block_bytes : bytes;
    const size_t fit = ptn_max(1, tap_bytes / row);
    const size_t parts = ptn_div_up(channels, fit);
    const size_t piece = ptn_div_up(ptn_div_up(channels, parts), PTN_TILE_UNROLL);
    return (block_cut){1, ptn_min(channels, piece * PTN_TILE_UNROLL)};
}

// Bytes of the weights of `panels` panels.
static size_t weight_bytes(const ptn_chunk_job *j, size_t panels) {
    return panels * j->taps * j->channels * j->panels.width * sizeof(float);
}

static size_t chunk_panels(const ptn_chunk *ch) { return ch->panel_end - ch->panel_begin; }

// Whether reading weights limits the speed, so that small blocks pay. If other tasks compute the
// other panels, part of these weights may still be in the cache, so there must be even fewer
// outputs.
static bool has_small_blocks(const ptn_chunk_job *j, const ptn_chunk *ch) {
    if (weight_bytes(j, chunk_panels(ch)) > KEPT_BYTES) return ch->outputs <= FEW_OUTPUTS;
    return j->taps > 1 && ch->outputs <= VERY_FEW_OUTPUTS &&
           weight_bytes(j, j->groups * j->panels.count) > KEPT_BYTES;
}

static void run_panel(const ptn_chunk_job *j, const ptn_chunk *ch, const tap_lists *lists,
                      size_t index) {
    const size_t group = index / j->panels.count, panel = index % j->panels.count;
    const size_t out = j->out_channels / j->groups, in = j->channels;
    const size_t column = panel * j->panels.width, channel = group * out + column;
    const size_t vectors = ptn_panel_vectors(&j->panels, j->panels.padded, column);
    const size_t width = vectors * j->panels.vector;
    const size_t packed = j->packed_channels ? j->packed_channels : in, tap_floats = packed * width;
    const bool cold = weight_bytes(j, chunk_panels(ch)) > PTN_CHUNK_BLOCK_BYTES;
    const float *weights = j->packed + ch->sample * j->packed_stride +
                           j->taps * packed * (group * j->panels.padded + column);
    ptn_tile_args a = {
        .panel_gap = (packed - in) * width,
        .inputs_step = ptn_chunk_step(ch->outputs),
        .columns = ptn_min(out - column, j->panels.width),
        .out = ch->out,
        .end = ptn_epilogue_at(&j->epilogue, ch->sample, channel),
    };
    const bool small = has_small_blocks(j, ch);
    block_cut cut = cut_blocks(j->isa, j->taps, in, width, small);
    if (lists) cut.taps = 1;
    block b = {.tap_floats = tap_floats, .vectors = vectors, .channel = channel, .far = small};
    for (size_t tap = 0; tap < j->taps; tap += cut.taps) {
        for (size_t c = 0; c < in; c += cut.channels) {
            b.tap_begin = tap;
            b.tap_end = ptn_min(j->taps, tap + cut.taps);
            b.weights = weights + tap * tap_floats + c * width;
            a.channels = ptn_min(cut.channels, in - c);
            a.input_offset = group * in + c;
            a.first = tap == 0 && c == 0;
            a.last = b.tap_end == j->taps && c + a.channels == in;
            b.fresh = index == ch->panel_begin && a.last;
            // Weights that fit one block stay in the cache from chunk to chunk and are not
            // prefetched.
            const bool more = !a.last || index + 1 < ch->panel_end;
            const float *next = c + a.channels == in ? weights + b.tap_end * tap_floats
                                                     : b.weights + a.channels * width;
            b.next = more && cold ? (const char *)next : NULL;
            if (lists)
                run_listed(j, ch, lists, &b, &a);
            else
                run_block(j, ch, &b, &a);
        }
    }
}

// Whether lists pay: the chunk's blocks hold one tap each and some outputs are left out. If so,
// makes the lists.
static bool lists_pay(const ptn_chunk_job *j, const ptn_chunk *ch, tap_lists *lists) {
    if (!j->zeros || j->taps < 2 || j->taps > MOST_LISTED_TAPS || !has_small_blocks(j, ch))
        return false;
    return cut_blocks(j->isa, j->taps, j->channels, j->panels.width, true).taps == 1 &&
           list_outputs(j, ch, lists);
}

void ptn_chunk_run(const ptn_chunk_job *job, const ptn_chunk *chunk) {
    tap_lists lists;
    const bool listed = lists_pay(job, chunk, &lists);
    const uint8_t *wanted =
        job->wanted ? job->wanted + chunk->sample * job->groups * job->panels.count : NULL;
    for (size_t p = chunk->panel_begin; p < chunk->panel_end; p++)
        if (!wanted || wanted[p]) run_panel(job, chunk, listed ? &lists : NULL, p);
}
