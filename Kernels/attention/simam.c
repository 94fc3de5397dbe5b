// SimAM: one pass over the map for the statistics of every channel, one for the gates.
#include "ptn_simam.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/simam.inc"
#include "../core/foreach_isa.h"

enum { BLOCK_PIXELS = 128, CHANNEL_STEP = 64 };

typedef void (*simam_block_fn)(size_t pixels, size_t channels, const float *x, float *part);
typedef void (*simam_row_fn)(size_t n, const float *x, const float *mean, const float *rest,
                             const float *factor, float *y);
static const simam_block_fn simam_block[PTN_ISA_COUNT] = PTN_TABLE(simam_block);
static const simam_row_fn simam_row[PTN_ISA_COUNT] = PTN_TABLE(simam_row);

typedef struct simam_job {
    simam_block_fn block;
    simam_row_fn row;
    ptn_rows rows; // the second pass: chunks of pixels
    size_t blocks; // the first pass: blocks of pixels per sample
    size_t steps;  // parts of a sample's channels
    double lambda;
    const float *x;
    float *parts;         // [samples, blocks, 3, channels]
    float *means, *rests; // [samples, channels]; rests: the means' parts beyond a float
    float *factors;       // [samples, channels]
    float *y;
} simam_job;

static void measure_block(void *context, size_t index, int thread) {
    (void)thread;
    const simam_job *j = context;
    const ptn_rows *r = &j->rows;
    size_t sample = index / j->blocks, first = index % j->blocks * BLOCK_PIXELS;
    j->block(ptn_min(BLOCK_PIXELS, r->pixels - first), r->channels,
             j->x + (sample * r->pixels + first) * r->channels, j->parts + index * 3 * r->channels);
}

// The means of some channels of a sample, and 1 / (4 (v + lambda)).
static void combine_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const simam_job *j = context;
    const size_t channels = j->rows.channels, pixels = j->rows.pixels;
    size_t sample = index / j->steps, begin = index % j->steps * CHANNEL_STEP;
    const float *parts = j->parts + sample * j->blocks * 3 * channels;
    for (size_t c = begin; c < ptn_min(channels, begin + CHANNEL_STEP); c++) {
        double sum = 0, squares = 0;
        for (size_t b = 0; b < j->blocks; b++) {
            const float *part = parts + b * 3 * channels + c;
            const double n = (double)ptn_min(BLOCK_PIXELS, pixels - b * BLOCK_PIXELS);
            sum += n * (double)part[0] + (double)part[channels];
        }
        const double mean = sum / (double)pixels;
        for (size_t b = 0; b < j->blocks; b++) {
            const float *part = parts + b * 3 * channels + c;
            const double n = (double)ptn_min(BLOCK_PIXELS, pixels - b * BLOCK_PIXELS);
            // sum (x - mean)^2 = sum (x - m)^2 + 2 (m - mean) sum (x - m) + n (m - mean)^2
            const double off = (double)part[0] - mean;
            squares += (double)part[2 * channels] + off * (2 * (double)part[channels] + n * off);
        }
        const double variance = pixels > 1 ? squares / (double)(pixels - 1) : 0;
        j->means[sample * channels + c] = (float)mean;
        j->rests[sample * channels + c] = (float)(mean - (double)(float)mean);
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
    const size_t blocks = ptn_div_up(pixels, BLOCK_PIXELS);
    size_t count, planes, floats;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) || !ptn_mul(blocks, 3, &planes) ||
        !ptn_float_bytes(samples, planes + 3, channels, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    if (!(lambda > 0)) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    float *scratch = ptn_scratch_acquire(floats * sizeof(float));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    simam_job j = {.block = simam_block[runtime->isa],
                   .row = simam_row[runtime->isa],
                   .blocks = blocks,
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
    ptn_parallel(threads, samples * blocks, measure_block, &j);
    ptn_parallel(threads, samples * j.steps, combine_blocks, &j);
    ptn_parallel(threads, samples * j.rows.chunks, gate_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
