// Mixing of experts: one weight set per sample as a weighted sum of shared sets.
//
//     mixed[s][i] = sum over e of  routing[s][e] * experts[e][i]
//
// Experts are added in order of index, for every thread count. The sets may have any form that is
// linear in the weights, for example packed convolution weights.
#ifndef PTN_EXPERT_MIX_H
#define PTN_EXPERT_MIX_H

#include "ptn_runtime.h"

// `samples` x `experts` routing weights, `experts` x `length` sets, `samples` x `length` results,
// all contiguous. With no experts the result is zero. The experts are read once for four samples.
PTN_MUST_CHECK ptn_status ptn_expert_mix(const ptn_runtime *runtime, size_t samples, size_t experts,
                                         size_t length, const float *routing, const float *sets,
                                         float *mixed);

// Factors by which a sample's mixture is multiplied, and how they lie in a set: a set is `groups`
// groups of `panels` panels, a panel is `rows` rows of `width` floats, the last panel of a group
// `rows` rows of `last_width`.
typedef struct ptn_expert_factors {
    const float *values; // [samples][count]
    size_t count;        // factors per sample
    bool per_float;      // a factor for every float of a panel; else one for every row
    size_t groups, panels, rows, width, last_width;
    size_t group_step; // factors from one group's to the next group's; 0: shared
} ptn_expert_factors;

// The mixtures of ptn_expert_mix, each multiplied by its factors before it is stored. All panels of
// a group have the same factors. PTN_BAD_ARGUMENT unless `length` is that of the factors' structure
// and all factors that it refers to are among the `count`.
PTN_MUST_CHECK ptn_status ptn_expert_mix_scaled(const ptn_runtime *runtime, size_t samples,
                                                size_t experts, size_t length, const float *routing,
                                                const float *sets,
                                                const ptn_expert_factors *factors, float *mixed);

#endif
