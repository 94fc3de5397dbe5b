// Depthwise convolution with deformable kernels (Gao et al., arXiv 1910.02940): the input is read
// on the regular grid, the kernel is sampled from a larger kernel, its scope, at displaced
// positions.
//
//     y[n, oy, ox, c] = sum over i, j of
//         x[n, oy*s - pad + i*d, ox*s - pad + j*d, c] * sample(scope[:, :, c], py, px)
//     (py, px) = (i + (sh - k) / 2, j + (sw - k) / 2) + rotation[n, oy, ox, c mod groups, i*k + j]
//
// Taps outside of the image are 0. sample() is bilinear, 0 at -1 and beyond and at the scope's size
// and beyond; with `clip` both coordinates are first clamped to 0 ... sh - 1, with sh for both, as
// in the reference. A NaN rotation gives NaN.
#ifndef PTN_DEFORM_KERNEL_H
#define PTN_DEFORM_KERNEL_H

#include "ptn_runtime.h"

typedef struct ptn_deform_kernel_shape {
    size_t n, h, w, c; // input
    size_t k, stride, pad, dilation;
    size_t scope_h, scope_w; // at most 2^10 each
    size_t groups;           // of rotations; divides c. Channel c belongs to group c mod groups.
    bool clip;
} ptn_deform_kernel_shape;

// scope: [scope_h][scope_w][groups][c / groups], the channels of a group contiguous. rotation:
// [n][out_h][out_w][groups][k * k][2]. y: [n][out_h][out_w][c]. Scratch per thread: 64 bytes per
// tap and group for eight pixels, and with several groups 4 bytes per tap and channel.
PTN_MUST_CHECK ptn_status ptn_deform_kernel(const ptn_runtime *runtime,
                                            const ptn_deform_kernel_shape *shape, const float *x,
                                            const float *rotation, const float *scope, float *y);

// Kernels sampled from scopes, one set for every sample: the global form.
//
//     kernels[n, i*k + j, f] = sample(scope[:, :, f], py, px)
//     (py, px) = (i + (sh - k) / 2, j + (sw - k) / 2) + displacement[n, i*k + j]
//
// With `clip` both coordinates are first clamped to 0 ... sh - 1, with sh for both, as in the
// reference. A NaN displacement gives NaN.
typedef struct ptn_scope_kernels_shape {
    size_t n, k;
    size_t scope_h, scope_w; // at most 2^10 each
    size_t filters;          // values of one cell
    bool clip;
} ptn_scope_kernels_shape;

// scope: [scope_h][scope_w][filters]; displacement: [n][k * k][2]; kernels: [n][k * k][filters].
// Scratch: a row of zeros.
PTN_MUST_CHECK ptn_status ptn_scope_kernels(const ptn_runtime *runtime,
                                            const ptn_scope_kernels_shape *shape,
                                            const float *displacement, const float *scope,
                                            float *kernels);

#endif
