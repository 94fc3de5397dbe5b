// Softmax-weighted means over pixels in one read of the map.
#include "ptn_context_pool.h"
#include "../tensor/map.h"
#include <math.h>

#define PTN_SOURCE "../attention/context_pool.inc"
#include "../core/foreach_isa.h"

enum { BLOCK_PIXELS = 64, CHANNEL_STEP = 256 };

// `scores` has room for BLOCK_PIXELS, a multiple of every vector length.
typedef void (*context_block_fn)(size_t pixels, size_t channels, const float *x,
                                 const float *weight, float bias, float *scores, float *part);
static const context_block_fn context_block[PTN_ISA_COUNT] = PTN_TABLE(context_block);

typedef struct context_job {
    context_block_fn block;
    size_t pixels, channels, blocks, steps;
    const float *x, *weight;
    float bias;
    float *parts; // [sample, block, 2 + channels]
    float *y;
} context_job;

static void pool_block(void *context, size_t index, int thread) {
    (void)thread;
    const context_job *j = context;
    const size_t sample = index / j->blocks, first = index % j->blocks * BLOCK_PIXELS;
    float scores[BLOCK_PIXELS];
    j->block(ptn_min(BLOCK_PIXELS, j->pixels - first), j->channels,
             j->x + (sample * j->pixels + first) * j->channels, j->weight, j->bias, scores,
             j->parts + index * (2 + j->channels));
}

// Adds a sample's blocks for some of its channels.
static void combine_blocks(void *context, size_t index, int thread) {
    (void)thread;
    const context_job *j = context;
    const size_t row = 2 + j->channels, sample = index / j->steps;
    const size_t begin = index % j->steps * CHANNEL_STEP;
    const size_t n = ptn_min(CHANNEL_STEP, j->channels - begin);
    const float *parts = j->parts + sample * j->blocks * row;
    float largest = parts[0];
    for (size_t b = 1; b < j->blocks; b++)
        if (parts[b * row] > largest) largest = parts[b * row];
    double sums[CHANNEL_STEP] = {0}, whole = 0;
    for (size_t b = 0; b < j->blocks; b++) {
        const float *part = parts + b * row;
        // A block whose scores are all -inf subtracted nothing, and its sums are 0 or NaN.
        const double factor =
            isinf(part[0]) && part[0] < 0 ? 1 : exp((double)part[0] - (double)largest);
        whole += factor * (double)part[1];
        for (size_t c = 0; c < n; c++) sums[c] += factor * (double)part[2 + begin + c];
    }
    float *y = j->y + sample * j->channels + begin;
    for (size_t c = 0; c < n; c++) y[c] = (float)(sums[c] / whole);
}

ptn_status ptn_context_pool(const ptn_runtime *runtime, size_t samples, size_t pixels,
                            size_t channels, const float *weight, float bias, const float *x,
                            float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    const size_t blocks = ptn_div_up(pixels, BLOCK_PIXELS);
    size_t count, row, floats;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) || !ptn_add(channels, 2, &row) ||
        !ptn_float_bytes(samples, blocks, row, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    if (pixels == 0) return PTN_BAD_ARGUMENT;
    if (samples == 0 || channels == 0) return PTN_OK;
    if (!weight || !x || !y) return PTN_BAD_ARGUMENT;
    float *parts = ptn_scratch_acquire(floats * sizeof(float));
    if (!parts) return PTN_OUT_OF_MEMORY;
    context_job j = {.block = context_block[runtime->isa],
                     .pixels = pixels,
                     .channels = channels,
                     .blocks = blocks,
                     .steps = ptn_div_up(channels, CHANNEL_STEP),
                     .x = x,
                     .weight = weight,
                     .bias = bias,
                     .parts = parts,
                     .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, count), samples * blocks, pool_block, &j);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * floats), samples * j.steps, combine_blocks,
                 &j);
    ptn_scratch_release(parts);
    return PTN_OK;
}
