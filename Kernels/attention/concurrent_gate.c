// Gates per channel and per pixel in one pass: a pixel's score is summed while the pixel is in the
// first-level cache, and applied there.
#include "ptn_concurrent_gate.h"
#include "../tensor/map.h"

enum { CONCURRENT_PIXELS = 16 };

#define PTN_SOURCE "../attention/concurrent_gate.inc"
#include "../core/foreach_isa.h"

typedef void (*concurrent_fn)(bool largest, bool gates_only, size_t pixels, size_t channels,
                              const float *weight, float bias, const float *channel, const float *x,
                              float *y);
static const concurrent_fn concurrent_pixels[PTN_ISA_COUNT] = PTN_TABLE(concurrent_pixels);

typedef struct concurrent_job {
    concurrent_fn run;
    ptn_activate_row_fn activate; // NULL for none
    const ptn_activation_spec *activation;
    size_t pixels, channels;
    size_t chunk, chunks; // pixels per task, tasks per sample
    const float *channel, *weight;
    float bias;
    bool largest, gates_only;
    const float *x;
    float *y;
} concurrent_job;

static void run_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const concurrent_job *j = context;
    const size_t sample = index / j->chunks, first = index % j->chunks * j->chunk;
    const size_t end = ptn_min(j->pixels, first + j->chunk);
    for (size_t p = first; p < end; p += CONCURRENT_PIXELS) {
        const size_t n = ptn_min(CONCURRENT_PIXELS, end - p);
        const size_t at = (sample * j->pixels + p) * j->channels;
        j->run(j->largest, j->gates_only, n, j->channels, j->weight, j->bias,
               j->channel + sample * j->channels, j->x + at, j->y + at);
        if (j->activate) j->activate(j->activation, NULL, n * j->channels, j->y + at, j->y + at);
    }
}

ptn_status ptn_concurrent_gate(const ptn_runtime *runtime, size_t samples, size_t pixels,
                               size_t channels, const float *channel, const float *weight,
                               float bias, bool largest, bool gates_only,
                               const ptn_activation_spec *activation, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!channel || !weight || !x || !y) return PTN_BAD_ARGUMENT;
    concurrent_job j = {.run = concurrent_pixels[runtime->isa],
                        .activation = activation,
                        .pixels = pixels,
                        .channels = channels,
                        .channel = channel,
                        .weight = weight,
                        .bias = bias,
                        .largest = largest,
                        .gates_only = gates_only,
                        .x = x,
                        .y = y};
    if (activation->kind != PTN_ACT_IDENTITY) j.activate = ptn_activate_row[runtime->isa];
    j.chunk = ptn_max(1, PTN_CHUNK / (channels * CONCURRENT_PIXELS)) * CONCURRENT_PIXELS;
    j.chunks = ptn_div_up(pixels, j.chunk);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), samples * j.chunks, run_chunk, &j);
    return PTN_OK;
}
