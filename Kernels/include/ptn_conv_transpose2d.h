// Transposed two-dimensional convolution on NHWC activations with packed weights.
//
//     y[n, oy, ox, k] = act( gate[n, k] * sum + bias[k] + residual[n, oy, ox, k] )
//     sum = sum over i, j, c of  x[n, iy, ix, g*C/G + c] * weights[g*C/G + c, k - g*K/G, i, j]
//
// over all taps with iy * sh + i * dh = oy + pad_top and ix * sw + j * dw = ox + pad_left for some
// input pixel (iy, ix); g = k / (K/G). Outputs that no tap reaches are act(bias + residual).
//
// Outputs whose positions have the same remainders modulo the strides use the same taps. Each such
// phase is an ordinary convolution with some of the taps, whose outputs are a stride apart. No
// inserted zeros are multiplied or stored. Sums run over input pixels row by row and over channels
// within a pixel, in that order, for every output and every thread count.
#ifndef PTN_CONV_TRANSPOSE2D_H
#define PTN_CONV_TRANSPOSE2D_H

#include "ptn_conv2d.h"

typedef struct ptn_conv_transpose2d_shape {
    size_t n, h, w, c;                                 // input; c is a multiple of groups
    size_t k;                                          // output channels; a multiple of groups
    size_t kh, kw;                                     // at least 1
    size_t stride_h, stride_w, dilation_h, dilation_w; // 1 ... 2^31 - 1
    size_t pad_top, pad_left; // rows and columns of the full result that are left out
    size_t out_h, out_w;      // at least 1; may reach beyond the full result
    size_t groups;            // at least 1
} ptn_conv_transpose2d_shape;

typedef struct ptn_conv_transpose2d_plan {
    size_t packed_floats; // length of the packed weights
    // For all threads: at most 1.25 MiB each for addresses (kernels of more than 5,000 taps need
    // 200 bytes per tap); for all together 64 bytes per phase of rows and of columns, and a row of
    // zeros.
    size_t scratch_bytes;
    double multiply_adds; // every input pixel times every tap
    int threads;          // number of threads that the call uses
} ptn_conv_transpose2d_plan;

// PTN_BAD_ARGUMENT when a size breaks the contract above, PTN_SIZE_OVERFLOW when a buffer would not
// fit the address space.
PTN_MUST_CHECK ptn_status ptn_conv_transpose2d_plan_for(const ptn_runtime *runtime,
                                                        const ptn_conv_transpose2d_shape *shape,
                                                        ptn_conv_transpose2d_plan *plan);

// Packs weights [c][k/groups][kh][kw], each output channel multiplied by `scale[k]` (NULL: 1). The
// packed form belongs to one instruction set and to the shape's c, k, kernel, strides, dilations
// and groups; batch, sizes and padding may change.
PTN_MUST_CHECK ptn_status ptn_conv_transpose2d_pack(ptn_isa isa,
                                                    const ptn_conv_transpose2d_shape *shape,
                                                    const float *weights, const float *scale,
                                                    float *packed);

// x, packed and y must not overlap. A batch of 0 and an input without pixels are allowed; with the
// latter all outputs are act(bias + residual).
PTN_MUST_CHECK ptn_status ptn_conv_transpose2d(const ptn_runtime *runtime,
                                               const ptn_conv_transpose2d_shape *shape,
                                               const float *x, const float *packed,
                                               const ptn_conv2d_epilogue *epilogue, float *y);

// weights [c][k/groups][kh][kw] as an ordinary convolution's [k][c/groups][kh][kw], taps mirrored:
// with stride 1 the ordinary convolution with these weights and padding dilation * (kernel - 1) -
// padding equals the transposed one.
PTN_MUST_CHECK ptn_status ptn_conv_transpose2d_mirror(const ptn_conv_transpose2d_shape *shape,
                                                      const float *weights, float *mirrored);

#endif
