// Pixel-adaptive convolution: every tap of every output pixel is multiplied by a factor of its own.
//
//     y[n, o, k] = act( gate[n, k] * sum + bias[k] + residual[n, o, k] )
//     sum        = sum over taps p and channels c of
//                      weights[k, c, p] * (kernels[n, o, p] * x[n, o + p, c])
//
// The transposed form is the same sum over x with up - 1 zeros between its pixels. Taps that meet
// such a zero are neither multiplied nor packed: outputs whose positions are equal modulo `up` form
// a phase, which has its own taps.
#ifndef PTN_ADAPTIVE_CONV2D_H
#define PTN_ADAPTIVE_CONV2D_H

#include "ptn_conv2d.h"

typedef struct ptn_adaptive_conv2d_shape {
    // Of the convolution over x with the zeros between its pixels: h is (rows of x - 1) * up_h + 1,
    // and likewise w. One group; `choice` is ignored.
    ptn_conv2d_shape conv;
    // Pixels of the convolved map per pixel of x, 1 ... 64. Above 1 only with strides of 1.
    size_t up_h, up_w;
} ptn_adaptive_conv2d_shape;

typedef struct ptn_adaptive_conv2d_plan {
    size_t x_h, x_w; // of the input
    size_t out_h, out_w;
    size_t packed_floats;
    // For all threads; each 1.25 MiB, and the scaled rows of a chunk: 288 KiB, or those of twelve
    // outputs.
    size_t scratch_bytes;
    double multiply_adds; // of taps that meet a pixel of x or the padding
    int threads;
} ptn_adaptive_conv2d_plan;

// PTN_BAD_ARGUMENT when the shape breaks the contract above or that of ptn_conv2d_shape.
PTN_MUST_CHECK ptn_status ptn_adaptive_conv2d_plan_for(const ptn_runtime *runtime,
                                                       const ptn_adaptive_conv2d_shape *shape,
                                                       ptn_adaptive_conv2d_plan *plan);

// Packs weights [k][c][kh][kw] into a plan's packed_floats. The packed form belongs to one
// instruction set and to the shape's c, k, kernel, dilation, top and left padding and `up`.
PTN_MUST_CHECK ptn_status ptn_adaptive_conv2d_pack(ptn_isa isa,
                                                   const ptn_adaptive_conv2d_shape *shape,
                                                   const float *weights, float *packed);

// kernels [n][out_h][out_w][kh * kw]. A product of factor and pixel is rounded to float; the sum
// runs over taps row by row and over channels within a tap, for every thread count, so with factors
// of 1 and up = 1 the result is that of PTN_CONV2D_DIRECT bit for bit. Arrays must not overlap y. A
// batch of 0 does nothing.
PTN_MUST_CHECK ptn_status ptn_adaptive_conv2d(const ptn_runtime *runtime,
                                              const ptn_adaptive_conv2d_shape *shape,
                                              const float *x, const float *kernels,
                                              const float *packed,
                                              const ptn_conv2d_epilogue *epilogue, float *y);

// Divides the factors of every output pixel by their sum over the taps that meet a pixel of x; the
// factors of other taps become 0. A sum of 0 counts as 1.
PTN_MUST_CHECK ptn_status ptn_adaptive_normalize(const ptn_runtime *runtime,
                                                 const ptn_adaptive_conv2d_shape *shape,
                                                 float *kernels);

#endif
