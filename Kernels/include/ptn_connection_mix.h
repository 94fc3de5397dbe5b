// The weighted sum of three connections of adaptively connected networks (Wang et al., arXiv
// 1904.03579), batch norm and ReLU, in one pass:
//
//     y[n, p, c] = max(0, sum * scale[c] + shift[c])
//     sum = shares[p, 0] * a[n, p, c] + shares[p, 1] * b[n, p, c] + shares[p, 2] * g[n, c]
//
// Summed in that order; NaN is kept. y may be a or b.
#ifndef PTN_CONNECTION_MIX_H
#define PTN_CONNECTION_MIX_H

#include "ptn_runtime.h"

// shares [pixels][3], a, b and y [samples][pixels][channels], g [samples][channels].
PTN_MUST_CHECK ptn_status ptn_connection_mix(const ptn_runtime *runtime, size_t samples,
                                             size_t pixels, size_t channels, const float *shares,
                                             const float *a, const float *b, const float *g,
                                             const float *scale, const float *shift, float *y);

#endif
