// A weighted sum of maps: every map is read once, and the sum is written once.
#include "ptn_map_mix.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/map_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*map_mix_row_fn)(size_t count, size_t n, const float *const *maps,
                               const float *weights, size_t step, float *y);
static const map_mix_row_fn map_mix_row[PTN_ISA_COUNT] = PTN_TABLE(map_mix_row);

typedef struct map_mix_job {
    map_mix_row_fn row;
    ptn_rows rows;
    size_t count, step;
    const float *const *maps;
    const float *weights;
    float *y;
} map_mix_job;

// The weights of a sample as rows that repeat along the map, `*span` floats each.
static const float *weights_of(const map_mix_job *j, size_t sample, float *buffer, size_t *span) {
    const ptn_rows *r = &j->rows;
    const float *own = j->weights + sample * j->count * r->channels;
    *span = r->repeat * r->channels;
    if (r->repeat == 1) return own;
    for (size_t k = 0; k < j->count; k++)
        ptn_repeated(r, own + k * r->channels, buffer + k * *span);
    return buffer;
}

static void map_mix_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const map_mix_job *j = context;
    const ptn_rows *r = &j->rows;
    float buffer[PTN_MAP_MIX_MOST * PTN_PERIOD_MOST];
    const size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    const size_t pixels = ptn_min(r->pixels, first + r->chunk) - first;
    size_t span;
    const float *weights = weights_of(j, sample, buffer, &span);
    // Rows of a wider map are not side by side.
    const bool close = j->step == r->channels;
    const size_t runs = close ? 1 : pixels, floats = close ? pixels * r->channels : r->channels;
    for (size_t run = 0; run < runs; run++) {
        const size_t pixel = sample * r->pixels + first + run;
        const float *from[PTN_MAP_MIX_MOST];
        float *y = j->y + pixel * r->channels;
        for (size_t i = 0; i < floats; i += span) {
            for (size_t k = 0; k < j->count; k++) from[k] = j->maps[k] + pixel * j->step + i;
            j->row(j->count, ptn_min(span, floats - i), from, weights, span, y + i);
        }
    }
}

ptn_status ptn_map_mix(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t channels,
                       size_t count, const float *const *maps, size_t map_step,
                       const float *weights, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(samples, pixels, map_step, 1, NULL) ||
        !ptn_float_bytes(samples, pixels, channels, 1, &floats) ||
        !ptn_float_bytes(samples, channels, PTN_MAP_MIX_MOST, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (count < 1 || count > PTN_MAP_MIX_MOST || map_step < channels) return PTN_BAD_ARGUMENT;
    if (floats == 0) return PTN_OK;
    if (!maps || !weights || !y) return PTN_BAD_ARGUMENT;
    for (size_t k = 0; k < count; k++)
        if (!maps[k]) return PTN_BAD_ARGUMENT;

    map_mix_job j = {.row = map_mix_row[runtime->isa],
                     .rows = ptn_rows_plan(samples, pixels, channels),
                     .count = count,
                     .step = map_step,
                     .maps = maps,
                     .weights = weights,
                     .y = y};
    // A part of a wider map is not contiguous, so its rows cannot be repeated.
    if (map_step != channels) {
        j.rows.repeat = 1;
        j.rows.chunk = ptn_max(1, PTN_CHUNK / channels);
        j.rows.chunks = ptn_div_up(pixels, j.rows.chunk);
    }
    ptn_parallel(ptn_threads_for_floats(runtime, (count + 1) * floats), samples * j.rows.chunks,
                 map_mix_chunk, &j);
    return PTN_OK;
}
