// Convolution of groups that are narrower than a vector: one vector of outputs (a block) spans
// several groups.
//
// A permutation in registers spreads the inputs of a block over the lanes: for channel i, lane l
// takes channel i of its own group. A spread input is used by all taps of a kernel row that read
// it, so up to three multiply-adds of full vectors share one permutation.
#include "grouped.h"
#include "../core/tuning.h"
#include "algorithm.h"
#include "cost.h"
#include "epilogue.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

#define GROUPED_COLUMNS PTN_GROUPED_OUTPUTS
// Most inputs outside the image at either end of a run of several taps.
#define GROUPED_EDGE 2
// Most neighbouring taps that share inputs.
#define GROUPED_TAPS 3

// Neighbouring taps of a kernel row, for one tile. Inputs are numbered from the first tap of the
// first output; inputs outside [begin, end) are outside the image.
typedef struct grouped_taps {
    size_t tap, taps, stride; // first tap; number of taps; inputs from one output to the next
    ptrdiff_t offset;         // floats from the start of the row to the first input
    size_t step;              // floats from one input to the next
    size_t begin, end;
} grouped_taps;

typedef struct grouped_tile_args {
    size_t kh, kw, c, channels; // c: floats of a pixel; channels: of a group
    const float *const *rows;   // [kh] input rows; NULL outside the image
    const float *zeros;         // zeros, read in place of pixels outside the image
    const grouped_taps *run;    // [runs]
    size_t runs;
    size_t from, span; // first input channel; channels from the first group to the last, + 1
    const int32_t *lanes_from; // [lane]: first channel of the lane's group, relative to `from`
    const float *weights;      // [kh][channels][kw][lane]
    size_t lanes;              // output channels to store
    float *out;
    size_t out_step;       // floats from one output to the next
    const float *ahead;    // inputs of the next output row to prefetch, or NULL
    size_t ahead_count;    // number of inputs of the first run to prefetch
    ptn_epilogue_part end; // of the block's first channel
} grouped_tile_args;

typedef void (*grouped_tile_fn)(const grouped_tile_args *args);
typedef grouped_tile_fn grouped_tile_table[GROUPED_COLUMNS];

#define PTN_SOURCE "../convolution/grouped.inc"
#include "../core/foreach_isa.h"

static const grouped_tile_table *const tile_tables[PTN_ISA_COUNT] = PTN_POINTERS(grouped_tiles);

bool ptn_grouped_pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    const ptn_common_tuning *common = &ptn_tuning_common;
    const ptn_grouped_costs *costs = &common->grouped[isa];
    const size_t vector = ptn_isa_vector_floats(isa), out = s->k / s->groups;
    if (out > PTN_PANEL_MAX_VECTORS * vector) return false;
    // The pattern of blocks repeats after at most `out` blocks.
    const size_t all = ptn_div_up(s->k, vector), blocks = ptn_min(all, out);
    double grouped = 0, direct = 0;
    for (size_t b = 0; b < blocks; b++) {
        const size_t span = ptn_grouped_span(s, vector, b);
        if (span > 2 * vector) return false;
        grouped += costs->spread[span == 1 ? 0 : span <= vector ? 1 : 2] / (double)blocks;
    }
    const bool single = s->kw == 1 || s->dilation_w > 1 || s->stride_w > 2;
    grouped *= (double)all * (single             ? common->grouped_single
                              : s->stride_w == 2 ? common->grouped_strided
                                                 : 1);
    const ptn_panels panels = ptn_panels_for(isa, out);
    for (size_t column = 0; column < out; column += panels.width)
        direct += costs->panel[ptn_panel_vectors(&panels, out, column)];
    return grouped < common->grouped_margin * direct * (double)s->groups;
}

static bool floats(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                   size_t *count) {
    (void)algorithm;
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_float_bytes(s->kh, s->kw, s->c / s->groups, ptn_div_up(s->k, vector) * vector,
                           count);
}

static size_t parts(ptn_isa isa, const ptn_conv2d_shape *s) {
    return ptn_div_up(s->k, ptn_isa_vector_floats(isa));
}

// Packs block `part` of [block][row][c][column][lane].
static void pack(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed) {
    (void)algorithm;
    const size_t vector = ptn_isa_vector_floats(isa), in = s->c / s->groups;
    const size_t taps = s->kh * s->kw;
    for (size_t lane = 0; lane < vector; lane++) {
        const size_t k = part * vector + lane;
        float *to = packed + part * vector * taps * in + lane;
        const float factor = k < s->k && scale ? scale[k] : 1;
        for (size_t i = 0; i < s->kh; i++)
            for (size_t c = 0; c < in; c++)
                for (size_t j = 0; j < s->kw; j++, to += vector)
                    *to = k < s->k ? weights[(k * in + c) * taps + i * s->kw + j] * factor : 0;
    }
}

typedef struct grouped_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_epilogue epilogue;
    const grouped_tile_table *tiles;
    ptn_sample_places places;
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    size_t vector, blocks;             // lanes; vectors of output channels
    ptn_grouped_block *block;          // [blocks]
    size_t columns;                    // tiles per row of outputs
    size_t bands, column_bands, parts; // tasks per sample: of rows, of columns, of blocks
    const float *zeros;                // [c]
    char *thread_scratch;
    size_t thread_bytes;
} grouped_job;

static size_t zeros_bytes(const ptn_conv2d_shape *s) { return ptn_round_64(s->c * sizeof(float)); }

static size_t blocks_bytes(ptn_isa isa, const ptn_conv2d_shape *s) {
    return ptn_round_64(ptn_div_up(s->k, ptn_isa_vector_floats(isa)) * sizeof(ptn_grouped_block));
}

// Scratch bytes per thread: row addresses and runs of a tile.
static size_t thread_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(s->kh * sizeof(float *)) + ptn_round_64(s->kw * sizeof(grouped_taps));
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    return zeros_bytes(s) + blocks_bytes(isa, s) + (size_t)plan->threads * thread_bytes(s);
}

// Number of taps from `tap` on that share inputs.
static size_t run_length(const grouped_job *j, size_t tap) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t left = s->kw - tap;
    if (s->dilation_w != 1 || s->stride_w > 2) return 1;
    if (s->pad_left > GROUPED_EDGE || s->pad_right > GROUPED_EDGE) return 1;
    if (s->stride_w == 2) return left >= GROUPED_TAPS ? GROUPED_TAPS : 1;
    return ptn_min(left, GROUPED_TAPS);
}

// Finds the runs of taps of a tile of `columns` outputs from `ox` on; returns their number.
static size_t find_runs(const grouped_job *j, size_t ox, size_t columns, grouped_taps *runs) {
    const ptn_conv2d_shape *s = j->shape;
    size_t count = 0;
    for (size_t tap = 0, taps; tap < s->kw; tap += taps) {
        taps = run_length(j, tap);
        // With a single tap only the inputs that it reads are visited.
        const size_t stride = taps > 1 ? s->stride_w : 1, unit = taps > 1 ? 1 : s->stride_w;
        const size_t inputs = (columns - 1) * stride + taps;
        const size_t first = ox * s->stride_w + tap * s->dilation_w; // column in the padded row
        const size_t edge = s->pad_left + s->w;
        const size_t begin = first < s->pad_left ? ptn_div_up(s->pad_left - first, unit) : 0;
        const size_t end = first < edge ? ptn_div_up(edge - first, unit) : 0;
        runs[count++] = (grouped_taps){
            .tap = tap,
            .taps = taps,
            .stride = stride,
            .offset = ((ptrdiff_t)first - (ptrdiff_t)s->pad_left) * (ptrdiff_t)s->c,
            .step = unit * s->c,
            .begin = begin,
            .end = ptn_min(end, inputs),
        };
    }
    return count;
}

// The input row at `position`, counted from the top of the padding; NULL outside the image.
static const float *row_at(const ptn_conv2d_shape *s, const float *image, size_t position) {
    if (position < s->pad_top || position - s->pad_top >= s->h) return NULL;
    return image + (position - s->pad_top) * s->w * s->c;
}

// Inputs of the next output row to prefetch, or NULL. Prefetching pays only for kernels with one
// row, which use each cache line once; with more rows it costs more than it gains.
static const float *next_inputs(const grouped_job *j, const float *image, size_t oy,
                                grouped_tile_args *a) {
    const ptn_conv2d_shape *s = j->shape;
    const grouped_taps *run = a->run;
    const float *row = s->kh == 1 ? row_at(s, image, (oy + 1) * s->stride_h) : NULL;
    a->ahead_count = 0;
    if (!row || run->begin >= run->end) return NULL;
    a->ahead_count = run->end - run->begin;
    return row + run->offset + (ptrdiff_t)(run->begin * run->step);
}

// Computes the tiles of `columns` outputs from `ox` on in some rows and blocks.
static void run_tiles(const grouped_job *j, size_t sample, const size_t rows[2],
                      const size_t blocks[2], size_t ox, size_t columns, char *scratch) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_epilogue_part end = ptn_epilogue_at(&j->epilogue, sample, 0);
    const size_t in = s->c / s->groups, block_floats = j->vector * s->kh * s->kw * in;
    const size_t to = ptn_sample_at(j->places.outputs, sample);
    const float *image = j->x + ptn_sample_at(j->places.inputs, sample) * s->h * s->w * s->c;
    const float *weights = j->packed + sample * j->packed_stride;
    const float **addresses = (const float **)scratch;
    grouped_taps *runs = (grouped_taps *)(scratch + ptn_round_64(s->kh * sizeof(float *)));
    grouped_tile_args a = {
        .kh = s->kh,
        .kw = s->kw,
        .c = s->c,
        .channels = in,
        .rows = addresses,
        .zeros = j->zeros,
        .run = runs,
        .runs = find_runs(j, ox, columns, runs),
        .out_step = s->k,
    };
    for (size_t oy = rows[0]; oy < rows[1]; oy++) {
        for (size_t i = 0; i < s->kh; i++)
            addresses[i] = row_at(s, image, oy * s->stride_h + i * s->dilation_h);
        const float *ahead = next_inputs(j, image, oy, &a);
        const size_t pixel = (to * j->plan->out_h + oy) * j->plan->out_w + ox;
        for (size_t b = blocks[0]; b < blocks[1]; b++) {
            const size_t channel = b * j->vector;
            a.from = j->block[b].from;
            a.span = j->block[b].span;
            a.lanes_from = j->block[b].lanes;
            a.lanes = ptn_min(j->vector, s->k - channel);
            a.weights = weights + b * block_floats;
            a.end = ptn_epilogue_from(end, channel);
            a.ahead = ahead ? ahead + a.from : NULL;
            a.out = j->y + pixel * s->k + channel;
            (*j->tiles)[columns - 1](&a);
        }
    }
}

// Runs an activation that is not a clamp on a task's outputs while these are in the cache.
static void activate(const grouped_job *j, size_t sample, const size_t rows[2],
                     const size_t columns[2], const size_t channels[2]) {
    const size_t all = j->shape->k, width = columns[1] - columns[0];
    const size_t to = ptn_sample_at(j->places.outputs, sample);
    for (size_t oy = rows[0]; oy < rows[1]; oy++) {
        const size_t pixel = (to * j->plan->out_h + oy) * j->plan->out_w + columns[0];
        ptn_epilogue_activate_pixels(&j->epilogue, channels[0], channels[1] - channels[0], width,
                                     all, j->y + pixel * all + channels[0]);
    }
}

static void run_task(void *context, size_t index, int thread) {
    const grouped_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const size_t band = index % j->bands, column_band = index / j->bands % j->column_bands;
    const size_t rest = index / j->bands / j->column_bands;
    const size_t part = rest % j->parts, sample = rest / j->parts;
    size_t rows[2], tiles[2], blocks[2], columns[2], channels[2];
    for (size_t i = 0; i < 2; i++) {
        rows[i] = ptn_part_begin(j->plan->out_h, j->bands, band + i);
        tiles[i] = ptn_part_begin(j->columns, j->column_bands, column_band + i);
        blocks[i] = ptn_part_begin(j->blocks, j->parts, part + i);
        columns[i] = ptn_part_begin(j->plan->out_w, j->columns, tiles[i]);
        channels[i] = ptn_min(s->k, blocks[i] * j->vector);
    }
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    for (size_t t = tiles[0]; t < tiles[1]; t++) {
        const size_t ox = ptn_part_begin(j->plan->out_w, j->columns, t);
        const size_t end = ptn_part_begin(j->plan->out_w, j->columns, t + 1);
        run_tiles(j, sample, rows, blocks, ox, end - ox, scratch);
    }
    if (j->epilogue.activate) activate(j, sample, rows, columns, channels);
}

// Largest input of a task in bytes, so that it stays in the second-level cache from one block to
// the next; target number of tasks per thread, several because a core may be slower for a while.
static const size_t TASK_BYTES = 512 << 10;
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 4 };

// Cuts the work into tasks. Results do not depend on the cut.
static void cut(grouped_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t out_h = j->plan->out_h;
    const double row = (double)s->w * (double)s->c * sizeof(float) * (double)s->stride_h;
    const size_t fit = (size_t)fmax(1, (double)TASK_BYTES / row);
    j->bands = ptn_div_up(out_h, fit);
    j->column_bands = ptn_min(j->columns, (size_t)fmax(1, row / (double)TASK_BYTES));
    j->parts = 1;
    if (j->plan->threads <= 1) return;
    const size_t wanted = ptn_div_up(TASKS_PER_THREAD * (size_t)j->plan->threads, s->n);
    j->bands = ptn_max(j->bands, ptn_min(wanted, ptn_div_up(out_h, LEAST_ROWS)));
    j->parts = ptn_min(j->blocks, ptn_div_up(wanted, j->bands * j->column_bands));
    j->column_bands =
        ptn_max(j->column_bands, ptn_min(j->columns, ptn_div_up(wanted, j->bands * j->parts)));
}

static ptn_status run(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    const ptn_conv2d_plan *plan = call->plan;
    const ptn_isa isa = call->runtime->isa;
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    grouped_job j = {.shape = s,
                     .plan = plan,
                     .epilogue = ptn_epilogue_for(call->epilogue, isa, s->k, call->y),
                     .tiles = tile_tables[isa],
                     .places = call->places,
                     .x = call->input.maps[0],
                     .packed = call->packed,
                     .packed_stride = call->packed_stride,
                     .y = call->y,
                     .vector = ptn_isa_vector_floats(isa),
                     .columns = ptn_div_up(plan->out_w, ptn_grouped_outputs(isa)),
                     .zeros = (const float *)scratch,
                     .block = (ptn_grouped_block *)(scratch + zeros_bytes(s)),
                     .thread_bytes = thread_bytes(s)};
    memset(scratch, 0, zeros_bytes(s));
    j.thread_scratch = scratch + zeros_bytes(s) + blocks_bytes(isa, s);
    j.blocks = ptn_div_up(s->k, j.vector);
    for (size_t b = 0; b < j.blocks; b++) j.block[b] = ptn_grouped_block_at(s, j.vector, b);
    cut(&j);
    ptn_parallel(plan->threads, s->n * j.bands * j.column_bands * j.parts, run_task, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

static bool applies(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return !ptn_conv2d_is_depthwise(s);
}

static bool pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    return s->groups > 1 && ptn_grouped_pays(isa, s);
}

static double nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    (void)s;
    return ptn_with_weights_nanoseconds(2.5 * ptn_product_nanoseconds(isa, plan->multiply_adds),
                                        plan);
}

const ptn_conv2d_functions ptn_conv2d_grouped = {
    .applies = applies,
    .pays = pays,
    .floats = floats,
    .scratch = scratch_bytes,
    .nanoseconds = nanoseconds,
    .parts = parts,
    .pack = pack,
    .run = run,
    .reads_parts = true, // whole groups
};
