// The kernels of a pixel-adaptive convolution (Su et al., "Pixel-Adaptive Convolutional Neural
// Networks", arXiv 1904.05373): for every output pixel one factor per tap, from the differences
// between the guide's features at the tap and at the centre.
//
//     distance[n, o, p] = sum over c of  d(guide[n, o + p, c] - centre[n, o, c])
//     d(t)              = t^2, or max(t, 0)^2 where only positive differences count
//     kernels[n, o, p]  = exp(-distance / 2)                              PTN_ADAPTIVE_GAUSSIAN
//                         alpha + (distance + 1e-4)^(lambda / 2)          PTN_ADAPTIVE_INVERSE
//
// The guide is zero outside its map. The centre is the guide at the kernel's middle tap, or a
// smoothed guide. Taps run row by row, channels in order.
#ifndef PTN_ADAPTIVE_KERNEL_H
#define PTN_ADAPTIVE_KERNEL_H

#include "ptn_conv2d.h"

typedef enum ptn_adaptive_kind {
    PTN_ADAPTIVE_GAUSSIAN = 0,
    PTN_ADAPTIVE_INVERSE,
} ptn_adaptive_kind;

typedef struct ptn_adaptive_function {
    ptn_adaptive_kind kind;
    float alpha, lambda; // PTN_ADAPTIVE_INVERSE
    bool positive;       // negative differences count as 0; NaN stays NaN
} ptn_adaptive_function;

// `shape`: of a convolution on the guide, c channels; k, groups and choice are ignored, and the
// kernel's height and width are odd. guide [n][h][w][c]; centre [n][out_h][out_w][c], or NULL for
// the guide itself; kernels [n][out_h][out_w][kh * kw]. Scratch per thread: the guide's rows that
// up to eight rows of outputs read, at most 512 KiB or those of one row.
PTN_MUST_CHECK ptn_status ptn_adaptive_kernel(const ptn_runtime *runtime,
                                              const ptn_conv2d_shape *shape,
                                              const ptn_adaptive_function *function,
                                              const float *guide, const float *centre,
                                              float *kernels);

#endif
