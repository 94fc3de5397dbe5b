// Selection along an axis: rows by a list of indices, elements by a tensor of indices.
#include "ptn_gather.h"
#include "map.h"
#include "walk.h"

typedef struct select_job {
    size_t size, inner, count, rows, rows_per_task;
    const ptrdiff_t *indices;
    const float *x;
    float *y;
} select_job;

static void select_task(void *context, size_t index, int thread) {
    (void)thread;
    const select_job *j = context;
    const size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task);
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        const size_t from = r / j->count * j->size + (size_t)j->indices[r % j->count];
        memcpy(j->y + r * j->inner, j->x + from * j->inner, j->inner * sizeof *j->x);
    }
}

ptn_status ptn_index_select(const ptn_runtime *runtime, size_t outer, size_t size, size_t inner,
                            size_t count, const ptrdiff_t *indices, const float *x, float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t all;
    if (!ptn_float_bytes(outer, size, inner, 1, NULL) ||
        !ptn_float_bytes(outer, count, inner, 1, &all))
        return PTN_SIZE_OVERFLOW;
    for (size_t i = 0; i < count; i++)
        if (indices[i] < 0 || (size_t)indices[i] >= size) return PTN_BAD_ARGUMENT;
    if (all == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    select_job j = {.size = size,
                    .inner = inner,
                    .count = count,
                    .rows = outer * count,
                    .rows_per_task = ptn_max(1, PTN_CHUNK / inner),
                    .indices = indices,
                    .x = x,
                    .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * all), ptn_div_up(j.rows, j.rows_per_task),
                 select_task, &j);
    return PTN_OK;
}

// Operand 0 of the walk is x without the axis, operand 1 the indices.
typedef struct gather_job {
    const float *indices, *x;
    float *y;
    size_t size;         // size of x along the axis
    ptrdiff_t axis_step; // of x
    bool *is_bad;        // set by any thread, read when all are done
} gather_job;

// The size is compared as an integer too, since rounded to float it may be larger.
static bool is_index(float index, size_t size) {
    return index >= 0 && index < (float)size && (size_t)index < size &&
           (float)(size_t)index == index;
}

static void gather_item(const void *context, const ptn_walk *w, const ptn_walk_item *item) {
    const gather_job *j = context;
    const ptrdiff_t row = ptn_walk_row_step(w, 0), step = ptn_walk_step(w, 0);
    const float *indices = j->indices + item->y;
    float *y = j->y + item->y;
    for (size_t r = 0; r < item->rows; r++) {
        const float *x = j->x + item->at[0] + (ptrdiff_t)r * row;
        for (size_t i = 0; i < item->length; i++, x += step) {
            const float index = *indices++;
            if (!is_index(index, j->size)) {
                __atomic_store_n(j->is_bad, true, __ATOMIC_RELAXED);
                return;
            }
            *y++ = x[(ptrdiff_t)index * j->axis_step];
        }
    }
}

static size_t find_bad(const gather_job *j, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!is_index(j->indices[i], j->size)) return i;
    return count;
}

ptn_status ptn_gather(const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                      const size_t *x_sizes, size_t axis, const float *indices, const float *x,
                      float *y, size_t *first_bad) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (rank > PTN_MOST_AXES || axis >= rank) return PTN_BAD_ARGUMENT;
    ptn_walk x_walk, w;
    status = ptn_walk_start(&x_walk, rank, x_sizes); // checks the size
    if (status == PTN_OK) status = ptn_walk_start(&w, rank, sizes);
    if (status != PTN_OK) return status;
    ptrdiff_t steps[PTN_MOST_AXES], step = 1;
    bool is_bad = false;
    gather_job j = {.indices = indices, .x = x, .y = y, .size = x_sizes[axis], .is_bad = &is_bad};
    for (size_t a = rank; a-- > 0; step *= (ptrdiff_t)x_sizes[a]) {
        if (a != axis && sizes[a] > x_sizes[a]) return PTN_BAD_ARGUMENT;
        steps[a] = a == axis ? 0 : step;
        if (a == axis) j.axis_step = step;
    }
    *first_bad = w.count;
    if (w.count == 0) return PTN_OK;
    if (j.size == 0) *first_bad = 0;
    if (j.size == 0) return PTN_OK;
    if (!indices || !x || !y) return PTN_BAD_ARGUMENT;
    ptn_walk_add(&w, steps);
    ptn_walk_plan(&w);
    // About two nanoseconds per element, since elements are far apart.
    ptn_walk_run(&w, ptn_threads_worth(runtime->threads, 2 * (double)w.count), gather_item, &j);
    if (is_bad) *first_bad = find_bad(&j, w.count);
    return PTN_OK;
}
