// Group normalisation in three steps: moments of blocks of rows, moments of groups, and one pass
// that subtracts and scales.
//
// With few channels a row consists of several pixels, so that vectors are full. Blocks, and thus
// the order of every sum, depend only on the map's shape.
#include "ptn_group_norm.h"
#include "../tensor/map.h"
#include <math.h>

#define PTN_SOURCE "../normalization/group_norm.inc"
#include "../core/foreach_isa.h"

enum { BLOCK_ROWS = 64, LANES_PER_TASK = 256, PLANES = 3 };

typedef void (*block_fn)(size_t rows, size_t step, size_t lanes, const float *x,
                         float *const parts[PLANES]);
typedef void (*row_fn)(size_t n, const float *x, const float *mean, const float *scale,
                       const float *shift, float *y);
static const block_fn group_norm_block[PTN_ISA_COUNT] = PTN_TABLE(group_norm_block);
static const row_fn group_norm_row[PTN_ISA_COUNT] = PTN_TABLE(group_norm_row);

typedef struct group_norm_job {
    ptn_rows rows;
    size_t lanes;     // floats of a row: `rows.repeat` pixels
    size_t full_rows; // per sample
    size_t rest;      // pixels of the last row if it is not full; it is a block of its own
    size_t blocks;    // per sample
    size_t lane_tasks, groups;
    double epsilon;
    block_fn moments;
    row_fn normalise;
    ptn_activate_row_fn activate; // NULL for none
    const ptn_activation_spec *activation;
    const float *weight, *bias, *x;
    bool affine_per_sample;
    float *parts;  // [sample][block][plane][lane]: see group_norm_lanes
    float *tables; // [sample][plane][channel]: mean, scale, shift
    float *y;
} group_norm_job;

// Size of a block.
typedef struct block_size {
    size_t rows, lanes;
} block_size;

static block_size size_of(const group_norm_job *j, size_t block) {
    const size_t first = block * BLOCK_ROWS;
    if (first >= j->full_rows) return (block_size){1, j->rest * j->rows.channels};
    return (block_size){ptn_min(BLOCK_ROWS, j->full_rows - first), j->lanes};
}

static void run_block(void *context, size_t index, int thread) {
    (void)thread;
    const group_norm_job *j = context;
    const size_t lane = index % j->lane_tasks * LANES_PER_TASK, part = index / j->lane_tasks;
    const size_t sample = part / j->blocks, block = part % j->blocks;
    const block_size size = size_of(j, block);
    if (lane >= size.lanes) return;
    // A last row that is not full comes after the full ones.
    const size_t row = ptn_min(block * BLOCK_ROWS, j->full_rows);
    const float *x = j->x + sample * j->rows.pixels * j->rows.channels + row * j->lanes + lane;
    float *first = j->parts + part * PLANES * j->lanes + lane;
    float *const planes[PLANES] = {first, first + j->lanes, first + 2 * j->lanes};
    j->moments(size.rows, j->lanes, ptn_min(LANES_PER_TASK, size.lanes - lane), x, planes);
}

// Sums over the lanes of a group: of values, and of squared deviations from a mean.
typedef struct group_sums {
    double values, squares;
} group_sums;

// Adds the lanes [begin, end) of a block of `rows` rows. A lane's squared deviations from `mean`
// are computed from those from its own mean and the distance of the two means.
static void add_lanes(const group_norm_job *j, const float *parts, size_t rows, size_t begin,
                      size_t end, double mean, group_sums *sums) {
    const double n = (double)rows;
    for (size_t l = begin; l < end; l++) {
        const double near = parts[l], first = parts[j->lanes + l], second = parts[2 * j->lanes + l];
        const double away = near + first / n - mean;
        sums->values += n * near + first;
        sums->squares += second - first * first / n + n * away * away;
    }
}

static group_sums sums_of(const group_norm_job *j, size_t sample, size_t group, double mean) {
    const size_t width = j->rows.channels / j->groups;
    group_sums sums = {0, 0};
    for (size_t b = 0; b < j->blocks; b++) {
        const block_size size = size_of(j, b);
        const float *parts = j->parts + (sample * j->blocks + b) * PLANES * j->lanes;
        for (size_t l = group * width; l < size.lanes; l += j->rows.channels)
            add_lanes(j, parts, size.rows, l, l + width, mean, &sums);
    }
    return sums;
}

// Fills the tables of one group of one sample. The part of the mean that is lost by rounding it to
// float is added to the shift.
static void run_group(void *context, size_t index, int thread) {
    (void)thread;
    const group_norm_job *j = context;
    const size_t sample = index / j->groups, group = index % j->groups, c = j->rows.channels;
    const size_t width = c / j->groups;
    const double count = (double)j->rows.pixels * (double)width;
    const double mean = sums_of(j, sample, group, 0).values / count;
    double variance = sums_of(j, sample, group, mean).squares / count;
    if (variance < 0) variance = 0; // by rounding
    const double factor = 1 / sqrt(variance + j->epsilon);
    const float near = (float)mean;
    float *table = j->tables + sample * PLANES * c;
    const size_t own = j->affine_per_sample ? sample * c : 0;
    for (size_t i = group * width; i < (group + 1) * width; i++) {
        const double scale = j->weight ? factor * (double)j->weight[own + i] : factor;
        table[i] = near;
        table[c + i] = (float)scale;
        table[2 * c + i] =
            (float)((j->bias ? (double)j->bias[own + i] : 0) - (mean - near) * scale);
    }
}

static void run_rows(void *context, size_t index, int thread) {
    (void)thread;
    const group_norm_job *j = context;
    const ptn_rows *r = &j->rows;
    float repeated[PLANES][PTN_PERIOD_MOST];
    const size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    const size_t end = ptn_min(r->pixels, first + r->chunk);
    const float *table = j->tables + sample * PLANES * r->channels;
    const float *mean = ptn_repeated(r, table, repeated[0]);
    const float *scale = ptn_repeated(r, table + r->channels, repeated[1]);
    const float *shift = ptn_repeated(r, table + 2 * r->channels, repeated[2]);
    for (size_t p = first; p < end; p += r->repeat) {
        const size_t n = ptn_min(r->repeat, end - p) * r->channels;
        const size_t at = (sample * r->pixels + p) * r->channels;
        j->normalise(n, j->x + at, mean, scale, shift, j->y + at);
        if (j->activate) j->activate(j->activation, NULL, n, j->y + at, j->y + at);
    }
}

static void run(const ptn_runtime *runtime, group_norm_job *j, size_t count) {
    const int threads = ptn_threads_for_floats(runtime, count);
    ptn_parallel(threads, j->rows.samples * j->blocks * j->lane_tasks, run_block, j);
    ptn_parallel(threads, j->rows.samples * j->groups, run_group, j);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), j->rows.samples * j->rows.chunks,
                 run_rows, j);
}

ptn_status ptn_group_norm(const ptn_runtime *runtime, size_t samples, size_t pixels,
                          size_t channels, size_t groups, double epsilon, const float *weight,
                          const float *bias, bool affine_per_sample,
                          const ptn_activation_spec *activation, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t count, parts, tables;
    if (groups == 0 || channels == 0 || channels % groups != 0) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    group_norm_job j = {.rows = ptn_rows_plan(samples, pixels, channels),
                        .groups = groups,
                        .epsilon = epsilon,
                        .moments = group_norm_block[runtime->isa],
                        .normalise = group_norm_row[runtime->isa],
                        .activation = activation,
                        .weight = weight,
                        .bias = bias,
                        .affine_per_sample = affine_per_sample,
                        .x = x,
                        .y = y};
    if (activation->kind != PTN_ACT_IDENTITY) j.activate = ptn_activate_row[runtime->isa];
    j.lanes = j.rows.repeat * channels;
    j.full_rows = pixels / j.rows.repeat;
    j.rest = pixels % j.rows.repeat;
    j.blocks = ptn_div_up(j.full_rows, BLOCK_ROWS) + (j.rest > 0);
    j.lane_tasks = ptn_div_up(j.lanes, LANES_PER_TASK);
    if (!ptn_float_bytes(samples, channels, PLANES, 1, &tables) ||
        !ptn_float_bytes(samples, j.blocks, j.lanes, PLANES, &parts) ||
        !ptn_float_bytes(tables + parts, 1, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    j.parts = ptn_scratch_acquire((parts + tables) * sizeof(float));
    if (!j.parts) return PTN_OUT_OF_MEMORY;
    j.tables = j.parts + parts;
    run(runtime, &j, count);
    ptn_scratch_release(j.parts);
    return PTN_OK;
}
