// A gate per pixel from a few planes, as in CBAM and triplet attention: one small convolution of
// statistics with a single output.
#ifndef PTN_PLANE_GATE_H
#define PTN_PLANE_GATE_H

#include "ptn_activation.h"
#include "ptn_runtime.h"

// y[n, i, j] = act(shift + sum over p, u, v of weight[p, u, v] * x[n, p, i + u - kh / 2,
// j + v - kw / 2]), where x [n, planes, h, w] is 0 beyond its edges; kh and kw are odd, planes at
// least 1. Each sum is taken in the order of the weights, shift first. Scratch per thread: the
// padded planes of a strip of rows.
PTN_MUST_CHECK ptn_status ptn_plane_gate(const ptn_runtime *runtime, size_t n, size_t planes,
                                         size_t h, size_t w, size_t kh, size_t kw, const float *x,
                                         const float *weight, float shift,
                                         const ptn_activation_spec *activation, float *y);

#endif
