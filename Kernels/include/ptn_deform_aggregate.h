// Deformable aggregation: every output is a weighted sum of bilinear samples of its own group of
// channels, the core operation of DCNv3 (Wang et al., arXiv 2211.05778) and DCNv4 (Xiong et al.,
// arXiv 2401.06197).
//
//     y[n, oy, ox, g, c] = sum over points p of
//                          mask[n, oy, ox, g, p] * sample(x[n, :, :, g, c], py, px)
//     px = ox*sw - pad_w + hw - hw*a + (i*dw + offset[n, oy, ox, g, p, 0]) * a
//     py = oy*sh - pad_h + hh - hh*a + (j*dh + offset[n, oy, ox, g, p, 1]) * a
//     hw = dw*(kw-1) / 2 and hh = dh*(kh-1) / 2, rounded down
//
// Unlike ptn_deform_conv2d: offsets are (x, y), points run column by column, p = i*kh + j with i
// along the width (the centre left out with `remove_center`), and the scale `a` stretches the whole
// grid. sample() and its edges are those of ptn_deform_conv2d.
#ifndef PTN_DEFORM_AGGREGATE_H
#define PTN_DEFORM_AGGREGATE_H

#include "ptn_runtime.h"

typedef struct ptn_deform_aggregate_shape {
    size_t n, h, w, channels; // input; h and w at most 2^22, h * w below 2^31
    size_t groups;            // divides channels
    size_t kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    float offset_scale;
    bool remove_center; // kh and kw equal and odd
    // Floats from one pixel's offsets and masks to the next pixel's and from one group's to the
    // next group's.
    size_t offset_pixel, offset_group, mask_pixel, mask_group;
} ptn_deform_aggregate_shape;

// Points per group.
size_t ptn_deform_aggregate_points(const ptn_deform_aggregate_shape *shape);

// y: [n][out_h][out_w][channels] with the size of a convolution of this geometry. Points are summed
// in order; if a group has few channels, each of the four corners is summed over all points
// separately. Scratch: per thread 61 bytes for each of 256 positions, or for each position of one
// pixel if these are more; for all threads together 12 bytes for each of them and a row of zeros.
PTN_MUST_CHECK ptn_status ptn_deform_aggregate(const ptn_runtime *runtime,
                                               const ptn_deform_aggregate_shape *shape,
                                               const float *x, const float *offset,
                                               const float *mask, float *y);

// y = z + (u - z) * gate, z and u being [rows][groups][width] and gate [rows][groups], one gate for
// `width` neighbouring channels: the centre feature scale of DCNv3. y may be z.
PTN_MUST_CHECK ptn_status ptn_blend_groups(const ptn_runtime *runtime, size_t rows, size_t groups,
                                           size_t width, const float *z, const float *u,
                                           const float *gate, float *y);

#endif
