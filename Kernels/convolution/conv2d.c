// Planning, packing and running convolutions by the tables of their algorithms.
#include "algorithms.h"
#include "../core/tuning.h"
#include "epilogue.h"
#include "weights.h"
#include <string.h>

ptn_status ptn_conv2d_outline_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                  ptn_conv2d_plan *plan) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (!ptn_conv2d_sizes_valid(shape) || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    memset(plan, 0, sizeof *plan);
    ptn_status status = ptn_conv2d_output_size(shape, &plan->out_h, &plan->out_w);
    if (status == PTN_OK) status = ptn_conv2d_choose(runtime->isa, shape, plan);
    if (status != PTN_OK) return status;
    plan->multiply_adds = ptn_conv2d_multiply_adds(shape, plan->out_h, plan->out_w);
    return PTN_OK;
}

// The plan of a call, without the estimates that only a caller may need.
static ptn_status plan_call(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                            ptn_conv2d_plan *plan) {
    const ptn_status status = ptn_conv2d_outline_for(runtime, s, plan);
    if (status != PTN_OK) return status;
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(plan->algorithm);
    plan->threads = ptn_threads_worth(runtime->threads, f->nanoseconds(runtime->isa, s, plan));
    plan->scratch_bytes = f->scratch(runtime->isa, s, plan);
    return PTN_OK;
}

ptn_status ptn_conv2d_plan_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               ptn_conv2d_plan *plan) {
    const ptn_status status = plan_call(runtime, shape, plan);
    if (status == PTN_OK && plan->estimated_cycles[PTN_CONV2D_DIRECT] <= 0)
        ptn_conv2d_estimate(runtime->isa, shape, plan);
    return status;
}

// Cycles that mixing one sample's weights takes with Winograd's algorithm `a`, or directly: the
// sets are read in direct form, the mixture is written in the algorithm's.
static double mixing_cycles(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm a,
                            size_t sets) {
    size_t own, direct;
    if (!ptn_conv2d_functions_of(a)->floats(isa, s, a, &own) ||
        !ptn_conv2d_functions_of(PTN_CONV2D_DIRECT)->floats(isa, s, PTN_CONV2D_DIRECT, &direct))
        return 0;
    const ptn_common_tuning *t = &ptn_tuning_common;
    const double rate = ptn_conv2d_is_winograd(a) ? t->mixed_winograd_bytes : t->mixed_bytes;
    return sizeof(float) * ((double)direct * (double)sets / t->mixed_bytes + (double)own / rate);
}

ptn_status ptn_conv2d_mixed_plan_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                     size_t sets, ptn_conv2d_plan *plan) {
    const ptn_status status = ptn_conv2d_plan_for(runtime, shape, plan);
    if (status != PTN_OK || shape->choice != PTN_CONV2D_AUTO ||
        !ptn_conv2d_is_winograd(plan->algorithm))
        return status;
    static const struct {
        ptn_conv2d_algorithm algorithm;
        ptn_conv2d_choice choice;
    } forms[] = {{PTN_CONV2D_WINOGRAD_4X4, PTN_CONV2D_WINOGRAD_FORCE_4X4},
                 {PTN_CONV2D_WINOGRAD_6X6, PTN_CONV2D_WINOGRAD_FORCE_6X6}};
    ptn_conv2d_shape s = *shape;
    s.choice = PTN_CONV2D_SUMS;
    ptn_conv2d_plan sums;
    const ptn_status outline = ptn_conv2d_outline_for(runtime, &s, &sums);
    if (outline != PTN_OK) return outline;
    const ptn_isa isa = runtime->isa;
    // Less exact forms must be at least 3 % faster, as in the choice for shared weights.
    double best =
        (plan->estimated_cycles[sums.algorithm] + mixing_cycles(isa, shape, sums.algorithm, sets)) /
        1.03;
    for (size_t i = 0; i < 2; i++) {
        const double cycles = plan->estimated_cycles[forms[i].algorithm] +
                              mixing_cycles(isa, shape, forms[i].algorithm, sets);
        if (cycles >= best) continue;
        best = cycles;
        s.choice = forms[i].choice;
    }
    return ptn_conv2d_plan_for(runtime, &s, plan);
}

ptn_status ptn_conv2d_pack(ptn_isa isa, const ptn_conv2d_shape *shape,
                           ptn_conv2d_algorithm algorithm, const float *weights, const float *scale,
                           float *packed) {
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(algorithm);
    if (!f || !ptn_conv2d_sizes_valid(shape) || !f->applies(isa, shape)) return PTN_BAD_ARGUMENT;
    const size_t parts = f->parts(isa, shape);
    for (size_t part = 0; part < parts; part++)
        f->pack(isa, shape, algorithm, weights, scale, part, packed);
    return PTN_OK;
}

// Whether the batch is computed as one image with n * h rows: a 1 x 1 convolution without stride or
// padding, small images, and nothing that differs by sample. This fills tiles and saves tasks.
static bool joins_samples(const ptn_conv2d_shape *s, const ptn_conv2d_functions *f,
                          const ptn_weight_source *w, const ptn_conv2d_epilogue *e) {
    return ptn_conv2d_is_pointwise(s) && w->kind == PTN_WEIGHTS_SHARED &&
           ptn_conv2d_epilogue_is_shared(e) && s->h * s->w <= f->joined_pixels;
}

// Runs a planned call with the weights and biases of its samples.
static ptn_status run_planned(ptn_conv2d_call *call, const ptn_weight_source *source) {
    ptn_sample_weights weights;
    ptn_status status =
        ptn_sample_weights_for(call->runtime, call->shape, call->plan, source, &weights);
    if (status != PTN_OK) return status;
    ptn_conv2d_epilogue epilogue = *call->epilogue;
    if (weights.bias) {
        epilogue.bias = weights.bias;
        epilogue.bias_stride = weights.bias_stride;
    }
    call->packed = weights.packed;
    call->packed_stride = weights.packed_stride;
    call->epilogue = &epilogue;
    status = ptn_conv2d_functions_of(call->plan->algorithm)->run(call);
    ptn_sample_weights_release(&weights);
    return status;
}

// Whether the samples are computed one after the other, because their mixtures together would not
// stay in a cache until they are used. Each sample's bits are the same either way.
static bool takes_turns(const ptn_conv2d_call *call, const ptn_weight_source *source) {
    enum { KEPT_BYTES = 4 << 20 };
    return call->shape->n > 1 && source->kind == PTN_WEIGHTS_MIXED &&
           ptn_conv2d_is_winograd(call->plan->algorithm) &&
           call->plan->packed_floats > KEPT_BYTES / sizeof(float) / call->shape->n;
}

// The call and the source of sample `n` of a batch, on `shape` and `plan` of a batch of 1.
static ptn_status run_sample(const ptn_conv2d_call *batch, const ptn_weight_source *source,
                             const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan, size_t n) {
    const size_t pixels = plan->out_h * plan->out_w, outputs = pixels * shape->k;
    const size_t from = ptn_sample_at(batch->places.inputs, n);
    const size_t to = ptn_sample_at(batch->places.outputs, n);
    const float *x = batch->input.maps[0] + from * shape->h * shape->w * shape->c;
    ptn_weight_source own = *source;
    own.routing += n * own.sets;
    if (own.taps) own.taps += n * shape->kh * shape->kw;
    if (own.inputs) own.inputs += n * shape->c;
    ptn_conv2d_epilogue epilogue = *batch->epilogue;
    if (epilogue.bias) epilogue.bias += n * epilogue.bias_stride;
    if (epilogue.gate) epilogue.gate += n * shape->k;
    if (epilogue.residual) epilogue.residual += to * outputs;
    if (epilogue.factor) epilogue.factor += to * outputs;
    ptn_conv2d_guard guard = {.left_out = NULL};
    if (batch->guard) guard.left_out = batch->guard->left_out + n * pixels;
    ptn_conv2d_call call = {.runtime = batch->runtime,
                            .shape = shape,
                            .plan = plan,
                            .input = {.maps = &x, .count = 1},
                            .packed_inputs = batch->packed_inputs,
                            .packed_outputs = batch->packed_outputs,
                            .layer_inputs = batch->layer_inputs,
                            .epilogue = &epilogue,
                            .y = batch->y + to * outputs,
                            .guard = batch->guard ? &guard : NULL};
    const ptn_status status = run_planned(&call, &own);
    if (batch->guard) {
        batch->guard->tiles += guard.tiles;
        batch->guard->tiles_left_out += guard.tiles_left_out;
    }
    return status;
}

static ptn_status run_in_turn(const ptn_conv2d_call *batch, const ptn_weight_source *source) {
    ptn_conv2d_shape shape = *batch->shape;
    ptn_conv2d_plan plan;
    shape.n = 1;
    shape.choice = batch->plan->algorithm == PTN_CONV2D_WINOGRAD_4X4
                       ? PTN_CONV2D_WINOGRAD_FORCE_4X4
                       : PTN_CONV2D_WINOGRAD_FORCE_6X6;
    ptn_status status = plan_call(batch->runtime, &shape, &plan);
    if (status != PTN_OK) return status;
    const size_t pixels = batch->shape->n * plan.out_h * plan.out_w;
    if (batch->guard) memset(batch->guard->left_out, 0, pixels);
    for (size_t n = 0; n < batch->shape->n && status == PTN_OK; n++)
        status = run_sample(batch, source, &shape, &plan, n);
    return status;
}

// Whether a list names `count` of `samples` samples in ascending order.
static bool samples_valid(const size_t *list, size_t count, size_t samples) {
    for (size_t i = 0; list && i < count; i++)
        if (list[i] >= samples || (i > 0 && list[i] <= list[i - 1])) return false;
    return true;
}

// Checks a part of a layer, and sets the shape that it computes.
static ptn_status shape_of_part(const ptn_conv2d_shape *s, const ptn_conv2d_part *part,
                                const ptn_conv2d_plan *plan, ptn_conv2d_shape *shape) {
    *shape = *s;
    if (!samples_valid(part->input_samples, s->n, part->inputs) ||
        !samples_valid(part->output_samples, s->n, part->outputs))
        return PTN_BAD_ARGUMENT;
    if ((part->input_samples && !ptn_float_bytes(part->inputs, s->h, s->w, s->c, NULL)) ||
        (part->output_samples &&
         !ptn_float_bytes(part->outputs, plan->out_h, plan->out_w, s->k, NULL)))
        return PTN_SIZE_OVERFLOW;
    if (part->in_channels) shape->c = part->in_channels;
    if (part->out_channels) shape->k = part->out_channels;
    if (shape->c > s->c || shape->k > s->k) return PTN_BAD_ARGUMENT;
    if (s->groups == 1) return PTN_OK;
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    shape->groups = shape->c / in;
    const bool whole = shape->groups * in == shape->c && shape->groups * out == shape->k;
    return whole ? PTN_OK : PTN_BAD_ARGUMENT;
}

// The plan of a part of a layer, by the layer's algorithm.
static void plan_part(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                      ptn_conv2d_plan *plan) {
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(plan->algorithm);
    plan->multiply_adds = ptn_conv2d_multiply_adds(s, plan->out_h, plan->out_w);
    plan->threads = ptn_threads_worth(runtime->threads, f->nanoseconds(runtime->isa, s, plan));
    plan->scratch_bytes = f->scratch(runtime->isa, s, plan);
}

// Runs a call on the first channels of `layer`, whose weights are selected first where the
// algorithm cannot read a part of them.
static ptn_status run_part(ptn_conv2d_call *call, const ptn_conv2d_shape *layer,
                           const ptn_weight_source *source) {
    const ptn_conv2d_plan *plan = call->plan;
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(plan->algorithm);
    const ptn_conv2d_shape *s = call->shape;
    if (f->reads_parts) return run_planned(call, source);
    const ptn_isa isa = call->runtime->isa;
    size_t floats;
    if (!f->floats(isa, s, plan->algorithm, &floats)) return PTN_SIZE_OVERFLOW;
    float *selected = ptn_scratch_acquire(floats * sizeof(float));
    if (!selected) return PTN_OUT_OF_MEMORY;
    const ptn_channel_lists lists = {.input_count = s->c, .output_count = s->k};
    f->select(isa, layer, plan->algorithm, source->packed, s, &lists, selected);
    const ptn_weight_source weights = ptn_weights_shared(selected);
    call->packed_inputs = s->c / s->groups;
    call->packed_outputs = s->k / s->groups;
    const ptn_status status = run_planned(call, &weights);
    ptn_scratch_release(selected);
    return status;
}

static ptn_status run(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                      const ptn_conv2d_part *part, ptn_conv2d_input input,
                      const ptn_weight_source *weights, const ptn_conv2d_epilogue *epilogue,
                      float *y, ptn_conv2d_guard *guard) {
    if (guard) guard->tiles = guard->tiles_left_out = 0;
    if (!ptn_conv2d_epilogue_valid(epilogue, y)) return PTN_BAD_ARGUMENT;
    ptn_conv2d_plan plan;
    ptn_status status = plan_call(runtime, shape, &plan);
    if (status != PTN_OK) return status;
    ptn_conv2d_shape s;
    status = shape_of_part(shape, part, &plan, &s);
    if (status != PTN_OK || s.n == 0) return status;
    if (!ptn_weight_source_valid(weights, epilogue)) return PTN_BAD_ARGUMENT;
    const bool narrower = s.c < shape->c || s.k < shape->k;
    if (narrower && weights->kind != PTN_WEIGHTS_SHARED) return PTN_BAD_ARGUMENT;
    const bool listed = part->input_samples || part->output_samples;
    ptn_sample_places places = {.inputs = part->input_samples, .outputs = part->output_samples};
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(plan.algorithm);
    if (joins_samples(&s, f, weights, epilogue) && (!listed || f->joins_lists)) {
        if (listed) places.joined = s.h * s.w;
        s.w *= s.n * s.h;
        s.n = s.h = 1;
        plan.out_h = s.h;
        plan.out_w = s.w;
        plan_part(runtime, &s, &plan);
    } else if (narrower) {
        plan_part(runtime, &s, &plan);
    }
    ptn_conv2d_call call = {.runtime = runtime,
                            .shape = &s,
                            .plan = &plan,
                            .input = input,
                            .places = places,
                            .packed_inputs = shape->c / shape->groups,
                            .packed_outputs = shape->k / shape->groups,
                            .layer_inputs = shape->c,
                            .epilogue = epilogue,
                            .y = y,
                            .guard = guard};
    if (narrower) return run_part(&call, shape, weights);
    return takes_turns(&call, weights) ? run_in_turn(&call, weights) : run_planned(&call, weights);
}

static const ptn_conv2d_part whole = {0};

ptn_status ptn_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *shape, const float *x,
                      const ptn_weight_source *weights, const ptn_conv2d_epilogue *epilogue,
                      float *y, ptn_conv2d_guard *guard) {
    const ptn_conv2d_input input = {.maps = &x, .count = 1};
    return run(runtime, shape, &whole, input, weights, epilogue, y, guard);
}

ptn_status ptn_conv2d_partly(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_conv2d_part *part, const float *x,
                             const ptn_weight_source *weights, const ptn_conv2d_epilogue *epilogue,
                             float *y, ptn_conv2d_guard *guard) {
    const ptn_conv2d_input input = {.maps = &x, .count = 1};
    return run(runtime, shape, part, input, weights, epilogue, y, guard);
}

ptn_status ptn_conv2d_maps(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                           const float *const *maps, size_t count, const float *packed,
                           const ptn_conv2d_epilogue *epilogue, float *y) {
    const ptn_conv2d_input input = {.maps = maps, .count = count};
    if (shape->choice != PTN_CONV2D_FORCE_DIRECT || count == 0 || shape->groups != 1 ||
        shape->c % count != 0 || !ptn_conv2d_is_pointwise(shape))
        return PTN_BAD_ARGUMENT;
    const ptn_weight_source weights = ptn_weights_shared(packed);
    return run(runtime, shape, &whole, input, &weights, epilogue, y, NULL);
}
