// Strided copies of tensors: every n-th entry of an axis; reversed, repeated and broadcast axes.
#ifndef PTN_STRIDED_COPY_H
#define PTN_STRIDED_COPY_H

#include "ptn_axes.h"

// y[i] = x[sum of i[a] * steps[a]] for a result of `rank` axes of these sizes. Steps are in floats
// and may be negative or 0; x points at the element for i = 0. y is contiguous and does not overlap
// x. A rank of up to 2 * PTN_MOST_AXES is allowed, since a repeated axis counts as two.
PTN_MUST_CHECK ptn_status ptn_strided_copy(const ptn_runtime *runtime, size_t rank,
                                           const size_t *sizes, const ptrdiff_t *steps,
                                           const float *x, float *y);

#endif
