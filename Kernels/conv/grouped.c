// Convolution of groups that are narrower than a vector: one vector of outputs (a block) spans
// several groups.
//
// The inputs that such a block needs for channel i of its groups are spread over the lanes first:
// lane l takes channel i of its own group. Spread rows lie in the first-level cache, serve all
// taps, and a tile then needs nothing but loads and full-width multiply-adds.
#include "conv2d_internal.h"
#include <stdint.h>
#include <string.h>

// Sums of a tile: this many rows ...
#define GROUPED_ROWS 2
// ... and this many columns at most.
#define GROUPED_COLUMNS 14
#define GROUPED_LANES 16

// Lanes of a block whose inputs lie within one vector's length.
typedef struct grouped_source {
    size_t first;                 // the first of those inputs for i = 0
    size_t last;                  // how far the last is from it, less than a vector
    int32_t lanes[GROUPED_LANES]; // distance of each lane's input from `first`; SKIPPED: not here
} grouped_source;

// Stays negative when a channel's number is added, or a step back into the pixel.
static const int32_t SKIPPED = INT32_MIN / 2;

// A row of inputs, spread: out[i][column][lane].
typedef struct grouped_spread_args {
    const grouped_source *source; // [sources]
    size_t sources, channels, c;
    const float *x;             // pixel of column `begin`
    size_t step;                // floats from one column to the next
    ptrdiff_t ahead;            // floats to the row that will be wanted next; 0: none
    size_t begin, end, columns; // columns outside [begin, end) are outside the image
    size_t plane;               // floats from one channel to the next
    float *out;
} grouped_spread_args;

typedef struct grouped_tile_args {
    size_t kh, kw, channels, plane;
    const float *const *rows; // [kh][GROUPED_ROWS] spread rows; NULL: all outside
    const size_t *taps;       // [kw]: where in a spread row the strip's first inputs are
    size_t first;             // from there to the tile's
    const float *weights;     // [kh][kw][channels][lane]
    size_t lanes;             // output channels to store
    float *out[GROUPED_ROWS];
    size_t out_step;          // floats from one column to the next
    const float *bias, *gate; // of the block's first channel; may be NULL
    ptrdiff_t residual;       // bytes from an output to its residual; used when has_residual
    bool has_residual, residual_last;
    float low, high;
} grouped_tile_args;

typedef void (*grouped_tile_fn)(const grouped_tile_args *args);
typedef struct grouped_kernels {
    void (*spread)(const grouped_spread_args *args);
    grouped_tile_fn tiles[GROUPED_ROWS][GROUPED_COLUMNS];
} grouped_kernels;

#define PTN_SOURCE "../conv/grouped.inc"
#include "../core/foreach_isa.h"

#if defined(__x86_64__)
static const grouped_kernels *const kernels[PTN_ISA_COUNT] = {&grouped_scalar, &grouped_avx2,
                                                              &grouped_avx512, NULL};
#elif defined(__aarch64__)
static const grouped_kernels *const kernels[PTN_ISA_COUNT] = {&grouped_scalar, NULL, NULL,
                                                              &grouped_neon};
#else
static const grouped_kernels *const kernels[PTN_ISA_COUNT] = {&grouped_scalar};
#endif

// Spread rows that a tile reads should stay in the first-level cache beside the weights.
static const size_t SPREAD_BYTES = 36 << 10;
// Narrowest strip of columns that is worth a tile.
enum { LEAST_COLUMNS = 7 };

// How a convolution is cut; follows from the shape, the instruction set and the plan's sizes.
typedef struct cutting {
    size_t vector, blocks;          // lanes; vectors of output channels
    size_t sources;                 // per block at most
    size_t channels;                // inputs per group
    size_t tile_rows, tile_columns; // of the largest tile
    size_t ring;                    // spread rows that are kept
    size_t phases;                  // remainders of tap columns by the stride
    size_t reach;                   // columns of a spread row beyond a strip's own
    size_t strips, strip_columns;   // strips per row; columns of the widest
    size_t plane, row;              // floats of a spread channel, of a spread row
} cutting;

// Inputs that a block of outputs reads lie at most this far apart for one channel of the groups.
static size_t widest_span(const ptn_conv2d_shape *s, size_t vector) {
    const size_t out = s->k / s->groups, in = s->c / s->groups;
    size_t touched = vector % out == 0 ? vector / out : (vector - 2) / out + 2;
    return (ptn_min(touched, s->groups) - 1) * in + 1;
}

// Distinct remainders of tap columns by the stride.
static size_t count_phases(const ptn_conv2d_shape *s) {
    size_t count = 1;
    while (count < s->kw && count * s->dilation_w % s->stride_w != 0) count++;
    return count;
}

static void cut_columns(cutting *c, size_t out_w) {
    const size_t column = c->ring * c->phases * c->channels * c->vector * sizeof(float);
    const size_t fit = SPREAD_BYTES / column;
    size_t columns = fit > c->reach + LEAST_COLUMNS ? fit - c->reach : LEAST_COLUMNS;
    if (columns > c->tile_columns) columns -= columns % c->tile_columns;
    c->strips = ptn_div_up(out_w, columns);
    c->strip_columns = ptn_div_up(out_w, c->strips);
    // An odd number of lines: channels a power of two apart would share few sets of the cache.
    c->plane = ((c->strip_columns + c->reach) | 1) * c->vector;
    c->row = c->phases * c->channels * c->plane;
}

static cutting cut(ptn_isa isa, const ptn_conv2d_shape *s, size_t out_h, size_t out_w) {
    cutting c = {.vector = ptn_isa_vector_floats(isa), .channels = s->c / s->groups};
    c.blocks = ptn_div_up(s->k, c.vector);
    c.sources = ptn_div_up(widest_span(s, c.vector), c.vector);
    c.tile_rows = 1;
    c.tile_columns = isa == PTN_ISA_SCALAR ? 7 : GROUPED_COLUMNS;
    if (out_h > 1 && (ptn_tile_vectors(isa) == 4 || out_w <= 7)) {
        c.tile_rows = 2;
        c.tile_columns = isa == PTN_ISA_SCALAR ? 3 : isa == PTN_ISA_AVX2 ? 7 : GROUPED_COLUMNS;
    }
    c.ring = (c.tile_rows - 1) * s->stride_h + (s->kh - 1) * s->dilation_h + 1;
    c.phases = count_phases(s);
    c.reach = (s->kw - 1) * s->dilation_w / s->stride_w;
    cut_columns(&c, out_w);
    return c;
}

bool ptn_conv2d_grouped_pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    const double vector = (double)ptn_isa_vector_floats(isa), out = (double)s->k / (double)s->groups;
    if (fmod(out, vector) == 0) return false;
    // The spread rows of one narrow strip.
    const double rows = (double)(s->kh - 1) * (double)s->dilation_h + (double)s->stride_h + 1;
    const double columns = (double)(s->kw - 1) * (double)s->dilation_w / (double)s->stride_w + 7;
    const double channels = (double)s->c / (double)s->groups;
    const double phases = (double)ptn_min(s->kw, s->stride_w);
    if (rows * columns * channels * phases * vector * sizeof(float) > 512 << 10) return false;
    // Cycles per output pixel and input channel of a group: a multiply-add takes half a cycle and a
    // spread input one per source.
    const double taps = (double)s->kh * (double)s->kw;
    const double reuse = fmax(1, taps / ((double)s->stride_h * (double)s->stride_w));
    const double sources = ceil((double)widest_span(s, (size_t)vector) / vector);
    const double blocks = ceil((double)s->k / vector);
    const double grouped = blocks * (taps / 2 + taps / reuse * 1.4 * (2 * sources - 1));
    const double direct = (double)s->groups * ceil(out / vector) * taps / 2 * 1.15;
    return grouped < direct;
}

bool ptn_conv2d_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_float_bytes(s->kh, s->kw, s->c / s->groups, ptn_div_up(s->k, vector) * vector,
                           floats);
}

// [k][c][tap] into [block][tap][c][lane].
void ptn_conv2d_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                             const float *scale, float *packed) {
    const size_t vector = ptn_isa_vector_floats(isa), taps = s->kh * s->kw, in = s->c / s->groups;
    const size_t lanes = ptn_div_up(s->k, vector) * vector;
    for (size_t k = 0; k < lanes; k++) {
        float *to = packed + k / vector * vector * taps * in + k % vector;
        const float factor = k < s->k && scale ? scale[k] : 1;
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < in; c++, to += vector)
                *to = k < s->k ? weights[(k * in + c) * taps + t] * factor : 0;
    }
}

typedef struct grouped_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_epilogue *epilogue;
    cutting cut;
    const grouped_kernels *kernels;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    float low, high;
    size_t bands, column_bands, parts; // tasks per sample: of rows, of strips, of blocks
    grouped_source *sources;           // [blocks][cut.sources]
    size_t *source_counts;             // [blocks]
    size_t *taps, *phases;             // [kw]; [cut.phases]: remainders
    const float *zeros;                // a spread row outside the image
    char *thread_scratch;
    size_t thread_bytes;
} grouped_job;

// Sources of all blocks, their numbers, offsets of taps, remainders, a row of zeros.
static size_t shared_bytes(const cutting *c, const ptn_conv2d_shape *s) {
    return ptn_round_64(c->blocks * c->sources * sizeof(grouped_source)) +
           ptn_round_64((c->blocks + s->kw + c->phases) * sizeof(size_t)) +
           c->row * sizeof(float);
}

// Spread rows, which rows they are, a tile's row addresses.
static size_t thread_bytes(const cutting *c, const ptn_conv2d_shape *s) {
    return c->ring * c->row * sizeof(float) + ptn_round_64(c->ring * sizeof(size_t)) +
           ptn_round_64(s->kh * GROUPED_ROWS * sizeof(float *));
}

size_t ptn_conv2d_grouped_scratch(ptn_isa isa, const ptn_conv2d_shape *s,
                                  const ptn_conv2d_plan *plan) {
    const cutting c = cut(isa, s, plan->out_h, plan->out_w);
    return shared_bytes(&c, s) + (size_t)plan->threads * thread_bytes(&c, s);
}

// Gathers the lanes of a block into as few sources as their order allows.
static size_t find_sources(const grouped_job *j, size_t block, grouped_source *sources) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t vector = j->cut.vector, in = s->c / s->groups, out = s->k / s->groups;
    const size_t begin = block * vector, lanes = ptn_min(vector, s->k - begin);
    size_t count = 0;
    for (size_t l = 0; l < lanes;) {
        grouped_source *source = sources + count++;
        source->first = (begin + l) / out * in;
        for (size_t i = 0; i < GROUPED_LANES; i++) source->lanes[i] = SKIPPED;
        for (; l < lanes; l++) {
            const size_t distance = (begin + l) / out * in - source->first;
            if (distance >= vector) break;
            source->last = distance;
            source->lanes[l] = (int32_t)distance;
        }
    }
    return count;
}

static void fill_tables(const grouped_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const cutting *c = &j->cut;
    for (size_t b = 0; b < c->blocks; b++)
        j->source_counts[b] = find_sources(j, b, j->sources + b * c->sources);
    for (size_t k = 0; k < s->kw; k++) {
        const size_t position = k * s->dilation_w;
        if (k < c->phases) j->phases[k] = position % s->stride_w;
        // Remainders repeat after `phases` taps.
        j->taps[k] = k % c->phases * c->channels * c->plane + position / s->stride_w * c->vector;
    }
}

// One thread's work on one strip of one block.
typedef struct strip {
    const float *image;
    size_t block, column, columns;
    float *ring;
    size_t *held;       // [ring]: which row, counted from the top of the padding; SIZE_MAX: none
    const float **rows; // [kh][GROUPED_ROWS]
} strip;

static void spread_row(const grouped_job *j, const strip *t, size_t y, float *out) {
    const ptn_conv2d_shape *s = j->shape;
    const cutting *c = &j->cut;
    grouped_spread_args a = {
        .source = j->sources + t->block * c->sources,
        .sources = j->source_counts[t->block],
        .channels = c->channels,
        .c = s->c,
        .step = s->stride_w * s->c,
        .columns = t->columns + c->reach,
        .plane = c->plane,
    };
    const size_t next = c->tile_rows * s->stride_h;
    if (s->h - y > next) a.ahead = (ptrdiff_t)(next * s->w * s->c);
    for (size_t p = 0; p < c->phases; p++) {
        const size_t left = t->column * s->stride_w + j->phases[p]; // from the padding's edge
        a.begin = left < s->pad_left ? ptn_div_up(s->pad_left - left, s->stride_w) : 0;
        a.begin = ptn_min(a.begin, a.columns);
        const size_t edge = s->pad_left + s->w;
        a.end = left < edge ? ptn_div_up(edge - left, s->stride_w) : 0;
        a.end = ptn_max(a.begin, ptn_min(a.end, a.columns));
        const size_t first = a.begin < a.end ? left + a.begin * s->stride_w - s->pad_left : 0;
        a.x = t->image + (y * s->w + first) * s->c;
        a.out = out + p * c->channels * c->plane;
        j->kernels->spread(&a);
    }
}

// The spread row at `position`, counted from the top of the padding; NULL outside the image.
static const float *row_at(const grouped_job *j, const strip *t, size_t position) {
    const ptn_conv2d_shape *s = j->shape;
    if (position < s->pad_top || position - s->pad_top >= s->h) return NULL;
    const size_t slot = position % j->cut.ring;
    float *row = t->ring + slot * j->cut.row;
    if (t->held[slot] != position) {
        spread_row(j, t, position - s->pad_top, row);
        t->held[slot] = position;
    }
    return row;
}

// Addresses of the `count` output rows from `oy` on, for every row of taps.
static void find_rows(const grouped_job *j, const strip *t, size_t oy, size_t count) {
    const ptn_conv2d_shape *s = j->shape;
    for (size_t i = 0; i < s->kh; i++) {
        const float **rows = t->rows + i * GROUPED_ROWS;
        bool any = false;
        for (size_t m = 0; m < count; m++) {
            rows[m] = row_at(j, t, (oy + m) * s->stride_h + i * s->dilation_h);
            any |= rows[m] != NULL;
        }
        for (size_t m = 0; any && m < count; m++)
            if (!rows[m]) rows[m] = j->zeros;
    }
}

static size_t part_begin(size_t all, size_t parts, size_t index) {
    return all / parts * index + ptn_min(index, all % parts);
}

static void run_strip(const grouped_job *j, strip *t, size_t sample, size_t first_row,
                      size_t last_row) {
    const ptn_conv2d_shape *s = j->shape;
    const cutting *c = &j->cut;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t channel = t->block * c->vector;
    grouped_tile_args a = {
        .kh = s->kh,
        .kw = s->kw,
        .channels = c->channels,
        .plane = c->plane,
        .rows = t->rows,
        .taps = j->taps,
        .weights = j->packed + sample * j->packed_stride + channel * s->kh * s->kw * c->channels,
        .lanes = ptn_min(c->vector, s->k - channel),
        .out_step = s->k,
        .bias = e->bias ? e->bias + sample * e->bias_stride + channel : NULL,
        .gate = e->gate ? e->gate + sample * s->k + channel : NULL,
        .has_residual = e->residual != NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->y),
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    for (size_t i = 0; i < c->ring; i++) t->held[i] = SIZE_MAX;
    const size_t tiles = ptn_div_up(t->columns, c->tile_columns);
    for (size_t oy = first_row; oy < last_row; oy += c->tile_rows) {
        const size_t count = ptn_min(c->tile_rows, last_row - oy);
        find_rows(j, t, oy, count);
        size_t done = 0;
        for (size_t i = 0; i < tiles; i++) {
            const size_t end = part_begin(t->columns, tiles, i + 1), columns = end - done;
            const size_t pixel = (sample * j->plan->out_h + oy) * j->plan->out_w + t->column + done;
            for (size_t m = 0; m < GROUPED_ROWS; m++)
                a.out[m] = j->y + (pixel + m % count * j->plan->out_w) * s->k + channel;
            a.first = done * c->vector;
            j->kernels->tiles[count - 1][columns - 1](&a);
            done = end;
        }
    }
}

// Other activations than clamps, on the task's outputs while they are in the cache.
static void activate(const grouped_job *j, size_t sample, size_t rows[2], size_t columns[2],
                     size_t channels[2]) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_activation_spec *act = &j->epilogue->activation;
    const size_t count = channels[1] - channels[0], width = columns[1] - columns[0];
    const bool runs = count == s->k && !act->slopes; // the pixels of a row are one run
    const float *slopes = act->slopes ? act->slopes + channels[0] : NULL;
    for (size_t oy = rows[0]; oy < rows[1]; oy++) {
        const size_t pixel = (sample * j->plan->out_h + oy) * j->plan->out_w + columns[0];
        float *y = j->y + pixel * s->k + channels[0];
        for (size_t i = 0; i < (runs ? 1 : width); i++, y += s->k)
            j->activate(act->kind, act->slope, slopes, runs ? count * width : count, y, y);
    }
}

static void run_task(void *context, size_t index, int thread) {
    const grouped_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const cutting *c = &j->cut;
    const size_t band = index % j->bands, rest = index / j->bands;
    const size_t column_band = rest % j->column_bands, rest2 = rest / j->column_bands;
    const size_t part = rest2 % j->parts, sample = rest2 / j->parts;
    size_t rows[2], columns[2], channels[2], strips[2], blocks[2];
    for (size_t i = 0; i < 2; i++) {
        rows[i] = part_begin(j->plan->out_h, j->bands, band + i);
        strips[i] = part_begin(c->strips, j->column_bands, column_band + i);
        blocks[i] = part_begin(c->blocks, j->parts, part + i);
        columns[i] = part_begin(j->plan->out_w, c->strips, strips[i]);
        channels[i] = ptn_min(s->k, blocks[i] * c->vector);
    }
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    strip t = {.image = j->x + sample * s->h * s->w * s->c, .ring = (float *)scratch};
    t.held = (size_t *)(t.ring + c->ring * c->row);
    t.rows = (const float **)((char *)t.held + ptn_round_64(c->ring * sizeof(size_t)));
    for (size_t b = blocks[0]; b < blocks[1]; b++)
        for (size_t i = strips[0]; i < strips[1]; i++) {
            t.block = b;
            t.column = part_begin(j->plan->out_w, c->strips, i);
            t.columns = part_begin(j->plan->out_w, c->strips, i + 1) - t.column;
            run_strip(j, &t, sample, rows[0], rows[1]);
        }
    if (j->activate) activate(j, sample, rows, columns, channels);
}

// Inputs of a band of rows should stay in the second-level cache from one block to the next; tasks
// per thread to aim at, since one core is often slower than another for a while.
static const size_t BAND_BYTES = 512 << 10;
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 8 };

static void cut_tasks(grouped_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const cutting *c = &j->cut;
    const size_t out_h = j->plan->out_h, row = s->w * s->c * sizeof(float) * s->stride_h;
    j->column_bands = j->parts = 1;
    j->bands = ptn_div_up(out_h, ptn_max(LEAST_ROWS, BAND_BYTES / row));
    if (j->plan->threads <= 1) return;
    const size_t wanted = TASKS_PER_THREAD * (size_t)j->plan->threads;
    size_t missing = ptn_div_up(wanted, s->n);
    j->bands = ptn_max(j->bands, ptn_min(missing, ptn_div_up(out_h, LEAST_ROWS)));
    missing = ptn_div_up(missing, j->bands);
    j->parts = ptn_min(missing, c->blocks);
    missing = ptn_div_up(missing, j->parts);
    j->column_bands = ptn_min(missing, c->strips);
}

ptn_status ptn_conv2d_grouped(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                              const ptn_conv2d_plan *plan, const float *x, const float *packed,
                              size_t packed_stride, const ptn_conv2d_epilogue *epilogue, float *y) {
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    grouped_job j = {.shape = shape,
                     .plan = plan,
                     .epilogue = epilogue,
                     .cut = cut(runtime->isa, shape, plan->out_h, plan->out_w),
                     .kernels = kernels[runtime->isa],
                     .x = x,
                     .packed = packed,
                     .packed_stride = packed_stride,
                     .y = y};
    const cutting *c = &j.cut;
    j.sources = (grouped_source *)scratch;
    j.source_counts =
        (size_t *)(scratch + ptn_round_64(c->blocks * c->sources * sizeof(grouped_source)));
    j.taps = j.source_counts + c->blocks;
    j.phases = j.taps + shape->kw;
    j.thread_scratch = scratch + shared_bytes(c, shape);
    j.thread_bytes = thread_bytes(c, shape);
    float *zeros = (float *)j.thread_scratch - c->row;
    memset(zeros, 0, c->row * sizeof(float));
    j.zeros = zeros;
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    fill_tables(&j);
    cut_tasks(&j);
    ptn_parallel(plan->threads, shape->n * j.bands * j.column_bands * j.parts, run_task, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
