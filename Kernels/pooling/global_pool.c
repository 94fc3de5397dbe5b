// Pooling over whole maps.
//
// The map is cut into blocks of pixels and chunks of channels, depending only on its shape, so the
// order of summation does not depend on the threads. At batch 1 a small map with many channels is
// cut by channels, a large one with few channels by pixels.
#include "../tensor/map.h"
#include "ptn_pool.h"

#define PTN_SOURCE "../pooling/global_pool.inc"
#include "../core/foreach_isa.h"

enum { BLOCK_PIXELS = 256, CHANNEL_STEP = 64 };

typedef void (*global_block_fn)(ptn_pool_kind kind, size_t pixels, size_t step, size_t channels,
                                const float *x, float *y);
static const global_block_fn global_block[PTN_ISA_COUNT] = PTN_TABLE(global_block);

typedef struct global_job {
    global_block_fn block;
    ptn_pool_kind kind;
    size_t pixels, c;
    size_t blocks, chunks, chunk; // blocks of pixels, chunks of channels per sample
    const float *x;
    float *parts; // [sample, block, channel]
} global_job;

static void pool_block(void *context, size_t index, int thread) {
    (void)thread;
    const global_job *j = context;
    size_t c0 = index % j->chunks * j->chunk, part = index / j->chunks;
    size_t sample = part / j->blocks, p0 = part % j->blocks * BLOCK_PIXELS;
    j->block(j->kind, ptn_min(BLOCK_PIXELS, j->pixels - p0), j->c, ptn_min(j->chunk, j->c - c0),
             j->x + (sample * j->pixels + p0) * j->c + c0, j->parts + part * j->c + c0);
}

static void combine(const global_job *j, size_t sample, float *y) {
    const float *parts = j->parts + sample * j->blocks * j->c;
    const double scale = 1.0 / (double)j->pixels;
    for (size_t c = 0; c < j->c; c++) {
        double sum = parts[c];
        for (size_t b = 1; b < j->blocks; b++) {
            double part = parts[b * j->c + c];
            if (j->kind == PTN_POOL_AVERAGE)
                sum += part;
            else if (part > sum || part != part)
                sum = part;
        }
        y[c] = (float)(j->kind == PTN_POOL_AVERAGE ? sum * scale : sum);
    }
}

ptn_status ptn_global_pool(const ptn_runtime *runtime, ptn_pool_kind kind, size_t n, size_t pixels,
                           size_t c, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t blocks = ptn_div_up(pixels, BLOCK_PIXELS), count, parts;
    if (!ptn_float_bytes(n, pixels, c, 1, &count) || !ptn_float_bytes(n, blocks, c, 1, &parts))
        return PTN_SIZE_OVERFLOW;
    if (pixels == 0 || kind < PTN_POOL_MAX || kind > PTN_POOL_AVERAGE) return PTN_BAD_ARGUMENT;
    if (n == 0 || c == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    global_job j = {.block = global_block[runtime->isa],
                    .kind = kind,
                    .pixels = pixels,
                    .c = c,
                    .blocks = blocks,
                    .x = x};
    size_t steps = ptn_max(1, 2 * PTN_CHUNK / (ptn_min(pixels, BLOCK_PIXELS) * CHANNEL_STEP));
    j.chunk = steps * CHANNEL_STEP;
    j.chunks = ptn_div_up(c, j.chunk);
    // With one block its sums are the result, so they are written to y.
    j.parts = blocks == 1 ? y : ptn_scratch_acquire(parts * sizeof(float));
    if (!j.parts) return PTN_OUT_OF_MEMORY;
    ptn_parallel(ptn_threads_for_floats(runtime, count), n * blocks * j.chunks, pool_block, &j);
    for (size_t sample = 0; sample < n; sample++) combine(&j, sample, y + sample * c);
    if (blocks > 1) ptn_scratch_release(j.parts);
    return PTN_OK;
}
