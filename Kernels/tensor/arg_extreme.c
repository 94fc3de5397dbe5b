// Positions of extremes: first finds the extreme values, then the first index of each.
#include "reduce.h"
#include "map.h"

typedef struct arg_job {
    const ptn_reduce_table *f;
    size_t outer, size, inner, column_blocks, per_task;
    const float *x, *values;
    float *y;
} arg_job;

static void find_in_rows(const arg_job *j, size_t begin, size_t end) {
    for (size_t o = begin; o < end; o++) {
        const float *x = j->x + o * j->size;
        const float value = j->values[o];
        size_t i = 0;
        while (i + 1 < j->size && x[i] != value && x[i] == x[i]) i++;
        j->y[o] = (float)i;
    }
}

static void arg_task(void *context, size_t index, int thread) {
    (void)thread;
    const arg_job *j = context;
    const size_t items = j->outer * j->column_blocks;
    const size_t end = ptn_min(items, (index + 1) * j->per_task);
    if (j->inner == 1) {
        find_in_rows(j, index * j->per_task, end);
        return;
    }
    for (size_t item = index * j->per_task; item < end; item++) {
        const size_t o = item / j->column_blocks,
                     first = item % j->column_blocks * PTN_REDUCE_COLUMNS;
        const size_t n = ptn_min(PTN_REDUCE_COLUMNS, j->inner - first), at = o * j->inner + first;
        j->f->first_rows(j->size, j->inner, n, j->x + o * j->size * j->inner + first,
                         j->values + at, j->y + at);
    }
}

ptn_status ptn_arg_extreme(const ptn_runtime *runtime, bool largest, size_t outer, size_t size,
                           size_t inner, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count, results;
    if (!ptn_float_bytes(outer, size, inner, 1, &count) ||
        !ptn_float_bytes(outer, inner, 1, 1, &results))
        return PTN_SIZE_OVERFLOW;
    if (results == 0) return PTN_OK;
    if (size == 0 || size > (size_t)1 << 24 || !x || !y) return PTN_BAD_ARGUMENT;
    float *values = ptn_scratch_acquire(results * sizeof *values);
    if (!values) return PTN_OUT_OF_MEMORY;
    status = ptn_reduce(runtime, largest ? PTN_REDUCE_MAXIMUM : PTN_REDUCE_MINIMUM, 3,
                        (size_t[]){outer, size, inner}, 1 << 1, 0, x, values);
    if (status == PTN_OK) {
        arg_job j = {.f = &ptn_reduce_functions[runtime->isa],
                     .outer = outer,
                     .size = size,
                     .inner = inner,
                     .column_blocks = ptn_div_up(inner, PTN_REDUCE_COLUMNS),
                     .x = x,
                     .values = values,
                     .y = y};
        j.per_task = ptn_max(1, PTN_REDUCE_BLOCK / size / ptn_min(inner, PTN_REDUCE_COLUMNS));
        ptn_parallel(ptn_threads_for_floats(runtime, count),
                     ptn_div_up(outer * j.column_blocks, j.per_task), arg_task, &j);
    }
    ptn_scratch_release(values);
    return status;
}
