// Normalisation of groups of channels, each over all pixels of a sample.
#ifndef PTN_GROUP_NORM_H
#define PTN_GROUP_NORM_H

#include "ptn_activation.h"

// For a map [samples][pixels][channels] whose channels are cut into `groups` equal groups:
//
//     y[n, p, c] = act( (x[n, p, c] - mean[n, g]) / sqrt(variance[n, g] + epsilon) * weight[c]
//                       + bias[c] ),     g = c / (channels / groups)
//
// with mean and biased variance over the pixels and the group's channels. `weight` and `bias` may
// be NULL (1 and 0); with `affine_per_sample` they are [samples][channels]. x == y is allowed.
// PTN_BAD_ARGUMENT unless `channels` is a positive multiple of `groups`; an activation with slopes
// per channel (PReLU) is refused.
//
// The map is cut into blocks of rows by its shape alone. A block's deviations are taken from its
// own mean, and the blocks' moments are combined in double precision in a fixed order. So a small
// variance is accurate beside a mean of any size, and bits do not depend on the number of threads.
// A value that is not finite makes its group NaN.
//
// Scratch: 12 bytes per channel and sample, and per 64 pixels and channel of a sample (for narrow
// maps per 64 rows of at most 255 numbers).
PTN_MUST_CHECK ptn_status ptn_group_norm(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                         size_t channels, size_t groups, double epsilon,
                                         const float *weight, const float *bias,
                                         bool affine_per_sample,
                                         const ptn_activation_spec *activation, const float *x,
                                         float *y);

#endif
