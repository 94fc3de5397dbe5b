// Planning, packing and dispatch of transposed convolutions.
#include "ptn_conv_transpose2d.h"
#include "transpose_algorithm.h"
#include <string.h>

// The product of two larger strides would not fit size_t.
#define MOST_STRIDE (((size_t)1 << 31) - 1)

static bool axis_valid(size_t kernel, size_t stride, size_t dilation, size_t out) {
    return kernel > 0 && out > 0 && stride > 0 && stride <= MOST_STRIDE && dilation > 0 &&
           dilation <= MOST_STRIDE;
}

static bool sizes_valid(const ptn_conv_transpose2d_shape *s) {
    return s->groups > 0 && s->c > 0 && s->k > 0 && s->c % s->groups == 0 &&
           s->k % s->groups == 0 && axis_valid(s->kh, s->stride_h, s->dilation_h, s->out_h) &&
           axis_valid(s->kw, s->stride_w, s->dilation_w, s->out_w);
}

// Whether all positions along an axis fit signed integers.
static bool reach_fits(size_t in, size_t out, size_t kernel, size_t stride, size_t dilation,
                       size_t pad) {
    size_t taps, pixels, all;
    return ptn_mul(kernel, dilation, &taps) && ptn_mul(in, stride, &pixels) &&
           ptn_add(taps, pixels, &all) && ptn_add(all, out, &all) && ptn_add(all, pad, &all) &&
           all <= (size_t)__PTRDIFF_MAX__;
}

static const ptn_transpose_functions *functions_for(ptn_isa isa,
                                                    const ptn_conv_transpose2d_shape *s) {
    if (ptn_transpose_depthwise.pays(isa, s)) return &ptn_transpose_depthwise;
    return ptn_transpose_narrow.pays(isa, s) ? &ptn_transpose_narrow : &ptn_transpose_direct;
}

static size_t shared_scratch(const ptn_conv_transpose2d_shape *s) {
    const size_t phases = ptn_transpose_rows(s).phases + ptn_transpose_columns(s).phases;
    return ptn_round_64(phases * sizeof(ptn_transpose_phase)) + ptn_round_64(s->c * sizeof(float));
}

// Estimated nanoseconds on one thread, used only to choose the number of threads: multiply-adds at
// 2.5 GHz, or writing the map and reading the weights if that takes longer.
static double nanoseconds(ptn_isa isa, const ptn_conv_transpose2d_shape *s,
                          const ptn_conv_transpose2d_plan *plan) {
    const double lanes = (double)ptn_isa_vector_floats(isa);
    const double compute =
        functions_for(isa, s)->slowness * plan->multiply_adds / (lanes * 2 * 2.5);
    const double outputs = (double)s->n * (double)s->out_h * (double)s->out_w * (double)s->k;
    const double traffic = (outputs + (double)plan->packed_floats) * 4 / 10;
    return compute > traffic ? compute : traffic;
}

ptn_status ptn_conv_transpose2d_plan_for(const ptn_runtime *runtime,
                                         const ptn_conv_transpose2d_shape *shape,
                                         ptn_conv_transpose2d_plan *plan) {
    const ptn_conv_transpose2d_shape *s = shape;
    if (!runtime || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (!sizes_valid(s)) return PTN_BAD_ARGUMENT;
    memset(plan, 0, sizeof *plan);
    size_t phases;
    if (!reach_fits(s->h, s->out_h, s->kh, s->stride_h, s->dilation_h, s->pad_top) ||
        !reach_fits(s->w, s->out_w, s->kw, s->stride_w, s->dilation_w, s->pad_left) ||
        !ptn_float_bytes(s->n, s->h, s->w, s->c, NULL) ||
        !ptn_float_bytes(s->n, s->out_h, s->out_w, s->k, NULL) ||
        !ptn_add(ptn_min(s->stride_h, s->out_h), ptn_min(s->stride_w, s->out_w), &phases) ||
        !functions_for(runtime->isa, s)->floats(runtime->isa, s, &plan->packed_floats))
        return PTN_SIZE_OVERFLOW;
    plan->multiply_adds = (double)s->n * (double)s->h * (double)s->w * (double)s->k *
                          (double)(s->c / s->groups) * (double)s->kh * (double)s->kw;
    plan->threads = ptn_threads_worth(runtime->threads, nanoseconds(runtime->isa, s, plan));
    const size_t thread_bytes = functions_for(runtime->isa, s)->scratch(runtime->isa, s);
    plan->scratch_bytes = shared_scratch(s) + (size_t)plan->threads * thread_bytes;
    return PTN_OK;
}

ptn_status ptn_conv_transpose2d_pack(ptn_isa isa, const ptn_conv_transpose2d_shape *shape,
                                     const float *weights, const float *scale, float *packed) {
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (!sizes_valid(shape)) return PTN_BAD_ARGUMENT;
    functions_for(isa, shape)->pack(isa, shape, weights, scale, packed);
    return PTN_OK;
}

ptn_status ptn_conv_transpose2d(const ptn_runtime *runtime, const ptn_conv_transpose2d_shape *shape,
                                const float *x, const float *packed,
                                const ptn_conv2d_epilogue *epilogue, float *y) {
    const ptn_conv_transpose2d_shape *s = shape;
    if (!ptn_conv2d_epilogue_valid(epilogue, y)) return PTN_BAD_ARGUMENT;
    ptn_conv_transpose2d_plan plan;
    const ptn_status status = ptn_conv_transpose2d_plan_for(runtime, s, &plan);
    if (status != PTN_OK) return status;
    if (s->n == 0) return PTN_OK;
    char *scratch = ptn_scratch_acquire(plan.scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const size_t shared = shared_scratch(s), zeros = ptn_round_64(s->c * sizeof(float));
    const ptn_transpose_functions *functions = functions_for(runtime->isa, s);
    ptn_transpose_call call = {.isa = runtime->isa,
                               .shape = s,
                               .row_axis = ptn_transpose_rows(s),
                               .column_axis = ptn_transpose_columns(s),
                               .x = x,
                               .packed = packed,
                               .zeros = (const float *)(scratch + shared - zeros),
                               .epilogue = ptn_epilogue_for(epilogue, runtime->isa, s->k, y),
                               .y = y,
                               .threads = plan.threads,
                               .thread_scratch = scratch + shared,
                               .thread_bytes = functions->scratch(runtime->isa, s)};
    memset(scratch + shared - zeros, 0, zeros);
    ptn_transpose_phase *rows = (ptn_transpose_phase *)scratch;
    ptn_transpose_phase *columns = rows + call.row_axis.phases;
    ptn_transpose_phases(&call.row_axis, rows);
    ptn_transpose_phases(&call.column_axis, columns);
    call.rows = rows;
    call.columns = columns;
    functions->run(&call);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

ptn_status ptn_conv_transpose2d_mirror(const ptn_conv_transpose2d_shape *shape,
                                       const float *weights, float *mirrored) {
    const ptn_conv_transpose2d_shape *s = shape;
    if (!sizes_valid(s)) return PTN_BAD_ARGUMENT;
    const size_t in = s->c / s->groups, out = s->k / s->groups, taps = s->kh * s->kw;
    for (size_t k = 0; k < s->k; k++)
        for (size_t c = 0; c < in; c++) {
            const float *from = weights + ((k / out * in + c) * out + k % out) * taps;
            float *to = mirrored + (k * in + c) * taps;
            for (size_t t = 0; t < taps; t++) to[t] = from[taps - 1 - t];
        }
    return PTN_OK;
}
