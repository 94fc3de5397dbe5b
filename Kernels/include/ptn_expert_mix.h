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
// all contiguous. With no experts the result is zero.
PTN_MUST_CHECK ptn_status ptn_expert_mix(const ptn_runtime *runtime, size_t samples, size_t experts,
                                         size_t length, const float *routing, const float *sets,
                                         float *mixed);

#endif
