// Normalisation of every row of channels by its own mean and variance.
#ifndef PTN_LAYER_NORM_H
#define PTN_LAYER_NORM_H

#include "ptn_activation.h"

// y[r, c] = act( (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon) * weight[c] + bias[c] ), mean
// and biased variance over the row's `channels`, the variance of deviations from the mean. `weight`
// and `bias` may be NULL (1 and 0). x == y is allowed. Sums run in an order that depends on the
// length of a row only.
PTN_MUST_CHECK ptn_status ptn_layer_norm(const ptn_runtime *runtime, size_t rows, size_t channels,
                                         float epsilon, const float *weight, const float *bias,
                                         const ptn_activation_spec *activation, const float *x,
                                         float *y);

#endif
