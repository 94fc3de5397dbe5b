// Routing heads on pooled vectors.
#include "ptn_routing.h"
#include "../tensor/map.h"

enum {
    ROUTING_ROWS = 4,    // outputs whose dot products are summed together
    ROUTING_SAMPLES = 8, // samples of a task
};

// One matrix product.
typedef struct routing_layer {
    size_t width, outputs;
    const float *weight, *bias;
} routing_layer;

typedef struct routing_functions {
    void (*products)(const routing_layer *layer, size_t samples, const float *x, float *y);
    void (*relu)(size_t n, float *y);
    void (*finish)(ptn_routing_kind kind, size_t samples, size_t n, float temperature, float *y);
} routing_functions;

#define PTN_SOURCE "../dynamic/routing.inc"
#include "../core/foreach_isa.h"

static const routing_functions *const variants[PTN_ISA_COUNT] = PTN_POINTERS(routing_functions);

typedef struct routing_job {
    const routing_functions *functions;
    ptn_routing_shape shape;
    const float *x;
    routing_layer hidden;
    const ptn_routing_head *heads;
    size_t count, width; // of heads; of their input
    float *scratch;      // [threads][ROUTING_SAMPLES][hidden]
} routing_job;

static void run_task(void *context, size_t index, int thread) {
    const routing_job *j = context;
    const ptn_routing_shape *s = &j->shape;
    const size_t first = index * ROUTING_SAMPLES;
    const size_t samples = ptn_min(ROUTING_SAMPLES, s->samples - first);
    const float *h = j->x + first * s->channels;
    if (s->hidden > 0) {
        float *units = j->scratch + (size_t)thread * ROUTING_SAMPLES * s->hidden;
        j->functions->products(&j->hidden, samples, h, units);
        j->functions->relu(samples * s->hidden, units);
        h = units;
    }
    for (size_t i = 0; i < j->count; i++) {
        const ptn_routing_head *head = j->heads + i;
        const routing_layer layer = {j->width, head->outputs, head->weight, head->bias};
        float *y = head->y + first * head->outputs;
        j->functions->products(&layer, samples, h, y);
        j->functions->finish(head->kind, samples, head->outputs, s->temperature, y);
    }
}

static ptn_status check(const ptn_routing_shape *s, const float *x, const float *hidden_weight,
                        const ptn_routing_head *heads, size_t count) {
    const size_t width = s->hidden > 0 ? s->hidden : s->channels;
    if (!ptn_float_bytes(s->samples, s->channels, 1, 1, NULL) ||
        !ptn_float_bytes(s->hidden, s->channels, 1, 1, NULL) ||
        !ptn_float_bytes(s->hidden, ROUTING_SAMPLES, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (!(s->temperature > 0) || (count > 0 && !heads)) return PTN_BAD_ARGUMENT;
    if (s->samples == 0) return PTN_OK;
    if ((!x && s->channels > 0) || (!hidden_weight && s->hidden > 0 && s->channels > 0))
        return PTN_BAD_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        const ptn_routing_head *head = heads + i;
        if (!ptn_float_bytes(head->outputs, width, 1, 1, NULL) ||
            !ptn_float_bytes(head->outputs, s->samples, 1, 1, NULL))
            return PTN_SIZE_OVERFLOW;
        if ((unsigned)head->kind > PTN_ROUTING_SOFTMAX) return PTN_BAD_ARGUMENT;
        if (head->outputs > 0 && (!head->y || (!head->weight && width > 0)))
            return PTN_BAD_ARGUMENT;
    }
    return PTN_OK;
}

// Multiply-adds of one sample.
static double work(const routing_job *j) {
    double terms = (double)j->shape.hidden * (double)j->shape.channels;
    for (size_t i = 0; i < j->count; i++) terms += (double)j->heads[i].outputs * (double)j->width;
    return terms;
}

ptn_status ptn_routing(const ptn_runtime *runtime, const ptn_routing_shape *shape, const float *x,
                       const float *hidden_weight, const float *hidden_bias,
                       const ptn_routing_head *heads, size_t count) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = check(shape, x, hidden_weight, heads, count);
    if (status != PTN_OK || shape->samples == 0) return status;
    routing_job j = {.functions = variants[runtime->isa],
                     .shape = *shape,
                     .x = x,
                     .hidden = {shape->channels, shape->hidden, hidden_weight, hidden_bias},
                     .heads = heads,
                     .count = count,
                     .width = shape->hidden > 0 ? shape->hidden : shape->channels};
    const size_t tasks = ptn_div_up(shape->samples, ROUTING_SAMPLES);
    // About ten multiply-adds per nanosecond: the weights are read once for a few samples.
    const int worth = ptn_threads_worth(runtime->threads, work(&j) * (double)shape->samples / 10);
    const size_t threads = ptn_min((size_t)worth, tasks);
    size_t floats;
    if (!ptn_float_bytes(threads, ROUTING_SAMPLES, shape->hidden, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    if (shape->hidden > 0) {
        j.scratch = ptn_scratch_acquire(floats * sizeof *j.scratch);
        if (!j.scratch) return PTN_OUT_OF_MEMORY;
    }
    ptn_parallel((int)threads, tasks, run_task, &j);
    if (j.scratch) ptn_scratch_release(j.scratch);
    return PTN_OK;
}
