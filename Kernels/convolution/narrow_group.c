// Variants of the micro-kernel for few output channels, and its epilogue.
#include "narrow_group.h"

#define PTN_SOURCE "../convolution/narrow_group.inc"
#include "../core/foreach_isa.h"

static const ptn_narrow_fn narrow_group[PTN_ISA_COUNT] = PTN_TABLE(narrow_group);

ptn_narrow_fn ptn_narrow_group_for(ptn_isa isa) { return narrow_group[isa]; }

void ptn_narrow_finish(const ptn_epilogue_part *end, const float *sums, size_t k, size_t count,
                       size_t step, float *y) {
    const float *bias = end->bias, *gate = end->gate;
    const float low = end->low, high = end->high;
    const bool has_residual = end->has_residual, residual_last = end->residual_last;
    for (size_t p = 0; p < count; p++, y += step) {
        const float *residuals = has_residual ? ptn_epilogue_residual(end, y) : NULL;
        for (size_t i = 0; i < k; i++) {
            float v = sums[i * PTN_NARROW_PIXELS + p];
            if (gate) v *= gate[i];
            if (bias) v += bias[i];
            const float residual = residuals ? residuals[i] : 0;
            if (residuals && !residual_last) v += residual;
            // These comparisons are false for NaN, so that NaN is kept.
            v = v < low ? low : v;
            v = v > high ? high : v;
            if (residuals && residual_last) v += residual;
            y[i] = v;
        }
    }
}
