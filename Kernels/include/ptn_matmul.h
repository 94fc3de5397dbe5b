// Products of matrices, one or many at once.
//
// They run on the convolution's micro-kernels, as pixels times a 1 x 1 kernel. The second matrix is
// packed at every call, which pays from some ten rows on; for up to PTN_MATMUL_FEW_ROWS rows it is
// read once instead. Sums run over k in order, one accumulator per result; where n is small enough
// for the convolution's way with few output channels, in its order (ptn_conv2d.h). A row of the
// result does not depend on the other rows, nor on the batch or the number of threads. Error of a
// result: k 2^-24 times the sum of the absolute products at most, about the root of that in the
// mean.
#ifndef PTN_MATMUL_H
#define PTN_MATMUL_H

#include "ptn_axes.h"

enum { PTN_MATMUL_FEW_ROWS = 8 };

typedef struct ptn_matmul_shape {
    size_t m, n, k;                     // y [m][n] = a [m][k] * b [k][n]
    bool a_transposed, b_transposed;    // a lies as [k][m], b as [n][k]
    size_t rank;                        // axes of the batch, at most PTN_MOST_AXES
    const size_t *sizes;                // of the batch's axes
    const ptrdiff_t *a_steps, *b_steps; // floats along an axis of the batch; 0 where repeated
} ptn_matmul_shape;

// y [batch][m][n]; zeros where k is 0. Scratch, in one piece: b padded to whole panels (less than
// 64 columns more; for few rows 64 columns per thread), and a where it is transposed; for a batch
// so much per thread, and what ptn_conv2d takes.
PTN_MUST_CHECK ptn_status ptn_matmul(const ptn_runtime *runtime, const ptn_matmul_shape *shape,
                                     const float *a, const float *b, float *y);

#endif
