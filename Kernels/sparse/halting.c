// Steps of spatially adaptive computation time, and weighted sums over its steps.
#include "ptn_halting.h"
#include "../tensor/map.h"
#include "mask_plan.h"
#include <math.h>

enum { PIXELS_PER_TASK = 256 };

typedef struct halting_job {
    const ptn_mask_view *view;
    const float *local, *global;
    float limit;
    const ptn_halting *state;
    float *weights;
} halting_job;

static void step(const halting_job *j, size_t sample, size_t i) {
    const ptn_halting *s = j->state;
    const size_t p = sample * j->view->h * j->view->w + (size_t)j->view->pixels[i];
    float q = 1;
    if (j->local) q = (float)(1 / (1 + exp(-((double)j->local[i] + (double)j->global[sample]))));
    s->cumulative[p] += q;
    const bool halts = s->cumulative[p] >= j->limit || !j->local;
    const float weight = halts ? s->remainder[p] : q;
    j->weights[i] = weight;
    s->ponder[p] += halts ? weight : 1;
    s->units[p] += 1;
    if (halts)
        s->running[p] = 0;
    else
        s->remainder[p] -= q;
}

static void steps(void *context, size_t index, int thread) {
    (void)thread;
    const halting_job *j = context;
    const size_t end = ptn_min((index + 1) * PIXELS_PER_TASK, j->view->count);
    for (size_t i = index * PIXELS_PER_TASK, sample = 0; i < end; i++) {
        while (j->view->offsets[sample + 1] <= i) sample++;
        step(j, sample, i);
    }
}

ptn_status ptn_halting_step(const ptn_runtime *runtime, const ptn_mask_plan *active,
                            const float *local, const float *global, float limit,
                            const ptn_halting *state, float *weights) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (local && !global) return PTN_BAD_ARGUMENT;
    const ptn_mask_view *v = &active->view;
    halting_job j = {v, local, global, limit, state, weights};
    ptn_parallel(ptn_threads_worth(runtime->threads, 20.0 * (double)v->count),
                 ptn_div_up(v->count, PIXELS_PER_TASK), steps, &j);
    return PTN_OK;
}

typedef struct sum_job {
    const ptn_mask_view *view;
    size_t c;
    bool begins;
    const float *weights, *map;
    float *sum;
} sum_job;

static void add(void *context, size_t index, int thread) {
    (void)thread;
    const sum_job *j = context;
    const size_t end = ptn_min((index + 1) * PIXELS_PER_TASK, j->view->count);
    for (size_t i = index * PIXELS_PER_TASK, sample = 0; i < end; i++) {
        while (j->view->offsets[sample + 1] <= i) sample++;
        const size_t pixel = sample * j->view->h * j->view->w + (size_t)j->view->pixels[i];
        const float *x = j->map + pixel * j->c;
        float *y = j->sum + pixel * j->c;
        const float weight = j->weights[i];
        if (j->begins)
            for (size_t k = 0; k < j->c; k++) y[k] = weight * x[k];
        else
            for (size_t k = 0; k < j->c; k++) y[k] += weight * x[k];
    }
}

ptn_status ptn_mask_add_weighted(const ptn_runtime *runtime, const ptn_mask_plan *active, size_t c,
                                 bool begins, const float *weights, const float *map, float *sum) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    const ptn_mask_view *v = &active->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    sum_job j = {v, c, begins, weights, map, sum};
    ptn_parallel(ptn_threads_for_floats(runtime, v->count * c),
                 ptn_div_up(v->count, PIXELS_PER_TASK), add, &j);
    return PTN_OK;
}
