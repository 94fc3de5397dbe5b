// Strided copies. There are no variants per instruction set, since the C library's memcpy chooses
// one.
#include "ptn_strided_copy.h"
#include "map.h"
#include "walk.h"

typedef struct strided_job {
    const float *x;
    float *y;
} strided_job;

static void copy_row(const float *x, ptrdiff_t step, size_t n, float *y) {
    if (step == 1 && n >= 16) {
        memcpy(y, x, n * sizeof *x);
    } else if (step == 1) {
        for (size_t i = 0; i < n; i++) y[i] = x[i];
    } else if (step == 0) {
        const float value = *x;
        for (size_t i = 0; i < n; i++) y[i] = value;
    } else if (step == -1) {
        for (size_t i = 0; i < n; i++) y[i] = x[-(ptrdiff_t)i];
    } else {
        for (size_t i = 0; i < n; i++) y[i] = x[(ptrdiff_t)i * step];
    }
}

static void copy_item(const void *context, const ptn_walk *w, const ptn_walk_item *item) {
    const strided_job *j = context;
    const float *x = j->x + item->at[0];
    float *y = j->y + item->y;
    const ptrdiff_t row = ptn_walk_row_step(w, 0), step = ptn_walk_step(w, 0);
    for (size_t r = 0; r < item->rows; r++, x += row, y += item->length)
        copy_row(x, step, item->length, y);
}

ptn_status ptn_strided_copy(const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                            const ptrdiff_t *steps, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    ptn_walk w;
    status = ptn_walk_start(&w, rank, sizes);
    if (status != PTN_OK) return status;
    ptn_walk_add(&w, steps);
    ptn_walk_plan(&w);
    if (w.count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    const strided_job j = {x, y};
    ptn_walk_run(&w, ptn_threads_for_floats(runtime, 2 * w.count), copy_item, &j);
    return PTN_OK;
}
