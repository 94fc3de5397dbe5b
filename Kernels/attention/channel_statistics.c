// Statistics per channel in one read of the map.
//
// As in global pooling, the map is cut into blocks of pixels and chunks of channels that depend on
// its shape alone. Deviations need two loops over a block, the second of which reads the cache.
#include "ptn_channel_statistics.h"
#include "../tensor/map.h"
#include "moments.h"
#include <math.h>

#define PTN_SOURCE "../attention/channel_statistics.inc"
#include "../core/foreach_isa.h"

enum { BLOCK_PIXELS = 256, CHANNEL_STEP = 64, MOST_PLANES = PTN_MOMENTS_PLANES + 3 };

typedef void (*statistics_block_fn)(unsigned what, size_t pixels, size_t step, size_t channels,
                                    const float *x, size_t plane, float *part);
static const statistics_block_fn statistics_block[PTN_ISA_COUNT] = PTN_TABLE(statistics_block);

typedef struct statistics_job {
    statistics_block_fn block;
    ptn_moments_fn moments;  // NULL without deviations
    unsigned statistics;     // what is wanted
    unsigned rest;           // what `block` computes
    size_t pixels, channels; // of a sample
    size_t block_pixels;
    size_t blocks, chunks, chunk; // blocks of pixels, chunks of channels per sample
    size_t per_task, tasks;       // blocks of a task, tasks per sample and chunk
    size_t planes, results;       // rows of a block, rows of a sample's result
    size_t steps;                 // parts of a sample's channels when blocks are combined
    size_t correction;
    double epsilon;
    const float *x;
    float *parts; // [sample, block, plane, channel]; with deviations the moments come first
    float *y;
} statistics_job;

// Some blocks of a sample for a chunk of channels.
static void measure_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const statistics_job *j = context;
    const size_t c0 = index % j->chunks * j->chunk, task = index / j->chunks;
    const size_t sample = task / j->tasks, first = task % j->tasks * j->per_task;
    const size_t channels = ptn_min(j->chunk, j->channels - c0), size = j->planes * j->channels;
    const float *x = j->x + sample * j->pixels * j->channels + c0;
    float *parts = j->parts + (sample * j->blocks + first) * size + c0;
    const size_t end = ptn_min(j->pixels, (first + j->per_task) * j->block_pixels);
    const size_t start = first * j->block_pixels;
    if (j->moments) {
        j->moments(end - start, j->channels, channels, x + start * j->channels, j->channels, size,
                   parts);
        parts += PTN_MOMENTS_PLANES * j->channels;
    }
    if (!j->rest) return;
    for (size_t p = start; p < end; p += j->block_pixels, parts += size)
        j->block(j->rest, ptn_min(j->block_pixels, end - p), j->channels, channels,
                 x + p * j->channels, j->channels, parts);
}

// Mean and deviation of one channel from its blocks' moments.
static void finish_moments(const statistics_job *j, const float *part, float **y) {
    const size_t block = j->planes * j->channels;
    const ptn_moments m = ptn_moments_of(j->pixels, j->channels, block, part);
    if (j->statistics & PTN_STATISTIC_MEAN) {
        **y = (float)m.mean;
        *y += j->channels;
    }
    double variance = 0;
    if (j->pixels > j->correction) variance = m.squares / (double)(j->pixels - j->correction);
    if (variance < 0) variance = 0; // by rounding
    **y = (float)sqrt(variance + j->epsilon);
    *y += j->channels;
}

// One of the other statistics of one channel.
static double combined(const statistics_job *j, unsigned what, const float *part) {
    double result = part[0];
    for (size_t b = 1; b < j->blocks; b++) {
        const double next = part[b * j->planes * j->channels];
        if (what != PTN_STATISTIC_MAX)
            result += next;
        else if (next > result || next != next)
            result = next;
    }
    if (what == PTN_STATISTIC_MEAN) return result * (1.0 / (double)j->pixels);
    return what == PTN_STATISTIC_L2 ? sqrt(result + j->epsilon) : result;
}

static void combine_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const statistics_job *j = context;
    const size_t sample = index / j->steps, begin = index % j->steps * CHANNEL_STEP;
    const float *parts = j->parts + sample * j->blocks * j->planes * j->channels;
    for (size_t c = begin; c < ptn_min(j->channels, begin + CHANNEL_STEP); c++) {
        const float *part = parts + c;
        float *y = j->y + sample * j->results * j->channels + c;
        if (j->moments) {
            finish_moments(j, part, &y);
            part += PTN_MOMENTS_PLANES * j->channels;
        }
        for (unsigned what = PTN_STATISTIC_MEAN; what <= PTN_STATISTIC_L2; what <<= 1) {
            if (!(j->rest & what)) continue;
            *y = (float)combined(j, what, part);
            y += j->channels;
            part += j->channels;
        }
    }
}

// What follows from the statistics and the shape.
static void plan(statistics_job *j) {
    const unsigned moments = PTN_STATISTIC_MEAN | PTN_STATISTIC_DEVIATION;
    j->rest = j->moments ? j->statistics & ~moments : j->statistics;
    j->block_pixels = j->moments ? PTN_MOMENTS_PIXELS : BLOCK_PIXELS;
    j->planes = (size_t)__builtin_popcount(j->rest) + (j->moments ? PTN_MOMENTS_PLANES : 0);
    j->results = (size_t)__builtin_popcount(j->statistics);
    j->blocks = ptn_div_up(j->pixels, j->block_pixels);
    const size_t steps = 2 * PTN_CHUNK / (ptn_min(j->pixels, j->block_pixels) * CHANNEL_STEP);
    j->chunk = ptn_max(1, steps) * CHANNEL_STEP;
    j->chunks = ptn_div_up(j->channels, j->chunk);
    j->steps = ptn_div_up(j->channels, CHANNEL_STEP);
    j->per_task = j->moments ? ptn_moments_blocks(ptn_min(j->chunk, j->channels), PTN_CHUNK) : 1;
    j->tasks = ptn_div_up(j->blocks, j->per_task);
}

ptn_status ptn_channel_statistics(const ptn_runtime *runtime, unsigned statistics, size_t samples,
                                  size_t pixels, size_t channels, size_t correction, double epsilon,
                                  const float *x, float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count, parts, results;
    const size_t blocks = ptn_div_up(pixels, PTN_MOMENTS_PIXELS);
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_float_bytes(samples, blocks, MOST_PLANES, channels, &parts) ||
        !ptn_float_bytes(samples, MOST_PLANES, channels, 1, &results))
        return PTN_SIZE_OVERFLOW;
    if (pixels == 0 || statistics == 0 || statistics > PTN_STATISTIC_ALL || !(epsilon >= 0))
        return PTN_BAD_ARGUMENT;
    if (samples == 0 || channels == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    statistics_job j = {.block = statistics_block[runtime->isa],
                        .statistics = statistics,
                        .pixels = pixels,
                        .channels = channels,
                        .correction = correction,
                        .epsilon = epsilon,
                        .x = x,
                        .y = y};
    if (statistics & PTN_STATISTIC_DEVIATION) j.moments = ptn_moments_blocks_of[runtime->isa];
    plan(&j);
    parts = samples * j.blocks * j.planes * channels;
    j.parts = ptn_scratch_acquire(parts * sizeof(float));
    if (!j.parts) return PTN_OUT_OF_MEMORY;
    ptn_parallel(ptn_threads_for_floats(runtime, count), samples * j.tasks * j.chunks,
                 measure_blocks, &j);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * parts), samples * j.steps, combine_blocks, &j);
    ptn_scratch_release(j.parts);
    return PTN_OK;
}
