// Planning, packing and dispatch of convolutions.
#include "conv2d_internal.h"
#include <string.h>

static bool is_depthwise(const ptn_conv2d_shape *s) { return s->groups == s->c && s->k == s->c; }

static bool sizes_valid(const ptn_conv2d_shape *s) {
    return s->groups > 0 && s->c > 0 && s->k > 0 && s->c % s->groups == 0 &&
           s->k % s->groups == 0 && s->kh > 0 && s->kw > 0 && s->stride_h > 0 && s->stride_w > 0 &&
           s->dilation_h > 0 && s->dilation_w > 0;
}

// Output size along one axis.
static ptn_status output_size(size_t size, size_t pad_a, size_t pad_b, size_t kernel,
                              size_t dilation, size_t stride, size_t *out) {
    size_t padded, reach;
    if (!ptn_add(size, pad_a, &padded) || !ptn_add(padded, pad_b, &padded) ||
        !ptn_mul(kernel - 1, dilation, &reach) || reach > (size_t)__PTRDIFF_MAX__)
        return PTN_SIZE_OVERFLOW;
    if (padded < reach + 1) return PTN_BAD_ARGUMENT;
    *out = (padded - reach - 1) / stride + 1;
    return PTN_OK;
}

static ptn_status packed_floats(ptn_isa isa, const ptn_conv2d_shape *s,
                                ptn_conv2d_algorithm algorithm, size_t *floats) {
    // Padding can exceed the channels by less than one panel or vector.
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return PTN_SIZE_OVERFLOW;
    if (algorithm == PTN_CONV2D_DEPTHWISE)
        return ptn_conv2d_depthwise_floats(isa, s, floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
    if (algorithm == PTN_CONV2D_GROUPED)
        return ptn_conv2d_grouped_floats(isa, s, floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
    if (algorithm == PTN_CONV2D_NARROW)
        return ptn_conv2d_narrow_floats(isa, s, floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
    const size_t side = ptn_conv2d_is_winograd(algorithm) ? ptn_conv2d_winograd_side(algorithm) : 0;
    const size_t kh = side ? side : s->kh, kw = side ? side : s->kw;
    size_t padded;
    ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    if (!ptn_mul(panels.padded, s->groups, &padded)) return PTN_SIZE_OVERFLOW;
    return ptn_float_bytes(kh, kw, s->c / s->groups, padded, floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
}

// The way to compute the sums as they are written.
static ptn_conv2d_algorithm sums_for(ptn_isa isa, const ptn_conv2d_shape *s) {
    if (is_depthwise(s)) return PTN_CONV2D_DEPTHWISE;
    if (s->groups > 1 && ptn_conv2d_grouped_pays(isa, s)) return PTN_CONV2D_GROUPED;
    return ptn_conv2d_narrow_pays(isa, s) ? PTN_CONV2D_NARROW : PTN_CONV2D_DIRECT;
}

// The better of two by the plan's estimates. `b` is the less exact one and must gain something.
static ptn_conv2d_algorithm faster(const ptn_conv2d_plan *plan, ptn_conv2d_algorithm a,
                                   ptn_conv2d_algorithm b) {
    return 1.03 * plan->estimated_cycles[b] < plan->estimated_cycles[a] ? b : a;
}

// The algorithm for a shape whose output size is known. The batch and the threads have no say: a
// sample's result must not depend on its company.
static ptn_status choose(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_plan *plan) {
    const bool applies = ptn_conv2d_winograd_applies(s);
    if (s->choice == PTN_CONV2D_AUTO || s->choice == PTN_CONV2D_WINOGRAD)
        ptn_conv2d_estimate(isa, s, plan);
    const ptn_conv2d_algorithm winograd =
        faster(plan, PTN_CONV2D_WINOGRAD_4X4, PTN_CONV2D_WINOGRAD_6X6);
    switch (s->choice) {
    case PTN_CONV2D_AUTO:
        plan->algorithm = sums_for(isa, s);
        if (applies) plan->algorithm = faster(plan, plan->algorithm, winograd);
        break;
    case PTN_CONV2D_SUMS: plan->algorithm = sums_for(isa, s); break;
    case PTN_CONV2D_FORCE_DIRECT:
        plan->algorithm = is_depthwise(s) ? PTN_CONV2D_DEPTHWISE : PTN_CONV2D_DIRECT;
        break;
    case PTN_CONV2D_WINOGRAD: plan->algorithm = winograd; break;
    case PTN_CONV2D_WINOGRAD_FORCE_4X4: plan->algorithm = PTN_CONV2D_WINOGRAD_4X4; break;
    case PTN_CONV2D_WINOGRAD_FORCE_6X6: plan->algorithm = PTN_CONV2D_WINOGRAD_6X6; break;
    default: return PTN_BAD_ARGUMENT;
    }
    if (ptn_conv2d_is_winograd(plan->algorithm) && !applies) return PTN_BAD_ARGUMENT;
    return packed_floats(isa, s, plan->algorithm, &plan->packed_floats);
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    switch (plan->algorithm) {
    case PTN_CONV2D_DEPTHWISE: return ptn_conv2d_depthwise_scratch(s, plan);
    case PTN_CONV2D_WINOGRAD_4X4:
    case PTN_CONV2D_WINOGRAD_6X6: return ptn_conv2d_winograd_scratch(isa, s, plan);
    case PTN_CONV2D_GROUPED: return ptn_conv2d_grouped_scratch(isa, s, plan);
    case PTN_CONV2D_NARROW: return ptn_conv2d_narrow_scratch(s, plan);
    case PTN_CONV2D_DIRECT: break;
    }
    return ptn_conv2d_direct_scratch(isa, s, plan);
}

// A rough time on one thread, for deciding about threads: cycles at some 2.8 GHz, or the weights' way
// from memory.
static double estimated_nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s,
                                    const ptn_conv2d_plan *plan) {
    double lanes = (double)ptn_isa_vector_floats(isa);
    double compute = plan->multiply_adds / (lanes * 2 * 2.5);
    if (plan->algorithm == PTN_CONV2D_DEPTHWISE)
        return ptn_conv2d_depthwise_nanoseconds(s, plan, compute);
    if (plan->algorithm == PTN_CONV2D_DIRECT)
        compute = (double)s->n * ptn_conv2d_direct_cycles(isa, s, plan) / 2.8;
    if (plan->algorithm == PTN_CONV2D_GROUPED) compute *= 2.5;
    if (plan->algorithm == PTN_CONV2D_NARROW) compute *= 8;
    // Winograd's threads may meet three times instead of once.
    if (ptn_conv2d_is_winograd(plan->algorithm))
        compute = (double)s->n * ptn_conv2d_winograd_cycles(isa, s, plan) / 2.8 / 2;
    double traffic = (double)plan->packed_floats * 4 / 10;
    return compute > traffic ? compute : traffic;
}

ptn_status ptn_conv2d_outline_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                  ptn_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (!sizes_valid(s) || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    memset(plan, 0, sizeof *plan);
    ptn_status status = output_size(s->h, s->pad_top, s->pad_bottom, s->kh, s->dilation_h,
                                    s->stride_h, &plan->out_h);
    if (status == PTN_OK)
        status = output_size(s->w, s->pad_left, s->pad_right, s->kw, s->dilation_w, s->stride_w,
                             &plan->out_w);
    if (status != PTN_OK) return status;

    size_t table;
    if (!ptn_float_bytes(s->n, s->h, s->w, s->c, NULL) ||
        !ptn_float_bytes(s->n, plan->out_h, plan->out_w, s->k, NULL) ||
        !ptn_float_bytes(plan->out_h, s->kh, 4, 1, &table) ||
        !ptn_float_bytes(plan->out_w, s->kw, 4, 1, &table))
        return PTN_SIZE_OVERFLOW;
    status = choose(runtime->isa, s, plan);
    if (status != PTN_OK) return status;
    plan->multiply_adds = (double)s->n * (double)plan->out_h * (double)plan->out_w * (double)s->k *
                          (double)(s->c / s->groups) * (double)s->kh * (double)s->kw;
    return PTN_OK;
}

// What a call needs.
static ptn_status plan_call(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                            ptn_conv2d_plan *plan) {
    const ptn_status status = ptn_conv2d_outline_for(runtime, s, plan);
    if (status != PTN_OK) return status;
    plan->threads =
        ptn_threads_worth(runtime->threads, estimated_nanoseconds(runtime->isa, s, plan));
    plan->scratch_bytes = scratch_bytes(runtime->isa, s, plan);
    return PTN_OK;
}

ptn_status ptn_conv2d_plan_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               ptn_conv2d_plan *plan) {
    const ptn_status status = plan_call(runtime, shape, plan);
    if (status == PTN_OK && plan->estimated_cycles[PTN_CONV2D_DIRECT] <= 0)
        ptn_conv2d_estimate(runtime->isa, shape, plan);
    return status;
}

// [k][c][tap] of one group into panels [tap][c][width], padded with zeros.
static void pack_group(const ptn_panels *p, size_t channels, size_t in, size_t taps,
                       const float *weights, const float *scale, float *packed) {
    for (size_t first = 0; first < channels; first += p->width) {
        const size_t columns = ptn_min(channels - first, p->width);
        const size_t width = ptn_panel_vectors(p, channels, first) * p->vector;
        float *panel = packed + first * in * taps;
        memset(panel, 0, in * taps * width * sizeof *panel);
        for (size_t j = 0; j < columns; j++) {
            const float factor = scale ? scale[first + j] : 1;
            const float *filter = weights + (first + j) * in * taps;
            for (size_t c = 0; c < in; c++)
                for (size_t t = 0; t < taps; t++)
                    panel[(t * in + c) * width + j] = filter[c * taps + t] * factor;
        }
    }
}

ptn_status ptn_conv2d_pack(ptn_isa isa, const ptn_conv2d_shape *shape,
                           ptn_conv2d_algorithm algorithm, const float *weights, const float *scale,
                           float *packed) {
    const ptn_conv2d_shape *s = shape;
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (!sizes_valid(s) || (algorithm == PTN_CONV2D_DEPTHWISE) != is_depthwise(s))
        return PTN_BAD_ARGUMENT;
    if (ptn_conv2d_is_winograd(algorithm)) {
        if (!ptn_conv2d_winograd_applies(s)) return PTN_BAD_ARGUMENT;
        ptn_conv2d_winograd_pack(isa, s, algorithm, weights, scale, packed);
        return PTN_OK;
    }
    if (algorithm == PTN_CONV2D_NARROW) {
        ptn_conv2d_narrow_pack(isa, s, weights, scale, packed);
        return PTN_OK;
    }
    if (algorithm == PTN_CONV2D_GROUPED) {
        ptn_conv2d_grouped_pack(isa, s, weights, scale, packed);
        return PTN_OK;
    }
    if (is_depthwise(s)) {
        ptn_conv2d_depthwise_pack(isa, s, weights, scale, packed);
        return PTN_OK;
    }
    const size_t in = s->c / s->groups, out = s->k / s->groups, taps = s->kh * s->kw;
    const ptn_panels panels = ptn_panels_for(isa, out);
    for (size_t g = 0; g < s->groups; g++)
        pack_group(&panels, out, in, taps, weights + g * out * in * taps,
                   scale ? scale + g * out : NULL, packed + g * panels.padded * in * taps);
    return PTN_OK;
}

// Many samples of a 1x1 convolution without stride, padding or anything that differs by sample are
// one long image: larger tiles, fewer tasks.
static bool flattens(const ptn_conv2d_shape *s, size_t packed_stride,
                     const ptn_conv2d_epilogue *e) {
    return ptn_conv2d_is_pointwise(s) && packed_stride == 0 && e->bias_stride == 0 && !e->gate &&
           !is_depthwise(s);
}

static ptn_status run(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                      const ptn_conv2d_input *input, const float *packed, size_t packed_stride,
                      const ptn_conv2d_epilogue *epilogue, float *y, ptn_conv2d_guard *guard) {
    ptn_conv2d_shape s = *shape;
    if (guard) guard->tiles = guard->tiles_left_out = 0;
    if (!ptn_conv2d_epilogue_valid(epilogue)) return PTN_BAD_ARGUMENT;
    ptn_conv2d_plan plan;
    ptn_status status = plan_call(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    if (s.n == 0) return PTN_OK;
    const float *x = input->maps[0];
    // Those two share out rows of the image.
    const bool by_row = plan.algorithm == PTN_CONV2D_GROUPED ||
                        (plan.algorithm == PTN_CONV2D_NARROW && s.h * s.w > 1);
    if (!by_row && flattens(&s, packed_stride, epilogue)) {
        s.w *= s.n * s.h;
        s.n = s.h = 1;
        status = plan_call(runtime, &s, &plan);
        if (status != PTN_OK) return status;
    }
    switch (plan.algorithm) {
    case PTN_CONV2D_DEPTHWISE:
        return ptn_conv2d_depthwise(runtime, &s, &plan, x, packed, packed_stride, epilogue, y);
    case PTN_CONV2D_WINOGRAD_4X4:
    case PTN_CONV2D_WINOGRAD_6X6:
        return ptn_conv2d_winograd(runtime, &s, &plan, x, packed, packed_stride, epilogue, y,
                                   guard);
    case PTN_CONV2D_NARROW:
        return ptn_conv2d_narrow(runtime, &s, &plan, x, packed, packed_stride, epilogue, y);
    case PTN_CONV2D_GROUPED:
        return ptn_conv2d_grouped(runtime, &s, &plan, x, packed, packed_stride, epilogue, y);
    case PTN_CONV2D_DIRECT: break;
    }
    return ptn_conv2d_direct(runtime, &s, &plan, input, packed, packed_stride, epilogue, y);
}

ptn_status ptn_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *shape, const float *x,
                      const float *packed, size_t packed_stride,
                      const ptn_conv2d_epilogue *epilogue, float *y) {
    return ptn_conv2d_guarded(runtime, shape, x, packed, packed_stride, epilogue, y, NULL);
}

ptn_status ptn_conv2d_guarded(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                              const float *x, const float *packed, size_t packed_stride,
                              const ptn_conv2d_epilogue *epilogue, float *y,
                              ptn_conv2d_guard *guard) {
    const ptn_conv2d_input input = {.maps = &x, .count = 1};
    return run(runtime, shape, &input, packed, packed_stride, epilogue, y, guard);
}

ptn_status ptn_conv2d_maps(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                           const float *const *maps, size_t count, const float *packed,
                           const ptn_conv2d_epilogue *epilogue, float *y) {
    const ptn_conv2d_input input = {.maps = maps, .count = count};
    if (shape->choice != PTN_CONV2D_FORCE_DIRECT || count == 0 || shape->groups != 1 ||
        shape->c % count != 0 || !ptn_conv2d_is_pointwise(shape))
        return PTN_BAD_ARGUMENT;
    return run(runtime, shape, &input, packed, 0, epilogue, y, NULL);
}
