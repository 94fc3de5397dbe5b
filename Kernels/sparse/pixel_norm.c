// Norms of pixels. Sums are kept in eight lanes: every compiler can vectorise these, and the result
// has the same bits on every machine.
#include "ptn_pixel_norm.h"
#include "../tensor/map.h"
#include "mask_plan.h"
#include <math.h>

enum { LANES = 8, PIXELS_PER_TASK = 512 };

// |x - previous| in double precision; `previous` may be NULL.
static double magnitude(const float *x, const float *previous, size_t i) {
    return fabs(previous ? (double)(x[i] - previous[i]) : (double)x[i]);
}

static double lanes_sum(const double *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
           ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

static double sum_of_powers(const float *x, const float *previous, size_t c, bool squares) {
    double lanes[LANES] = {0};
    for (size_t i = 0; i < c; i += LANES)
        for (size_t k = 0; k < ptn_min(LANES, c - i); k++) {
            const double a = magnitude(x, previous, i + k);
            lanes[k] += squares ? a * a : a;
        }
    return lanes_sum(lanes);
}

static double largest(const float *x, const float *previous, size_t c) {
    double most = 0;
    for (size_t i = 0; i < c; i++) {
        const double a = magnitude(x, previous, i);
        if (a > most || a != a) most = a;
        if (a != a) break;
    }
    return most;
}

static float norm_of(ptn_norm_kind kind, const float *x, const float *previous, size_t c) {
    if (kind == PTN_NORM_MAX) return (float)largest(x, previous, c);
    const double sum = sum_of_powers(x, previous, c, kind == PTN_NORM_L2);
    return (float)(kind == PTN_NORM_L2 ? sqrt(sum) : sum);
}

typedef struct norm_job {
    ptn_norm_kind kind;
    size_t pixels, c;
    const float *x;
    float *norms;
} norm_job;

static void norms(void *context, size_t index, int thread) {
    (void)thread;
    const norm_job *j = context;
    const size_t end = ptn_min((index + 1) * PIXELS_PER_TASK, j->pixels);
    for (size_t p = index * PIXELS_PER_TASK; p < end; p++)
        j->norms[p] = norm_of(j->kind, j->x + p * j->c, NULL, j->c);
}

ptn_status ptn_pixel_norms(const ptn_runtime *runtime, ptn_norm_kind kind, size_t pixels, size_t c,
                           const float *x, float *result) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if ((unsigned)kind >= PTN_NORM_COUNT) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(pixels, c, 1, 1, &floats)) return PTN_SIZE_OVERFLOW;
    norm_job j = {kind, pixels, c, x, result};
    ptn_parallel(ptn_threads_for_floats(runtime, floats), ptn_div_up(pixels, PIXELS_PER_TASK),
                 norms, &j);
    return PTN_OK;
}

typedef struct change_job {
    ptn_mask_plan *plan;
    const ptn_mask_view *candidates;
    ptn_norm_kind kind;
    size_t c;
    const float *x, *previous;
    float epsilon;
} change_job;

static bool changed(const change_job *j, size_t pixel) {
    const float *x = j->x + pixel * j->c, *previous = j->previous + pixel * j->c;
    if (j->epsilon == 0) return memcmp(x, previous, j->c * sizeof(float)) != 0;
    return !(norm_of(j->kind, x, previous, j->c) <= j->epsilon);
}

static void compare_row(void *context, size_t row, int thread) {
    (void)thread;
    const change_job *j = context;
    const ptn_mask_view *v = &j->plan->view;
    for (size_t i = 0; i < v->words; i++) {
        uint64_t word = 0;
        uint64_t rest =
            j->candidates ? j->candidates->bits[row * v->words + i] : ptn_mask_valid(64 * i, v->w);
        for (; rest; rest &= rest - 1) {
            const size_t bit = (size_t)__builtin_ctzll(rest);
            word |= (uint64_t)changed(j, row * v->w + 64 * i + bit) << bit;
        }
        j->plan->bits[row * v->words + i] = word;
    }
}

ptn_status ptn_mask_plan_changed(const ptn_runtime *runtime, size_t n, size_t h, size_t w, size_t c,
                                 const float *x, const float *previous, ptn_norm_kind kind,
                                 float epsilon, const ptn_mask_plan *candidates,
                                 ptn_mask_plan **plan) {
    *plan = NULL;
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(n, h, w, c, &floats)) return PTN_SIZE_OVERFLOW;
    const ptn_mask_view *from = candidates ? &candidates->view : NULL;
    if ((unsigned)kind >= PTN_NORM_COUNT ||
        (from && (from->n != n || from->h != h || from->w != w)))
        return PTN_BAD_ARGUMENT;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, n, h, w, &status);
    if (!p) return status;
    change_job j = {p, from, kind, c, x, previous, epsilon};
    const size_t compared = from ? from->count * c : floats;
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * compared), n * h, compare_row, &j);
    status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *plan = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}
