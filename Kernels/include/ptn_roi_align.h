// RoIAlign (He et al., arXiv 1703.06870) on NHWC maps: each bin of each box is the mean of bilinear
// samples on a regular grid within it.
//
// A box is (sample, x1, y1, x2, y2) in the image's units; times `scale` it is in pixels of the map,
// shifted by half a pixel when `aligned`, else at least 1 pixel wide and high. A bin holds
// `sampling_ratio` points along each axis (at most 64), or, with 0, ceil(box size / bins) of them.
// A point below -1 or above the size is 0; other points are clamped to the map.
#ifndef PTN_ROI_ALIGN_H
#define PTN_ROI_ALIGN_H

#include "ptn_runtime.h"

typedef struct ptn_roi_align_shape {
    size_t n, h, w, c; // map; h and w at most 2^22, h * w below 2^31
    size_t boxes, out_h, out_w;
    float scale;
    size_t sampling_ratio;
    bool aligned;
} ptn_roi_align_shape;

// y[boxes][out_h][out_w][c]. PTN_BAD_ARGUMENT when a box is not finite or its sample does not
// exist; a bin of more than 2^16 points along an axis is PTN_SIZE_OVERFLOW. Scratch: 4 KiB per
// thread and a row of zeros.
PTN_MUST_CHECK ptn_status ptn_roi_align(const ptn_runtime *runtime,
                                        const ptn_roi_align_shape *shape, const float *x,
                                        const float *boxes, float *y);

// Deformable pooling of boxes (Dai et al., arXiv 1703.06211): as ptn_roi_align with `aligned` set
// (the member is ignored), but every bin is moved by gamma times the box's size times its offset,
// offset[boxes][out_h][out_w][2], (x, y). Boxes may be smaller than a pixel. A bin with a NaN
// offset is NaN if it has points.
PTN_MUST_CHECK ptn_status ptn_deform_roi_pool(const ptn_runtime *runtime,
                                              const ptn_roi_align_shape *shape, const float *x,
                                              const float *boxes, const float *offset, float gamma,
                                              float *y);

#endif
