// Products of each pixel's channels with one vector per sample, summed group by group.
#include "ptn_group_dot.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/group_dot.inc"
#include "../core/foreach_isa.h"

enum { MOST_LANES = 16 };

typedef void (*group_pixels_fn)(size_t pixels, size_t groups, size_t size, const float *x,
                                const float *factors, size_t most, float *products, float *y);
static const group_pixels_fn group_pixels[PTN_ISA_COUNT] = PTN_TABLE(group_pixels);

typedef struct group_job {
    group_pixels_fn run;
    size_t pixels, channels, groups, chunk, chunks; // chunks of pixels per sample
    const float *x, *factors;
    float *y;
} group_job;

static void run_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const group_job *j = context;
    float products[PTN_BLOCK + 2 * MOST_LANES] = {0};
    const size_t sample = index / j->chunks, first = index % j->chunks * j->chunk;
    const size_t at = sample * j->pixels + first;
    j->run(ptn_min(j->chunk, j->pixels - first), j->groups, j->channels / j->groups,
           j->x + at * j->channels, j->factors + sample * j->channels, PTN_BLOCK, products,
           j->y + at * j->groups);
}

ptn_status ptn_group_dot(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t channels,
                         size_t groups, const float *x, const float *factors, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (groups == 0 || channels % groups != 0) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !factors || !y) return PTN_BAD_ARGUMENT;
    group_job j = {.run = group_pixels[runtime->isa],
                   .pixels = pixels,
                   .channels = channels,
                   .groups = groups,
                   .chunk = ptn_max(1, PTN_CHUNK / channels),
                   .x = x,
                   .factors = factors,
                   .y = y};
    j.chunks = ptn_div_up(pixels, j.chunk);
    ptn_parallel(ptn_threads_for_floats(runtime, count), samples * j.chunks, run_chunk, &j);
    return PTN_OK;
}
