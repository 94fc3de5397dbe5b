// Cutting output channels into panels, and packing weights into them.
#include "panels.h"
#include <string.h>

ptn_panels ptn_panels_for(ptn_isa isa, size_t channels) {
    const size_t vector = ptn_isa_vector_floats(isa), all = ptn_div_up(channels, vector);
    const size_t widest = ptn_panel_most_vectors(isa);
    size_t best = ptn_min(all, widest);
    double best_time = 1e300;
    for (size_t v = widest; v >= 2 && v + 1 >= widest; v--) {
        const double t = (double)(all / v) * ptn_panel_time(v) + ptn_panel_time(all % v);
        if (t < best_time) best_time = t, best = ptn_min(all, v);
    }
    return (ptn_panels){.vector = vector,
                        .vectors = best,
                        .width = best * vector,
                        .count = ptn_div_up(all, best),
                        .padded = all * vector};
}

bool ptn_panels_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    // Padding adds less than one vector, so this bound keeps padded sizes from overflowing.
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    size_t padded;
    return ptn_mul(ptn_panels_for(isa, s->k / s->groups).padded, s->groups, &padded) &&
           ptn_float_bytes(s->kh, s->kw, s->c / s->groups, padded, floats);
}

size_t ptn_panels_parts(ptn_isa isa, const ptn_conv2d_shape *s) {
    return s->groups * ptn_panels_for(isa, s->k / s->groups).count;
}

void ptn_panels_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                     const float *scale, size_t part, float *packed) {
    const size_t in = s->c / s->groups, out = s->k / s->groups, taps = s->kh * s->kw;
    const ptn_panels p = ptn_panels_for(isa, out);
    const size_t group = part / p.count, first = part % p.count * p.width;
    const size_t columns = ptn_min(out - first, p.width);
    const size_t width = ptn_panel_vectors(&p, out, first) * p.vector;
    float *panel = packed + (group * p.padded + first) * in * taps;
    memset(panel, 0, in * taps * width * sizeof *panel);
    for (size_t j = 0; j < columns; j++) {
        const size_t k = group * out + first + j;
        const float factor = scale ? scale[k] : 1;
        const float *filter = weights + k * in * taps;
        for (size_t c = 0; c < in; c++)
            for (size_t t = 0; t < taps; t++)
                panel[(t * in + c) * width + j] = filter[c * taps + t] * factor;
    }
}
