// Dynamic ReLU: the maximum of up to four affine functions whose coefficients come from the input.
// Chen, Dai, Liu, Chen, Yuan, Liu, ECCV 2020 (arXiv 2003.10027).
#ifndef PTN_DYNAMIC_RELU_H
#define PTN_DYNAMIC_RELU_H

#include "ptn_runtime.h"

enum { PTN_DYNAMIC_RELU_MOST_PIECES = 4 };

// y[s, p, c] = f[s, p] * max over k of (a_k[s, c] * x[s, p, c] + b_k[s, c]).
//
// `coefficients` is [samples, 2 * pieces, width]: the rows a_1 ... a_K, then b_1 ... b_K, and
// `width` is `channels`, or 1 when all channels share coefficients (type A). `factors` (type C) is
// [samples, pixels], or NULL for 1. NaN in x, or in a piece, gives NaN. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_dynamic_relu(const ptn_runtime *runtime, size_t samples,
                                           size_t pixels, size_t channels, size_t pieces,
                                           size_t width, const float *x, const float *coefficients,
                                           const float *factors, float *y);

// Coefficients from the outputs u of the layer's small network after its sigmoid, each in 0 ... 1:
//
//     coefficients[s, k, c] = initial[k] + lambdas[k] * (2 * u[s, from(k, c)] - 1)
//
// for `planes` planes of `width` values. The references order their outputs differently: from(k, c)
// = c * channel_step + plane_offsets[k], within the `outputs` numbers of a sample. A plane with a
// lambda of 0 is constant, and its offset may be that of another.
PTN_MUST_CHECK ptn_status ptn_dynamic_relu_coefficients(size_t samples, size_t planes, size_t width,
                                                        size_t outputs, size_t channel_step,
                                                        const size_t *plane_offsets,
                                                        const float *lambdas, const float *initial,
                                                        const float *u, float *coefficients);

#endif
