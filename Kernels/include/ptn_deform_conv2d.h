// Deformable convolution on NHWC activations with packed weights: every tap samples the input at a
// displacement of its own (Dai et al., arXiv 1703.06211; with modulation Zhu et al., 1811.11168).
//
//     y[n, oy, ox, k] = act( gate[n, k] * sum + bias[k] + residual[n, oy, ox, k] )
//     sum = sum over i, j, c of  weights[k, c, i, j] * m * sample(x[n, :, :, g*C/G + c], py, px)
//     py  = oy*sh - pad_top  + i*dh + offset[n, oy, ox, q, i*kw + j, 0]
//     px  = ox*sw - pad_left + j*dw + offset[n, oy, ox, q, i*kw + j, 1]
//     m   = mask[n, oy, ox, q, i*kw + j]   (1 without a mask; its sigmoid when `mask_is_logit`)
//
// g is k's group of weights, q = channel / (C / offset_groups) the channel's group of offsets.
// Displacements are in input pixels: (y, x) interleaved per tap, taps row by row, groups outermost.
//
// sample() is bilinear. It is 0 unless -1 < py < H and -1 < px < W; inside, a corner beyond the
// edge counts as 0. Infinite positions are outside. A NaN position gives NaN without reading the
// input. With offsets of 0, no mask and finite input the sums are those of ptn_conv2d, with one
// group bit for bit those of PTN_CONV2D_DIRECT.
//
// The sum runs over taps row by row and over channels within a tap, in that order, for every output
// and every thread count. Sampled values are rounded to float.
#ifndef PTN_DEFORM_CONV2D_H
#define PTN_DEFORM_CONV2D_H

#include "ptn_conv2d.h"

typedef struct ptn_deform_conv2d_shape {
    ptn_conv2d_shape conv; // `choice` is ignored; h and w at most 2^22, h * w below 2^31
    size_t offset_groups;  // at least 1; divides conv.c
    size_t offset_step;    // floats from one output pixel's offsets to the next; 0: without a gap
    bool offset_is_shared; // one pixel's offsets serve all pixels of all samples
    size_t mask_step;      // floats from one output pixel's mask to the next; 0: without a gap
    bool mask_is_logit;
} ptn_deform_conv2d_shape;

typedef struct ptn_deform_conv2d_plan {
    size_t out_h, out_w;
    size_t packed_floats;
    // For all threads. At most 1.5 MiB each for sampled rows, positions and unfinished sums, unless
    // a single tap of 24 pixels needs more (96 * c + 96 * k bytes, c and k in the thousands, or
    // 1.2 KiB per tap and group of offsets); and one row of zeros and the taps' places for all
    // together.
    size_t scratch_bytes;
    double multiply_adds; // of the convolution proper, without sampling
    int threads;          // number of threads that the call uses
} ptn_deform_conv2d_plan;

// As ptn_conv2d_plan_for.
PTN_MUST_CHECK ptn_status ptn_deform_conv2d_plan_for(const ptn_runtime *runtime,
                                                     const ptn_deform_conv2d_shape *shape,
                                                     ptn_deform_conv2d_plan *plan);

// Packs weights [k][c/groups][kh][kw], each output channel multiplied by `scale[k]` (NULL: 1), into
// a plan's packed_floats. The packed form belongs to one instruction set and to the shape's c, k,
// kernel and groups.
PTN_MUST_CHECK ptn_status ptn_deform_conv2d_pack(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                                                 const float *weights, const float *scale,
                                                 float *packed);

// `packed`: of ptn_deform_conv2d_pack. `mask` may be NULL.
// Arrays must not overlap y. A batch of 0 does nothing.
PTN_MUST_CHECK ptn_status ptn_deform_conv2d(const ptn_runtime *runtime,
                                            const ptn_deform_conv2d_shape *shape, const float *x,
                                            const float *offset, const float *mask,
                                            const float *packed,
                                            const ptn_conv2d_epilogue *epilogue, float *y);

#endif
