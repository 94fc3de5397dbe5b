// Matrix products, single or in batches.
//
// They use the convolution's micro-kernels, as a 1 x 1 convolution. The second matrix is packed at
// every call, which pays from about ten rows on; for up to PTN_MATMUL_FEW_ROWS rows it is read
// directly instead. Sums run over k in order, one accumulator per result; if n is small enough for
// PTN_CONV2D_NARROW, in that algorithm's order (ptn_conv2d.h). A row of the result does not depend
// on the other rows, nor on the batch or the number of threads. Error of a result: k 2^-24 times
// the sum of the absolute products at most, about the square root of k instead of k in the mean.
#ifndef PTN_MATMUL_H
#define PTN_MATMUL_H

#include "ptn_axes.h"

enum { PTN_MATMUL_FEW_ROWS = 8 };

typedef struct ptn_matmul_shape {
    size_t m, n, k;                     // y [m][n] = a [m][k] * b [k][n]
    bool a_transposed, b_transposed;    // a is stored as [k][m], b as [n][k]
    size_t rank;                        // axes of the batch, at most PTN_MOST_AXES
    const size_t *sizes;                // of the batch's axes
    const ptrdiff_t *a_steps, *b_steps; // floats along an axis of the batch; 0 where repeated
} ptn_matmul_shape;

// y [batch][m][n]; zeros where k is 0. Scratch, in one block: b padded to whole panels (less than
// 64 columns more; for few rows 64 columns per thread), and a if it is transposed; for a batch that
// much per thread; and the scratch of ptn_conv2d.
PTN_MUST_CHECK ptn_status ptn_matmul(const ptn_runtime *runtime, const ptn_matmul_shape *shape,
                                     const float *a, const float *b, float *y);

#endif
