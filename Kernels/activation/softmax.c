// Softmax over the innermost axis: three passes over a row that stays in cache.
#include "ptn_softmax.h"
#include "../core/rows.h"
#include <math.h>

#define PTN_SOURCE "../activation/softmax.inc"
#include "../core/foreach_isa.h"

typedef void (*softmax_row_fn)(bool logarithm, size_t n, const float *x, float *y);
static const softmax_row_fn softmax_row[PTN_ISA_COUNT] = PTN_TABLE(softmax_row);

typedef struct softmax_job {
    softmax_row_fn row;
    bool logarithm;
    size_t rows, rows_per_task, channels;
    const float *x;
    float *y;
} softmax_job;

static void softmax_rows(void *context, size_t index, int thread) {
    (void)thread;
    const softmax_job *j = context;
    size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task);
    for (size_t r = index * j->rows_per_task; r < end; r++)
        j->row(j->logarithm, j->channels, j->x + r * j->channels, j->y + r * j->channels);
}

ptn_status ptn_softmax(const ptn_runtime *runtime, bool logarithm, size_t rows, size_t channels,
                       const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(rows, channels, 1, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    softmax_job j = {.row = softmax_row[runtime->isa],
                     .logarithm = logarithm,
                     .rows = rows,
                     .rows_per_task = ptn_max(1, PTN_CHUNK / channels),
                     .channels = channels,
                     .x = x,
                     .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 3 * count), ptn_div_up(rows, j.rows_per_task),
                 softmax_rows, &j);
    return PTN_OK;
}
