// Convolution at the active pixels of a mask only.
//
// An active output is as defined in ptn_conv2d.h, with the same weights in the same packed form,
// and equals the dense result bit for bit if that is computed by the same algorithm. The caller
// chooses what inactive outputs become.
#ifndef PTN_MASKED_CONV2D_H
#define PTN_MASKED_CONV2D_H

#include "ptn_mask_plan.h"
#include <math.h>

// Layout of inputs and outputs.
typedef enum ptn_masked_layout {
    PTN_MASKED_MAP = 0,    // a dense map [n][h][w][c]
    PTN_MASKED_COMPACT,    // compact: [count][c], in the order of a plan's list
    PTN_MASKED_ACTIVE_MAP, // inputs only: a dense map; pixels not active in `inputs` count as 0
    // Inputs only: several dense maps whose channels are concatenated, as for ptn_conv2d_maps and
    // under its conditions except the one on the choice.
    PTN_MASKED_MAPS,
} ptn_masked_layout;

// What inactive outputs in a dense map become.
typedef enum ptn_masked_inactive {
    PTN_MASKED_KEEP = 0, // unchanged
    PTN_MASKED_ZERO,     // 0; if there is a `previous`, only the pixels active in it are cleared
    PTN_MASKED_COPY,     // the pixels of `base`
} ptn_masked_inactive;

typedef struct ptn_masked_conv2d_mask {
    const ptn_mask_plan *outputs; // the outputs to compute; of the output map's size
    // Of the input map's size, if `input` is COMPACT or ACTIVE_MAP. Pixels that are not active in
    // it count as zeros, like those outside the image.
    const ptn_mask_plan *inputs;
    ptn_masked_layout input, output;
    // ACTIVE_MAP with Winograd's forms only: a map [n][h][w][rest_channels] with the first channels
    // of inactive pixels, instead of zeros; or NULL and 0.
    const float *rest;
    size_t rest_channels;
    const float *const *maps; // MAPS: the input; x is ignored
    size_t maps_count;
    // For a dense map as output whose inactive pixels are kept: floats from one pixel to the next,
    // at least k; 0: k. y and the residual may then be some neighbouring channels of wider maps.
    size_t y_step;
    ptn_masked_inactive inactive;  // for a dense map as output
    const ptn_mask_plan *previous; // ZERO: the mask whose outputs are in y already, or NULL
    const float *base;             // COPY: same layout as y, may be y
    // COMPACT output: the plan that gives the order of the rows, if not `outputs`; it must contain
    // all pixels of `outputs`.
    const ptn_mask_plan *output_order;
    // Winograd's forms only: the guard, which leaves out active outputs. NULL: none. With a dense
    // map as input the same tiles are left out as by ptn_conv2d; with other inputs only the pixels
    // that active outputs read are considered.
    ptn_conv2d_guard *guard;
} ptn_masked_conv2d_mask;

// `shape` is that of the dense convolution. Its choice is read as follows:
//
//     PTN_CONV2D_WINOGRAD_FORCE_4X4, ..._6X6   Winograd's form on the tiles that hold an active
//         pixel: dilation 1, any input but several maps, shared weights, packed for that algorithm
//     all others                               the defining sums of each active pixel, with weights
//         packed for PTN_CONV2D_DIRECT, or for PTN_CONV2D_DEPTHWISE where that is the shape
//
// The epilogue's residual is laid out like y and may be y itself. x, packed and y must not overlap.
// Sums have the order of ptn_conv2d for any number of threads.
//
// Scratch: at most 1.5 MiB per thread, and one row of zeros; Winograd: as ptn_conv2d_plan says, and
// 4 bytes per tile. PTN_BAD_ARGUMENT when plans do not fit the shape or each other.
PTN_MUST_CHECK ptn_status ptn_masked_conv2d(const ptn_runtime *runtime,
                                            const ptn_conv2d_shape *shape,
                                            const ptn_masked_conv2d_mask *mask, const float *x,
                                            const float *packed, size_t packed_stride,
                                            const ptn_conv2d_epilogue *epilogue, float *y);

// Ways to compute the active outputs.
typedef enum ptn_masked_way {
    PTN_MASKED_PIXELS = 0, // the defining sums of each active pixel
    PTN_MASKED_TILES_4X4,  // Winograd's F(4x4, 3x3) on active tiles
    PTN_MASKED_TILES_6X6,  // ... F(6x6, 3x3)
    PTN_MASKED_DENSE,      // the whole map by PTN_CONV2D_AUTO (by PTN_CONV2D_SUMS if that is the
                           // shape's choice), then inactive pixels cleared, copied or restored
} ptn_masked_way;
#define PTN_MASKED_WAYS 4

// Estimate of a way that does not apply to the shape or is far from paying. Larger than every real
// estimate, so that taking the minimum needs no special case.
#define PTN_MASKED_NOT_ESTIMATED ((double)INFINITY)

// The part of the estimates that depends only on the shape, not on the mask. Cycles of one sample's
// dense map on one core that does two vector multiply-adds per cycle.
typedef struct ptn_masked_conv2d_model {
    size_t n, h, w, k; // of the output
    double direct, whole,
        dense;              // direct sums by pixels; as a dense convolution's; fastest algorithm
    double tiles[2];        // Winograd's forms, 4 x 4 first; 0: does not apply
    double tile_traffic[2]; // reading the forms' weights
    double traffic;         // reading the direct sums' weights
    double scattered;       // extra cycles per isolated active pixel
    bool depthwise, tiled;  // tiled: scattered outputs cost no more than the dense map
} ptn_masked_conv2d_model;

// The model of a shape. PTN_CONV2D_SUMS as the shape's choice leaves Winograd's algorithm out,
// other choices count as PTN_CONV2D_AUTO. Errors as of ptn_conv2d_plan_for.
PTN_MUST_CHECK ptn_status ptn_masked_conv2d_model_for(const ptn_runtime *runtime,
                                                      const ptn_conv2d_shape *shape,
                                                      ptn_masked_conv2d_model *model);

// Estimated cycles of every way for the active pixels of `outputs`; 0 where there is nothing to do,
// PTN_MASKED_NOT_ESTIMATED where there is no estimate. Only ratios are meaningful. `clears`:
// inactive outputs are written too; the dense way always writes them. PTN_BAD_ARGUMENT when the
// plan is not of the output's size.
PTN_MUST_CHECK ptn_status ptn_masked_conv2d_estimate(const ptn_masked_conv2d_model *model,
                                                     const ptn_mask_plan *outputs, bool clears,
                                                     double cycles[PTN_MASKED_WAYS]);

#endif
