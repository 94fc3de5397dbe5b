// The masked convolution by Winograd's algorithm.
#ifndef PTN_SPARSE_MASKED_WINOGRAD_H
#define PTN_SPARSE_MASKED_WINOGRAD_H

#include "ptn_masked_conv2d.h"

// Computes the tiles with an active output by the plan's form; the caller has checked the
// arguments.
ptn_status ptn_masked_winograd(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                               const float *x, const float *packed,
                               const ptn_conv2d_epilogue *epilogue, float *y);

#endif
