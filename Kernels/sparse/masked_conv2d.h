// What the parts of the masked convolution share; not visible outside Kernels/sparse.
#ifndef PTN_MASKED_CONV2D_INTERNAL_H
#define PTN_MASKED_CONV2D_INTERNAL_H

#include "../convolution/chunk.h"
#include "mask_plan.h"
#include "ptn_masked_conv2d.h"

// Division of numbers below 2^31 by one divisor: two instructions instead of thirty cycles.
typedef struct ptn_divider {
    uint64_t factor;
    unsigned shift;
} ptn_divider;

// Granlund, Montgomery, "Division by Invariant Integers using Multiplication", 1994.
static inline ptn_divider ptn_divider_for(size_t divisor) {
    unsigned bits = 0;
    while (((uint64_t)1 << bits) < divisor) bits++;
    return (ptn_divider){.factor = ((uint64_t)1 << (31 + bits)) / divisor + 1, .shift = 31 + bits};
}

static inline size_t ptn_divide(ptn_divider d, size_t number) {
    return (size_t)((uint64_t)number * d.factor >> d.shift);
}

// Where the input pixels of an output's taps lie. Positions are relative to the image's first pixel.
typedef struct ptn_taps {
    const ptn_conv2d_shape *shape;
    ptn_masked_layout layout;
    const float *x, *zeros;
    const int32_t *rows; // inverse map of the inputs; NULL for a dense map
    size_t out_w;
    ptn_divider by_width;
    // Outputs in [top, bottom) x [left, right) have all their taps inside the image.
    size_t top, bottom, left, right;
    const ptrdiff_t *pixels; // [taps]: input pixels from the first tap to each
    size_t taps;
} ptn_taps;

// Fills in what follows from the shape; `pixels` has room for all taps.
ptn_taps ptn_taps_for(const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan,
                      ptrdiff_t *pixels);
// table[tap * step + m]: where the channels begin that output pixels[m] of `sample` reads at a tap;
// the row of zeros outside the image and at inactive pixels.
void ptn_taps_fill(const ptn_taps *taps, size_t sample, const int32_t *pixels, size_t count,
                   size_t step, const float **table);

// Neighbouring outputs of one row of a depthwise convolution.
typedef struct ptn_masked_dw_run {
    const float *const *rows; // [kh]: input rows, where column 0 is; NULL outside the image
    ptrdiff_t left;           // column of the first output's first tap, may be negative
    size_t length;            // outputs
    size_t begin, end;        // outputs [begin, end) have all their columns inside the image
    float *out;               // [length][c]
} ptn_masked_dw_run;

typedef struct ptn_masked_dw_args {
    size_t w, c, kh, kw, stride, dilation; // along a row
    const ptn_masked_dw_run *runs;
    size_t count;
    const float *weights;     // [kh*kw][c]
    const float *bias, *gate; // [c] or NULL
    ptrdiff_t residual;       // bytes from an output to its residual
    bool has_residual, residual_last;
    float low, high;
} ptn_masked_dw_args;

// Inactive pixels of a dense output map, a few image rows per task.
typedef struct ptn_inactive_job {
    ptn_mask_view outputs;
    const uint64_t *previous; // bits or NULL
    const float *base;        // NULL: zeros
    float *y;
    size_t k, tasks;
} ptn_inactive_job;

// `tasks` is 0 when there is nothing to do.
ptn_inactive_job ptn_inactive_for(const ptn_masked_conv2d_mask *mask, size_t k, float *y);
void ptn_inactive_run(const ptn_inactive_job *job, size_t task);

// Whether outputs of a map are computed in tiles: scattered ones cost no more than the whole map.
bool ptn_masked_depthwise_is_tiled(const ptn_conv2d_shape *shape);

// Depthwise shapes; arguments are checked.
ptn_status ptn_masked_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                                const float *x, const float *packed, size_t packed_stride,
                                const ptn_conv2d_epilogue *epilogue, float *y);

// Winograd's form that the plan names, on the tiles that hold an active pixel; arguments are checked.
ptn_status ptn_masked_winograd(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                               const float *x, const float *packed,
                               const ptn_conv2d_epilogue *epilogue, float *y);

#endif
