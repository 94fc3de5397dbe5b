// ACON: a smooth maximum of two linear functions of x. Ma, Zhang, Liu, Sun, CVPR 2021 (arXiv
// 2009.04759).
#ifndef PTN_ACON_H
#define PTN_ACON_H

#include "ptn_runtime.h"

// y[s, p, c] = q / (1 + exp(-beta[s, c] * q)) + p2[c] * x[s, p, c],
// q = (p1[c] - p2[c]) * x[s, p, c].
//
// `beta` is [channels], or [samples, channels] if `beta_per_sample`. NaN gives NaN. x == y is
// allowed. One read and one write of the map; no scratch memory.
PTN_MUST_CHECK ptn_status ptn_acon(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                   size_t channels, const float *x, const float *p1,
                                   const float *p2, const float *beta, bool beta_per_sample,
                                   float *y);

#endif
