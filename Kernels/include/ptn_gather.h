// Selecting entries along an axis by index.
#ifndef PTN_GATHER_H
#define PTN_GATHER_H

#include "ptn_axes.h"

// y[o][i][j] = x[o][indices[i]][j]: [outer][count][inner] from [outer][size][inner].
// PTN_BAD_ARGUMENT when an index is not in 0 ..< size.
PTN_MUST_CHECK ptn_status ptn_index_select(const ptn_runtime *runtime, size_t outer, size_t size,
                                           size_t inner, size_t count, const ptrdiff_t *indices,
                                           const float *x, float *y);

// y[p] = x[q], where q is p with indices[p] as its coordinate along `axis`. y and `indices` have
// the shape `sizes`, x the shape `x_sizes`, which must not be smaller on any axis except `axis`. An
// index is a float that is a whole number in 0 ..< x_sizes[axis]. *first_bad becomes the position
// of the first index that is not, and the result is then undefined; or the number of elements if
// all are.
PTN_MUST_CHECK ptn_status ptn_gather(const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                                     const size_t *x_sizes, size_t axis, const float *indices,
                                     const float *x, float *y, size_t *first_bad);

#endif
