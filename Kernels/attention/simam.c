// SimAM: one pass over the map for the statistics of every channel, one for the gates.
#include "ptn_simam.h"
#include "../tensor/map.h"
#include "moments.h"

#define PTN_SOURCE "../attention/simam.inc"
#include "../core/foreach_isa.h"

enum { CHANNEL_STEP = 64 };

typedef void (*simam_row_fn)(size_t n, const float *x, const float *mean, const float *rest,
                             const float *factor, float *y);
static const simam_row_fn simam_row[PTN_ISA_COUNT] = PTN_TABLE(simam_row);

typedef struct simam_job {
    ptn_moments_fn moments;
    simam_row_fn row;
    ptn_rows rows;          // the second pass: chunks of pixels
    size_t blocks;          // the first pass: blocks of pixels per sample,
    size_t per_task, tasks; // blocks of a task, tasks per sample
    size_t steps;           // parts of a sample's channels
    double lambda;
    const float *x;
    float *parts;         // [samples, blocks, 3, channels]
    float *means, *rests; // [samples, channels]; rests: the means' parts beyond a float
    float *factors;       // [samples, channels]
    float *y;
} simam_job;

static void measure_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const simam_job *j = context;
    const ptn_rows *r = &j->rows;
    const size_t sample = index / j->tasks, block = index % j->tasks * j->per_task;
    const size_t first = block * PTN_MOMENTS_PIXELS, size = PTN_MOMENTS_PLANES * r->channels;
    j->moments(ptn_min(j->per_task * PTN_MOMENTS_PIXELS, r->pixels - first), r->channels,
               r->channels, j->x + (sample * r->pixels + first) * r->channels, r->channels, size,
               j->parts + (sample * j->blocks + block) * size);
}

// The means of some channels of a sample, and 1 / (4 (v + lambda)).
static void combine_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const simam_job *j = context;
    const size_t channels = j->rows.channels, pixels = j->rows.pixels;
    size_t sample = index / j->steps, begin = index % j->steps * CHANNEL_STEP;
    const float *parts = j->parts + sample * j->blocks * PTN_MOMENTS_PLANES * channels;
    for (size_t c = begin; c < ptn_min(channels, begin + CHANNEL_STEP); c++) {
        const ptn_moments m =
            ptn_moments_of(pixels, channels, PTN_MOMENTS_PLANES * channels, parts + c);
        const double variance = pixels > 1 ? m.squares / (double)(pixels - 1) : 0;
        j->means[sample * channels + c] = (float)m.mean;
        j->rests[sample * channels + c] = (float)(m.mean - (double)(float)m.mean);
        j->factors[sample * channels + c] = (float)(0.25 / (variance + j->lambda));
    }
}

static void gate_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const simam_job *j = context;
    const ptn_rows *r = &j->rows;
    float means[PTN_PERIOD_MOST], rests[PTN_PERIOD_MOST], factors[PTN_PERIOD_MOST];
    size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    size_t pixels = ptn_min(r->pixels, first + r->chunk) - first, span = r->repeat * r->channels;
    const float *mean = ptn_repeated(r, j->means + sample * r->channels, means);
    const float *rest = ptn_repeated(r, j->rests + sample * r->channels, rests);
    const float *factor = ptn_repeated(r, j->factors + sample * r->channels, factors);
    const size_t at = (sample * r->pixels + first) * r->channels, n = pixels * r->channels;
    for (size_t i = 0; i < n; i += span)
        j->row(ptn_min(span, n - i), j->x + at + i, mean, rest, factor, j->y + at + i);
}

ptn_status ptn_simam(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t channels,
                     float lambda, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    const size_t blocks = ptn_div_up(pixels, PTN_MOMENTS_PIXELS);
    size_t count, planes, floats;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_mul(blocks, PTN_MOMENTS_PLANES, &planes) ||
        !ptn_float_bytes(samples, planes + 3, channels, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    if (!(lambda > 0)) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    float *scratch = ptn_scratch_acquire(floats * sizeof(float));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    simam_job j = {.moments = ptn_moments_blocks_of[runtime->isa],
                   .row = simam_row[runtime->isa],
                   .blocks = blocks,
                   .per_task = ptn_moments_blocks(channels, PTN_CHUNK),
                   .steps = ptn_div_up(channels, CHANNEL_STEP),
                   .lambda = (double)lambda,
                   .x = x,
                   .parts = scratch,
                   .y = y};
    j.rows = ptn_rows_plan(samples, pixels, channels);
    j.means = scratch + samples * planes * channels;
    j.rests = j.means + samples * channels;
    j.factors = j.rests + samples * channels;
    const int threads = ptn_threads_for_floats(runtime, 2 * count);
    j.tasks = ptn_div_up(blocks, j.per_task);
    ptn_parallel(threads, samples * j.tasks, measure_blocks, &j);
    ptn_parallel(threads, samples * j.steps, combine_blocks, &j);
    ptn_parallel(threads, samples * j.rows.chunks, gate_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
