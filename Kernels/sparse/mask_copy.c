// Copies between dense maps and compact rows. All of it is bound by memory.
#include "ptn_mask_copy.h"
#include "masked_conv2d.h"
#include <string.h>

enum { ROWS_PER_TASK = 256 };
// Some 8 bytes per nanosecond on one core, read and written.
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

static void fill(void *context, size_t index, int thread) {
    (void)thread;
    ptn_inactive_run(context, index);
}

ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                                  const float *base, float *map) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    const ptn_masked_conv2d_mask mask = {.outputs = plan,
                                         .inactive = base ? PTN_MASKED_COPY : PTN_MASKED_ZERO,
                                         .base = base};
    ptn_inactive_job j = ptn_inactive_for(&mask, c, map);
    ptn_parallel(threads_for(runtime, (v->n * v->h * v->w - v->count) * c), j.tasks, fill, &j);
    return PTN_OK;
}
