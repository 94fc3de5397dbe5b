// Global context: the mean of a map's pixels, weighted by a softmax of a score per pixel. Cao, Xu,
// Lin, Wei, Hu, "GCNet", arXiv 1904.11492.
#ifndef PTN_CONTEXT_POOL_H
#define PTN_CONTEXT_POOL_H

#include "ptn_runtime.h"

// y[n, c] = sum over p of a[n, p] * x[n, p, c], a being the softmax over the pixels p of the scores
// bias + sum over c of weight[c] * x[n, p, c]. x [samples, pixels, channels], pixels at least 1.
//
// One read of the map: blocks of 64 pixels are weighted relative to their own largest score and
// combined in double precision in order. NaN, or a score of +inf, makes all channels of the sample
// NaN. Scratch: channels + 2 floats per block.
PTN_MUST_CHECK ptn_status ptn_context_pool(const ptn_runtime *runtime, size_t samples,
                                           size_t pixels, size_t channels, const float *weight,
                                           float bias, const float *x, float *y);

#endif
