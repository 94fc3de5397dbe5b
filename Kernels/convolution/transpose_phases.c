// Computes the phases from strides, dilations and padding.
#include "transpose_phases.h"

static size_t gcd(size_t a, size_t b) {
    while (b > 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// The number b < modulus with a * b = 1 modulo `modulus`, for a and modulus without a common
// factor, by the extended Euclidean algorithm.
static size_t inverse(size_t a, size_t modulus) {
    long long r0 = (long long)modulus, r1 = (long long)(a % modulus), t0 = 0, t1 = 1;
    while (r1 > 0) {
        const long long quotient = r0 / r1, r2 = r0 - quotient * r1, t2 = t0 - quotient * t1;
        r0 = r1;
        r1 = r2;
        t0 = t1;
        t1 = t2;
    }
    return (size_t)(t0 < 0 ? t0 + (long long)modulus : t0) % modulus;
}

static ptn_transpose_axis axis(size_t in, size_t out, size_t kernel, size_t stride, size_t dilation,
                               size_t pad) {
    const size_t common = gcd(stride, dilation);
    return (ptn_transpose_axis){.in = in,
                                .out = out,
                                .kernel = kernel,
                                .stride = stride,
                                .dilation = dilation,
                                .pad = pad,
                                .period = stride / common,
                                .jump = dilation / common,
                                .phases = ptn_min(stride, out)};
}

ptn_transpose_axis ptn_transpose_rows(const ptn_conv_transpose2d_shape *s) {
    return axis(s->h, s->out_h, s->kh, s->stride_h, s->dilation_h, s->pad_top);
}

ptn_transpose_axis ptn_transpose_columns(const ptn_conv_transpose2d_shape *s) {
    return axis(s->w, s->out_w, s->kw, s->stride_w, s->dilation_w, s->pad_left);
}

void ptn_transpose_phases(const ptn_transpose_axis *a, ptn_transpose_phase *phases) {
    const size_t common = a->stride / a->period;
    const size_t factor = inverse(a->jump, a->period);
    for (size_t first = 0; first < a->phases; first++) {
        const size_t at = first + a->pad, remainder = at % a->stride;
        ptn_transpose_phase *phase = &phases[first];
        *phase =
            (ptn_transpose_phase){.first = first, .count = ptn_div_up(a->out - first, a->stride)};
        // Solves class * dilation = remainder modulo stride.
        if (remainder % common != 0) continue;
        phase->tap_class = remainder / common * factor % a->period;
        phase->taps = ptn_transpose_taps(a, phase->tap_class);
        if (phase->taps == 0) continue;
        const size_t last = phase->tap_class + a->period * (phase->taps - 1);
        phase->base = ((ptrdiff_t)at - (ptrdiff_t)(last * a->dilation)) / (ptrdiff_t)a->stride;
    }
}
