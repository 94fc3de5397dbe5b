// Input addresses of scattered outputs.
#ifndef PTN_SPARSE_TAPS_H
#define PTN_SPARSE_TAPS_H

#include "../convolution/chunk.h"
#include "../core/divider.h"
#include "mask_plan.h"
#include "ptn_masked_conv2d.h"

// The input pixels of scattered outputs' taps. Positions are relative to the image's first pixel.
typedef struct ptn_taps {
    const ptn_conv2d_shape *shape;
    ptn_masked_layout layout;
    const float *x, *zeros;
    const int32_t *index; // inverse map of the inputs; NULL for a dense map
    size_t out_w;
    ptn_divider by_width;
    // Outputs in [top, bottom) x [left, right) have all their taps inside the image.
    size_t top, bottom, left, right;
    const ptrdiff_t *pixels; // [taps]: distance of each tap from the first, in input pixels
    size_t taps;
} ptn_taps;

// Sets everything that follows from the shape; `pixels` has room for all taps.
ptn_taps ptn_taps_for(const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan,
                      ptrdiff_t *pixels);
// Fills table[tap * step + m] with the address of the channels that output pixels[m] of `sample`
// reads at the tap: the row of zeros outside the image and at inactive pixels.
void ptn_taps_fill(const ptn_taps *taps, size_t sample, const int32_t *pixels, size_t count,
                   size_t step, const float **table);
// Appends segments for `count` outputs of one sample, by the rows of taps that are inside the
// image.
void ptn_taps_append_segments(const ptn_taps *taps, const int32_t *pixels, size_t count,
                              ptn_chunk *chunk);

#endif
