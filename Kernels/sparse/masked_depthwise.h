// The masked depthwise convolution.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_H
#define PTN_SPARSE_MASKED_DEPTHWISE_H

#include "ptn_masked_conv2d.h"

// For depthwise shapes; the caller has checked the arguments.
ptn_status ptn_masked_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                                const float *x, const float *packed, size_t packed_stride,
                                const ptn_conv2d_epilogue *epilogue, float *y);

#endif
