// Division of every row of channels by its root mean square.
#ifndef PTN_RMS_NORM_H
#define PTN_RMS_NORM_H

#include "ptn_activation.h"

// y[r, c] = act( x[r, c] / sqrt(mean over c of x[r, c]^2 + epsilon) * weight[c] ). `weight` may be
// NULL (1). x == y is allowed. Sums run in an order that depends on the length of a row only. A
// square that overflows makes the row 0 (and NaN where x is not finite).
PTN_MUST_CHECK ptn_status ptn_rms_norm(const ptn_runtime *runtime, size_t rows, size_t channels,
                                       double epsilon, const float *weight,
                                       const ptn_activation_spec *activation, const float *x,
                                       float *y);

#endif
