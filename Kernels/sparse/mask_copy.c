// Copies between dense maps and compact rows. All functions here are limited by memory bandwidth.
#include "ptn_mask_copy.h"
#include "inactive.h"
#include <string.h>

enum { ROWS_PER_TASK = 256 };
// One core reads and writes about 8 bytes per nanosecond.
static int threads_for(const ptn_runtime *runtime, size_t floats) {
    return ptn_threads_worth(runtime->threads, (double)floats * sizeof(float) / 8);
}

typedef struct copy_job {
    ptn_mask_view view;
    size_t c;
    float *map, *rows;
    bool scatters;
} copy_job;

static void copy_rows(void *context, size_t index, int thread) {
    (void)thread;
    const copy_job *j = context;
    const size_t end = ptn_min((index + 1) * ROWS_PER_TASK, j->view.count);
    size_t sample = 0, image = j->view.h * j->view.w;
    for (size_t i = index * ROWS_PER_TASK; i < end; i++) {
        while (j->view.offsets[sample + 1] <= i) sample++;
        float *pixel = j->map + (sample * image + (size_t)j->view.pixels[i]) * j->c;
        float *row = j->rows + i * j->c;
        if (j->scatters)
            memcpy(pixel, row, j->c * sizeof(float));
        else
            memcpy(row, pixel, j->c * sizeof(float));
    }
}

static ptn_status copy(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c, float *map,
                       float *rows, bool scatters) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    copy_job j = {.view = *v, .c = c, .map = map, .rows = rows, .scatters = scatters};
    ptn_parallel(threads_for(runtime, v->count * c), ptn_div_up(v->count, ROWS_PER_TASK), copy_rows,
                 &j);
    return PTN_OK;
}

ptn_status ptn_mask_gather(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                           const float *map, float *rows) {
    return copy(runtime, plan, c, (float *)map, rows, false);
}

ptn_status ptn_mask_scatter(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                            const float *rows, float *map) {
    return copy(runtime, plan, c, map, (float *)rows, true);
}

typedef struct gather_job {
    ptn_mask_view view;
    size_t maps_count, all; // channels of all maps
    const size_t *c;
    const float *const *maps;
    float *rows;
} gather_job;

static void gather_rows(void *context, size_t index, int thread) {
    (void)thread;
    const gather_job *j = context;
    const size_t end = ptn_min((index + 1) * ROWS_PER_TASK, j->view.count);
    const size_t image = j->view.h * j->view.w;
    for (size_t i = index * ROWS_PER_TASK, sample = 0; i < end; i++) {
        while (j->view.offsets[sample + 1] <= i) sample++;
        const size_t at = sample * image + (size_t)j->view.pixels[i];
        float *row = j->rows + i * j->all;
        for (size_t m = 0; m < j->maps_count; row += j->c[m], m++)
            memcpy(row, j->maps[m] + at * j->c[m], j->c[m] * sizeof(float));
    }
}

ptn_status ptn_mask_gather_maps(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                size_t maps_count, const size_t *c, const float *const *maps,
                                float *rows) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    size_t all = 0, floats;
    for (size_t m = 0; m < maps_count; m++)
        if (!ptn_add(all, c[m], &all)) return PTN_SIZE_OVERFLOW;
    // If the sizes fit for all channels together, they fit for each map.
    if (!ptn_float_bytes(v->n, v->h, v->w, all, NULL) ||
        !ptn_float_bytes(v->count, all, 1, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    gather_job j = {
        .view = *v, .maps_count = maps_count, .all = all, .c = c, .maps = maps, .rows = rows};
    ptn_parallel(threads_for(runtime, floats), ptn_div_up(v->count, ROWS_PER_TASK), gather_rows,
                 &j);
    return PTN_OK;
}

typedef struct channels_job {
    ptn_mask_view view;
    size_t from_c, to_c;
    const float *from;
    float *to;
} channels_job;

static void copy_channels(void *context, size_t index, int thread) {
    (void)thread;
    const channels_job *j = context;
    const size_t end = ptn_min((index + 1) * ROWS_PER_TASK, j->view.count);
    const size_t image = j->view.h * j->view.w;
    const size_t bytes = ptn_min(j->from_c, j->to_c) * sizeof(float);
    for (size_t i = index * ROWS_PER_TASK, sample = 0; i < end; i++) {
        while (j->view.offsets[sample + 1] <= i) sample++;
        const size_t at = sample * image + (size_t)j->view.pixels[i];
        memcpy(j->to + at * j->to_c, j->from + at * j->from_c, bytes);
    }
}

ptn_status ptn_mask_copy_channels(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                  size_t from_c, const float *from, size_t to_c, float *to) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, ptn_max(from_c, to_c), NULL)) return PTN_SIZE_OVERFLOW;
    channels_job j = {.view = *v, .from_c = from_c, .to_c = to_c, .from = from, .to = to};
    ptn_parallel(threads_for(runtime, v->count * ptn_min(from_c, to_c)),
                 ptn_div_up(v->count, ROWS_PER_TASK), copy_channels, &j);
    return PTN_OK;
}

static void fill(void *context, size_t index, int thread) {
    (void)thread;
    ptn_inactive_run(context, index);
}

ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                                  const float *base, float *map) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    const ptn_masked_conv2d_mask mask = {
        .outputs = plan, .inactive = base ? PTN_MASKED_COPY : PTN_MASKED_ZERO, .base = base};
    ptn_inactive_job j = ptn_inactive_for(&mask, c, map);
    ptn_parallel(threads_for(runtime, (v->n * v->h * v->w - v->count) * c), j.tasks, fill, &j);
    return PTN_OK;
}
