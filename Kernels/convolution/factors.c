// Arranges factors of taps and input channels as the algorithms pack weights.
#include "factors.h"
#include "panels.h"

// The factor of sample `n` for tap `t` and input channel `c`.
static float factor(const ptn_conv2d_shape *s, const ptn_weight_source *w, size_t n, size_t t,
                    size_t c) {
    const float tap = w->taps ? w->taps[n * s->kh * s->kw + t] : 1;
    return w->inputs ? tap * w->inputs[n * s->c + c] : tap;
}

// Panels are [tap][input channel][width]: [group][tap][input channel] factors per sample.
static void fill_panel_rows(const ptn_conv2d_shape *s, const ptn_weight_source *w, float *values) {
    const size_t in = s->c / s->groups, taps = s->kh * s->kw;
    for (size_t n = 0; n < s->n; n++)
        for (size_t g = 0; g < s->groups; g++)
            for (size_t t = 0; t < taps; t++)
                for (size_t c = 0; c < in; c++) *values++ = factor(s, w, n, t, g * in + c);
}

static ptn_status panel_rows(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_weight_source *w,
                             ptn_expert_factors *factors, void **scratch) {
    const size_t in = s->c / s->groups, out = s->k / s->groups, rows = in * s->kh * s->kw;
    const ptn_panels p = ptn_panels_for(isa, out);
    size_t floats;
    if (!ptn_float_bytes(s->n, s->groups, rows, 1, &floats)) return PTN_SIZE_OVERFLOW;
    float *values = *scratch = ptn_scratch_acquire(floats * sizeof *values);
    if (!values) return PTN_OUT_OF_MEMORY;
    fill_panel_rows(s, w, values);
    *factors = (ptn_expert_factors){.values = values,
                                    .count = s->groups * rows,
                                    .groups = s->groups,
                                    .panels = p.count,
                                    .rows = rows,
                                    .width = p.width,
                                    .last_width = p.padded - (p.count - 1) * p.width,
                                    .group_step = rows};
    return PTN_OK;
}

// Packs a set of weights that are the factors themselves, for every sample: packing moves weights
// and does not combine them. `filters` output channels are packed in `parts` parts of `count`
// floats together.
static ptn_status packed_factors(ptn_isa isa, const ptn_conv2d_shape *s,
                                 const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                                 size_t filters, size_t parts, size_t count, void **scratch) {
    const size_t in = s->c / s->groups, out = s->k / s->groups, taps = s->kh * s->kw;
    const ptn_conv2d_functions *f = ptn_conv2d_functions_of(plan->algorithm);
    size_t floats, own;
    if (!ptn_float_bytes(s->n, count, 1, 1, &floats) ||
        !ptn_float_bytes(filters, in, taps, 1, &own) || !ptn_add(floats, own, &own) ||
        !ptn_float_bytes(own, 1, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    float *values = *scratch = ptn_scratch_acquire(own * sizeof *values);
    if (!values) return PTN_OUT_OF_MEMORY;
    float *weights = values + floats;
    for (size_t n = 0; n < s->n; n++) {
        float *to = weights;
        for (size_t k = 0; k < filters; k++)
            for (size_t c = 0; c < in; c++)
                for (size_t t = 0; t < taps; t++) *to++ = factor(s, w, n, t, k / out * in + c);
        for (size_t part = 0; part < parts; part++)
            f->pack(isa, s, plan->algorithm, weights, NULL, part, values + n * count);
    }
    return PTN_OK;
}

ptn_status ptn_weight_factors_for(ptn_isa isa, const ptn_conv2d_shape *s,
                                  const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                                  ptn_expert_factors *factors, void **scratch) {
    *scratch = NULL;
    size_t sets = 1, filters = s->k, parts;
    switch (plan->algorithm) {
    case PTN_CONV2D_DIRECT: return panel_rows(isa, s, w, factors, scratch);
    case PTN_CONV2D_WINOGRAD_4X4: // mixed from panels of the direct algorithm
    case PTN_CONV2D_WINOGRAD_6X6: return panel_rows(isa, s, w, factors, scratch);
    case PTN_CONV2D_NARROW: // every output channel is a part, and all have the same factors
        sets = s->k;
        filters = parts = 1;
        break;
    case PTN_CONV2D_DEPTHWISE:
    case PTN_CONV2D_GROUPED: parts = ptn_conv2d_functions_of(plan->algorithm)->parts(isa, s); break;
    default: return PTN_BAD_ARGUMENT;
    }
    const size_t count = plan->packed_floats / sets;
    const ptn_status status = packed_factors(isa, s, plan, w, filters, parts, count, scratch);
    *factors = (ptn_expert_factors){.values = *scratch,
                                    .count = count,
                                    .per_float = true,
                                    .groups = sets,
                                    .panels = 1,
                                    .rows = 1,
                                    .width = count,
                                    .last_width = count};
    return status;
}
