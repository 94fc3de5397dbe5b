// Factors of taps and input channels in the order of packed weights.
#ifndef PTN_CONVOLUTION_FACTORS_H
#define PTN_CONVOLUTION_FACTORS_H

#include "algorithms.h"
#include "ptn_expert_mix.h"

// The product of the source's factors of tap and input channel for every sample, arranged as the
// plan's algorithm packs its sets: one per row of a panel for the direct algorithm and Winograd's
// forms (c * kh * kw floats per sample), one per packed float for the others, which have few
// weights.
// `*scratch` holds them and is the caller's to release after PTN_OK.
ptn_status ptn_weight_factors_for(ptn_isa isa, const ptn_conv2d_shape *shape,
                                  const ptn_conv2d_plan *plan, const ptn_weight_source *source,
                                  ptn_expert_factors *factors, void **scratch);

#endif
