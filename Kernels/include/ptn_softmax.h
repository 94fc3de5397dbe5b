// Softmax over the innermost axis.
#ifndef PTN_SOFTMAX_H
#define PTN_SOFTMAX_H

#include "ptn_runtime.h"

// y[r, c] = exp(x[r, c] - m) / sum_k exp(x[r, k] - m) with m the row's maximum; with `logarithm`
// its logarithm. A row with NaN or +inf becomes NaN. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_softmax(const ptn_runtime *runtime, bool logarithm, size_t rows,
                                      size_t channels, const float *x, float *y);

#endif
