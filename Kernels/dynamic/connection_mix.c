// The weighted sum of three connections.
#include "ptn_connection_mix.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../dynamic/connection_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*mix_pixel_fn)(size_t n, const float *shares, const float *a, const float *b,
                             const float *g, const float *scale, const float *shift, float *y);
static const mix_pixel_fn mix_pixel[PTN_ISA_COUNT] = PTN_TABLE(mix_pixel);

typedef struct mix_job {
    mix_pixel_fn mix;
    size_t pixels, channels, chunk, chunks;
    const float *shares, *a, *b, *g, *scale, *shift;
    float *y;
} mix_job;

static void mix_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const mix_job *j = context;
    const size_t sample = index / j->chunks, first = index % j->chunks * j->chunk;
    const size_t end = ptn_min(first + j->chunk, j->pixels);
    for (size_t p = first; p < end; p++) {
        const size_t at = (sample * j->pixels + p) * j->channels;
        j->mix(j->channels, j->shares + 3 * p, j->a + at, j->b + at, j->g + sample * j->channels,
               j->scale, j->shift, j->y + at);
    }
}

ptn_status ptn_connection_mix(const ptn_runtime *runtime, size_t samples, size_t pixels,
                              size_t channels, const float *shares, const float *a, const float *b,
                              const float *g, const float *scale, const float *shift, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, ptn_max(channels, 3), 1, &count))
        return PTN_SIZE_OVERFLOW;
    if (samples == 0 || pixels == 0 || channels == 0) return PTN_OK;
    mix_job j = {mix_pixel[runtime->isa], pixels, channels, 0, 0, shares, a, b, g, scale, shift, y};
    j.chunk = ptn_max(1, PTN_CHUNK / channels);
    j.chunks = ptn_div_up(pixels, j.chunk);
    const int threads = ptn_threads_for_floats(runtime, 3 * count);
    ptn_parallel(threads, samples * j.chunks, mix_chunk, &j);
    return PTN_OK;
}
