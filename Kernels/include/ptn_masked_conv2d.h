// Convolution at the active pixels of a mask only.
//
// An active output is what ptn_conv2d.h defines, with the same weights in the same packed form, and
// equals the dense result bit for bit when that is computed by the same algorithm. What happens
// to the other outputs is the caller's choice.
#ifndef PTN_MASKED_CONV2D_H
#define PTN_MASKED_CONV2D_H

#include "ptn_mask_plan.h"

// How activations lie in memory.
typedef enum ptn_masked_layout {
    PTN_MASKED_MAP = 0,    // a dense map [n][h][w][c]
    PTN_MASKED_ROWS,       // compact: [count][c], in the order of a plan's list
    PTN_MASKED_ACTIVE_MAP, // inputs only: a dense map of which a plan's active pixels count
} ptn_masked_layout;

// What outputs in a dense map become where the mask is off.
typedef enum ptn_masked_inactive {
    PTN_MASKED_KEEP = 0, // whatever they were
    PTN_MASKED_ZERO,     // 0; only those that are active in `previous`, if there is one
    PTN_MASKED_COPY,     // the pixels of `base`
} ptn_masked_inactive;

typedef struct ptn_masked_conv2d_mask {
    const ptn_mask_plan *outputs; // the outputs to compute; of the output's size
    // Of the input's size, where `input` is not a dense map. Pixels that are not active in it count
    // as zeros, like those outside the image.
    const ptn_mask_plan *inputs;
    ptn_masked_layout input, output;
    ptn_masked_inactive inactive;  // for a dense map as output
    const ptn_mask_plan *previous; // ZERO: the mask whose outputs are in y already, or NULL
    const float *base;             // COPY: like y, may be y
} ptn_masked_conv2d_mask;

// `shape` is that of the dense convolution, `packed` its weights packed for PTN_CONV2D_DIRECT, or for
// PTN_CONV2D_DEPTHWISE where that is the shape; shape->choice is not read. The epilogue's residual is laid out like y and may be y itself. x, packed and y must
// not overlap. The sum's order is that of ptn_conv2d for any number of threads.
//
// Scratch: at most 1.5 MiB per thread, and one row of zeros.
// PTN_BAD_ARGUMENT when plans do not fit the shape or each other.
PTN_MUST_CHECK ptn_status ptn_masked_conv2d(const ptn_runtime *runtime,
                                            const ptn_conv2d_shape *shape,
                                            const ptn_masked_conv2d_mask *mask, const float *x,
                                            const float *packed, size_t packed_stride,
                                            const ptn_conv2d_epilogue *epilogue, float *y);

#endif
