// The micro-kernel for few output channels: dot products along the input channels for eight
// outputs. Shared by the narrow algorithms of the ordinary and the transposed convolution.
#ifndef PTN_CONVOLUTION_NARROW_GROUP_H
#define PTN_CONVOLUTION_NARROW_GROUP_H

#include "../core/tuning.h"
#include "epilogue.h"
#include "panels.h"

enum { PTN_NARROW_PIXELS = 8, PTN_NARROW_MOST_CHANNELS = 8 };

// Arguments for eight outputs.
typedef struct ptn_narrow_args {
    size_t c, k, taps;
    const float *const *pixels; // [taps][8]: address of the channels that an output reads
    const float *weights;       // [k][taps][c, rounded up to vectors]
    float *sums;                // [k][8]
} ptn_narrow_args;

typedef void (*ptn_narrow_fn)(const ptn_narrow_args *args);
ptn_narrow_fn ptn_narrow_group_for(ptn_isa isa);

// Input channels including the padding of packed weights.
static inline size_t ptn_narrow_padded(ptn_isa isa, size_t channels) {
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_div_up(channels, vector) * vector;
}

// Whether this micro-kernel is estimated to be faster than the narrowest tile of the direct
// convolution, for `c` input channels, `k` output channels and `taps` taps. Compares cycles per
// output: products with operands from the first-level cache, and the sum over lanes.
static inline bool ptn_narrow_pays(ptn_isa isa, size_t c, size_t k, double taps) {
    if (k > PTN_NARROW_MOST_CHANNELS || c < 8) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    const double vectors = (double)(ptn_narrow_padded(isa, c) / vector);
    const ptn_common_tuning *common = &ptn_tuning_common;
    const double narrow =
        (double)k * (common->narrow_product * taps * vectors + common->narrow_sum);
    return narrow < taps * (double)c * ptn_panel_time(ptn_div_up(k, vector)) / 2;
}

// y = clamp(gate * sum + bias + residual) for the first `count` of the eight outputs, which are
// stored `step` floats apart from `y` on.
void ptn_narrow_finish(const ptn_epilogue_part *end, const float *sums, size_t k, size_t count,
                       size_t step, float *y);

#endif
