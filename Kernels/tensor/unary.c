// Driver of functions of one number.
#include "ptn_unary.h"
#include "map.h"

#define PTN_SOURCE "../tensor/unary.inc"
#include "../core/foreach_isa.h"

typedef void (*unary_row_fn)(ptn_unary_op op, size_t n, const float *x, float low, float high,
                             float *y);
static const unary_row_fn unary_row[PTN_ISA_COUNT] = PTN_TABLE(unary_row);

typedef struct unary_job {
    ptn_unary_op op;
    unary_row_fn row;
    size_t count;
    float low, high;
    const float *x;
    float *y;
} unary_job;

static void unary_task(void *context, size_t index, int thread) {
    (void)thread;
    const unary_job *j = context;
    const size_t begin = index * PTN_CHUNK, n = ptn_min(PTN_CHUNK, j->count - begin);
    j->row(j->op, n, j->x + begin, j->low, j->high, j->y + begin);
}

ptn_status ptn_unary(const ptn_runtime *runtime, ptn_unary_op op, size_t count, const float *x,
                     float low, float high, float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if ((int)op < 0 || (int)op >= PTN_UNARY_COUNT) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(count, 1, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    unary_job j = {op, unary_row[runtime->isa], count, low, high, x, y};
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), ptn_div_up(count, PTN_CHUNK),
                 unary_task, &j);
    return PTN_OK;
}
