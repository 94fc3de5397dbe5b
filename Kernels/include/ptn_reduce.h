// Sums, means, variances, extremes, products and norms over chosen axes.
//
// Sums are in double precision and rounded once at the end, in an order that depends on the shape
// only: the same bits for any number of threads and on every instruction set. With n numbers per
// result the error of a sum is at most half a unit in the last place plus n 2^-53 times the sum of
// the absolute values; that of a mean is bounded by the same terms, the second divided by n. A
// variance is taken in two passes over each block of some 16,000 numbers, the mean first; blocks
// are combined by their means and squared deviations (Chan, Golub, LeVeque, 1979): its relative
// error is at most 2^-24 + n 2^-50.
#ifndef PTN_REDUCE_H
#define PTN_REDUCE_H

#include "ptn_axes.h"

typedef enum ptn_reduce_kind {
    PTN_REDUCE_SUM = 0,
    PTN_REDUCE_MEAN,
    PTN_REDUCE_VARIANCE, // sum of squared deviations from the mean / max(0, n - correction)
    PTN_REDUCE_STANDARD_DEVIATION, // square root of the variance
    PTN_REDUCE_L2,                 // root of the sum of squares
    PTN_REDUCE_PRODUCT,
    PTN_REDUCE_MAXIMUM, // NaN if any element is NaN
    PTN_REDUCE_MINIMUM,
} ptn_reduce_kind;
#define PTN_REDUCE_COUNT 8

// Reduces x [sizes[0]] ... [sizes[rank - 1]] over the axes whose bit in `axes` is 1 (bit 0 is the
// outermost); y has the other axes. Over no elements a sum and a norm are 0, a product is 1, a mean
// and a variance NaN; an extreme is PTN_BAD_ARGUMENT. Scratch, if there are few results: at most 16
// bytes per about 64 elements of x.
PTN_MUST_CHECK ptn_status ptn_reduce(const ptn_runtime *runtime, ptn_reduce_kind kind, size_t rank,
                                     const size_t *sizes, uint32_t axes, size_t correction,
                                     const float *x, float *y);

// y[o][j] is the first i at which x[o][i][j] is the largest (or smallest) of all i, or NaN:
// [outer][inner] from [outer][size][inner]. PTN_BAD_ARGUMENT when size is 0 and there are results,
// or when size is above 2^24, since floats cannot represent all larger indices.
PTN_MUST_CHECK ptn_status ptn_arg_extreme(const ptn_runtime *runtime, bool largest, size_t outer,
                                          size_t size, size_t inner, const float *x, float *y);

#endif
