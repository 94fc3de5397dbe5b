// Sums, means, variances, extremes, products and norms over chosen axes.
//
// Sums are in double precision and rounded once at the end, in an order that depends on the shape
// only: the same bits for any number of threads and on every instruction set. With n numbers per
// result the error of a sum is at most half a unit in the last place plus n 2^-53 times the sum of
// the absolute values; that of a mean likewise, divided by n. A variance is taken in two passes
// over each block of some 16,000 numbers, the mean first; blocks are combined by their means and
// squared deviations (Chan, Golub, LeVeque, 1979): its relative error is at most 2^-24 + n 2^-50.
#ifndef PTN_REDUCE_H
#define PTN_REDUCE_H

#include "ptn_axes.h"

typedef enum ptn_reduce_kind {
    PTN_REDUCE_SUM = 0,
    PTN_REDUCE_MEAN,
    PTN_REDUCE_VARIANCE, // sum of squared deviations from the mean / max(0, n - correction)
    PTN_REDUCE_STANDARD_DEVIATION, // its root
    PTN_REDUCE_L2,                 // root of the sum of squares
    PTN_REDUCE_PRODUCT,
    PTN_REDUCE_MAXIMUM, // NaN where there is one
    PTN_REDUCE_MINIMUM,
} ptn_reduce_kind;
#define PTN_REDUCE_COUNT 8

// y of the axes of x [sizes[0]] ... [sizes[rank - 1]] whose bit in `axes` is 0; bit 0 is the
// outermost. Over no numbers a sum and a norm are 0, a product is 1, a mean and a variance NaN; for
// extremes that is PTN_BAD_ARGUMENT. Scratch: where there are few results, 16 bytes for some 64
// elements of x at most.
PTN_MUST_CHECK ptn_status ptn_reduce(const ptn_runtime *runtime, ptn_reduce_kind kind, size_t rank,
                                     const size_t *sizes, uint32_t axes, size_t correction,
                                     const float *x, float *y);

// y[o][j] is the first i at which x[o][i][j] is the largest (or smallest) of all i, or NaN:
// [outer][inner] from [outer][size][inner]. PTN_BAD_ARGUMENT when size is 0 and there are results,
// or above 2^24, from where on floats are not exact.
PTN_MUST_CHECK ptn_status ptn_arg_extreme(const ptn_runtime *runtime, bool largest, size_t outer,
                                          size_t size, size_t inner, const float *x, float *y);

#endif
