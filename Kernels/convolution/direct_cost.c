// Estimated cycles of the direct convolution.
#include "../core/tuning.h"
#include "cost.h"
#include "tile.h"
#include <math.h>

double ptn_panels_time(const ptn_panels *p, size_t channels) {
    double sum = 0;
    for (size_t first = 0; first < channels; first += p->width)
        sum += ptn_panel_time(ptn_panel_vectors(p, channels, first));
    return sum;
}

// Number of kernel rows inside the image, summed over all output rows; direct sums skip the others.
// For tall kernels all rows are counted, so that planning time does not grow with the kernel.
static double tap_rows(const ptn_conv2d_shape *s, size_t out_h) {
    if (s->kh > 16) return (double)s->kh * (double)out_h;
    double sum = 0;
    for (size_t i = 0; i < s->kh; i++) {
        const size_t tap = i * s->dilation_h, end = s->h + s->pad_top;
        const size_t first = tap < s->pad_top ? ptn_div_up(s->pad_top - tap, s->stride_h) : 0;
        const size_t last = tap < end ? ptn_min(out_h, ptn_div_up(end - tap, s->stride_h)) : 0;
        sum += last > first ? (double)(last - first) : 0;
    }
    return sum;
}

double ptn_direct_cycles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const ptn_direct_costs *costs = &ptn_tuning_for(isa)->direct;
    const size_t out = s->k / s->groups;
    const ptn_panels p = ptn_panels_for(isa, out);
    const double pixels = (double)plan->out_h * (double)plan->out_w;
    const double taps = (double)(s->kh * s->kw), channels = (double)s->c;
    const double groups = (double)s->groups;
    const double entries = ptn_conv2d_is_merged(s) ? (double)s->kh : taps;
    const double tiles =
        pixels / (double)ptn_tile_height(isa, p.vectors) * (double)p.count * groups;
    const double weights = taps * channels * (double)p.padded * sizeof(float);
    const double terms = tap_rows(s, plan->out_h) * (double)plan->out_w * (double)s->kw * channels;
    return costs->product * terms * ptn_panels_time(&p, out) / 2 +
           costs->address * pixels * entries + costs->tile * tiles +
           costs->byte * fmax(0, weights - ptn_tuning_common.direct_kept_bytes);
}
