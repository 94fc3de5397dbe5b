// Drivers of operations on two or three operands that broadcast.
#include "ptn_broadcast.h"
#include "map.h"
#include "walk.h"

// Vectors wider than registers are passed only to inlined functions, so the warning about their
// calling convention does not apply.
#pragma clang diagnostic ignored "-Wpsabi"
#define PTN_SOURCE "../tensor/broadcast.inc"
#include "../core/foreach_isa.h"

typedef void (*broadcast_row_fn)(ptn_broadcast_op op, bool one_a, bool one_b, size_t n,
                                 const float *a, const float *b, float *y);
typedef void (*where_row_fn)(size_t c_step, size_t a_step, size_t b_step, size_t n, const float *c,
                             const float *a, const float *b, float *y);
static const broadcast_row_fn broadcast_row[PTN_ISA_COUNT] = PTN_TABLE(broadcast_row);
static const where_row_fn where_row[PTN_ISA_COUNT] = PTN_TABLE(where_row);

typedef struct broadcast_job {
    ptn_broadcast_op op;
    broadcast_row_fn row;
    where_row_fn where;
    ptn_activate_row_fn activate;
    ptn_activation_spec activation;
    const float *x[PTN_WALK_OPERANDS];
    float *y;
} broadcast_job;

static void finish(const broadcast_job *j, size_t n, float *y) {
    if (j->activation.kind != PTN_ACT_IDENTITY) j->activate(&j->activation, NULL, n, y, y);
}

static void binary_item(const void *context, const ptn_walk *w, const ptn_walk_item *item) {
    const broadcast_job *j = context;
    float *y = j->y + item->y;
    if (ptn_walk_is_narrow(w)) {
        float buffers[2][PTN_WALK_BLOCK];
        const size_t n = item->rows * item->length;
        const float *a = ptn_walk_expand(w, item, 0, j->x[0], buffers[0]);
        const float *b = ptn_walk_expand(w, item, 1, j->x[1], buffers[1]);
        j->row(j->op, false, false, n, a, b, y);
        finish(j, n, y);
        return;
    }
    const float *a = j->x[0] + item->at[0], *b = j->x[1] + item->at[1];
    const bool one_a = ptn_walk_step(w, 0) == 0, one_b = ptn_walk_step(w, 1) == 0;
    for (size_t r = 0; r < item->rows; r++, y += item->length) {
        j->row(j->op, one_a, one_b, item->length, a, b, y);
        finish(j, item->length, y);
        a += ptn_walk_row_step(w, 0);
        b += ptn_walk_row_step(w, 1);
    }
}

static void where_item(const void *context, const ptn_walk *w, const ptn_walk_item *item) {
    const broadcast_job *j = context;
    float *y = j->y + item->y;
    const float *x[PTN_WALK_OPERANDS];
    if (ptn_walk_is_narrow(w)) {
        float buffers[PTN_WALK_OPERANDS][PTN_WALK_BLOCK];
        for (size_t o = 0; o < PTN_WALK_OPERANDS; o++)
            x[o] = ptn_walk_expand(w, item, o, j->x[o], buffers[o]);
        j->where(1, 1, 1, item->rows * item->length, x[0], x[1], x[2], y);
        return;
    }
    size_t steps[PTN_WALK_OPERANDS];
    for (size_t o = 0; o < PTN_WALK_OPERANDS; o++) {
        steps[o] = (size_t)ptn_walk_step(w, o);
        x[o] = j->x[o] + item->at[o];
    }
    for (size_t r = 0; r < item->rows; r++, y += item->length) {
        j->where(steps[0], steps[1], steps[2], item->length, x[0], x[1], x[2], y);
        for (size_t o = 0; o < PTN_WALK_OPERANDS; o++) x[o] += ptn_walk_row_step(w, o);
    }
}

// Checks the arguments that both functions share, and plans *w.
static ptn_status plan(ptn_walk *w, const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                       const ptrdiff_t *const *steps, size_t operands) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (rank > PTN_MOST_AXES) return PTN_BAD_ARGUMENT;
    status = ptn_walk_start(w, rank, sizes);
    if (status != PTN_OK) return status;
    for (size_t o = 0; o < operands; o++) ptn_walk_add(w, steps[o]);
    ptn_walk_plan(w);
    if (w->count == 0) return PTN_OK;
    for (size_t o = 0; o < operands; o++)
        if (ptn_walk_step(w, o) != 0 && ptn_walk_step(w, o) != 1) return PTN_BAD_ARGUMENT;
    return PTN_OK;
}

ptn_status ptn_broadcast(const ptn_runtime *runtime, ptn_broadcast_op op, size_t rank,
                         const size_t *sizes, const ptrdiff_t *a_steps, const ptrdiff_t *b_steps,
                         const float *a, const float *b, const ptn_activation_spec *activation,
                         float *y) {
    ptn_walk w;
    ptn_status status =
        plan(&w, runtime, rank, sizes, (const ptrdiff_t *const[]){a_steps, b_steps}, 2);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    if ((int)op < 0 || (int)op >= PTN_BROADCAST_COUNT) return PTN_BAD_ARGUMENT;
    if (w.count == 0) return PTN_OK;
    if (!a || !b || !y) return PTN_BAD_ARGUMENT;
    const broadcast_job j = {.op = op,
                             .row = broadcast_row[runtime->isa],
                             .activate = ptn_activate_row[runtime->isa],
                             .activation = *activation,
                             .x = {a, b},
                             .y = y};
    int threads = ptn_threads_for_floats(runtime, 3 * w.count);
    // A power takes about 7 ns per element with 8 lanes.
    if (op == PTN_BROADCAST_POWER)
        threads = ptn_threads_worth(runtime->threads, 7 * (double)w.count);
    ptn_walk_run(&w, threads, binary_item, &j);
    return PTN_OK;
}

ptn_status ptn_where(const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                     const ptrdiff_t *condition_steps, const ptrdiff_t *a_steps,
                     const ptrdiff_t *b_steps, const float *condition, const float *a,
                     const float *b, float *y) {
    ptn_walk w;
    const ptn_status status = plan(
        &w, runtime, rank, sizes, (const ptrdiff_t *const[]){condition_steps, a_steps, b_steps}, 3);
    if (status != PTN_OK || w.count == 0) return status;
    if (!condition || !a || !b || !y) return PTN_BAD_ARGUMENT;
    const broadcast_job j = {.where = where_row[runtime->isa], .x = {condition, a, b}, .y = y};
    ptn_walk_run(&w, ptn_threads_for_floats(runtime, 4 * w.count), where_item, &j);
    return PTN_OK;
}
