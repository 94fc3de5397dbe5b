// A linear layer of which every row computes some units only: the listed rows of the weight are
// read where they lie, so that nothing is packed for a list that is used once.
#include "ptn_selected_linear.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../dynamic/selected_linear.inc"
#include "../core/foreach_isa.h"

enum { UNITS_PER_TASK = 32 };

typedef void (*selected_units_fn)(size_t inputs, size_t count, const int32_t *units, const float *x,
                                  const float *weight, const float *bias, float *y);
static const selected_units_fn selected_units[PTN_ISA_COUNT] = PTN_TABLE(selected_units);

typedef struct selected_job {
    selected_units_fn run;
    size_t rows, inputs, outputs;
    const float *x, *weight, *bias;
    const size_t *offsets;
    const int32_t *units;
    float *y;
} selected_job;

// The row whose list holds entry `at`: the last one that begins there or before, and is not empty.
static size_t row_of(const selected_job *j, size_t at) {
    size_t low = 0, high = j->rows;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (j->offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void run_task(void *context, size_t index, int thread) {
    (void)thread;
    const selected_job *j = context;
    const size_t last = j->offsets[j->rows];
    size_t at = index * UNITS_PER_TASK;
    const size_t end = ptn_min(at + UNITS_PER_TASK, last);
    for (size_t row = row_of(j, at); at < end; row++) {
        const size_t stop = ptn_min(j->offsets[row + 1], end);
        if (stop > at)
            j->run(j->inputs, stop - at, j->units + at, j->x + row * j->inputs, j->weight, j->bias,
                   j->y + row * j->outputs);
        at = ptn_max(at, stop);
    }
}

static bool lists_fit(const selected_job *j) {
    if (j->offsets[0] != 0) return false;
    for (size_t r = 0; r < j->rows; r++)
        if (j->offsets[r + 1] < j->offsets[r]) return false;
    for (size_t i = 0; i < j->offsets[j->rows]; i++)
        if (j->units[i] < 0 || (size_t)j->units[i] >= j->outputs) return false;
    return true;
}

ptn_status ptn_selected_linear(const ptn_runtime *runtime, size_t rows, size_t inputs,
                               size_t outputs, const float *x, const float *weight,
                               const float *bias, const size_t *offsets, const int32_t *units,
                               float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(rows, inputs, 1, 1, &count) ||
        !ptn_float_bytes(rows, outputs, 1, 1, &count) ||
        !ptn_float_bytes(outputs, inputs, 1, 1, &count))
        return PTN_SIZE_OVERFLOW;
    if (!offsets) return PTN_BAD_ARGUMENT;
    selected_job j = {
        selected_units[runtime->isa], rows, inputs, outputs, x, weight, bias, offsets, units, y};
    if (offsets[rows] > 0 && (!x || !weight || !units || !y)) return PTN_BAD_ARGUMENT;
    if (!lists_fit(&j)) return PTN_BAD_ARGUMENT;
    const size_t listed = offsets[rows];
    if (listed == 0) return PTN_OK;
    size_t read;
    if (!ptn_float_bytes(listed, ptn_max(inputs, 1), 1, 1, &read)) return PTN_SIZE_OVERFLOW;
    ptn_parallel(ptn_threads_for_floats(runtime, read), ptn_div_up(listed, UNITS_PER_TASK),
                 run_task, &j);
    return PTN_OK;
}
