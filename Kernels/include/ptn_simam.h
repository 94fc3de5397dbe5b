// SimAM: a gate per element from its distance to the mean of its channel. Yang, Zhang, Li, Xie,
// "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML 2021.
#ifndef PTN_SIMAM_H
#define PTN_SIMAM_H

#include "ptn_runtime.h"

// y = x * sigmoid(d / (4 * (v + lambda)) + 1/2) with d = (x - m)^2 for every element of x [samples,
// pixels, channels]; m is the mean of the sample's channel over its pixels, and v = sum of d /
// (pixels - 1), or 0 for a single pixel. x == y is allowed.
//
// Blocks of 128 pixels are summed in single precision relative to one of their values, then
// combined in double precision in order, so results do not depend on the number of threads. NaN or
// infinity in a channel of a sample makes that whole channel NaN. Scratch: 3 floats per block and
// channel, and 3 per channel.
PTN_MUST_CHECK ptn_status ptn_simam(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                    size_t channels, float lambda, const float *x, float *y);

#endif
