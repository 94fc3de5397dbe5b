// Sliding windows of a map as rows, and the sum of such rows as a map (im2col and col2im).
#ifndef PTN_UNFOLD_H
#define PTN_UNFOLD_H

#include "ptn_runtime.h"

// out_h x out_w windows over a map with `padding` zero rows or columns on both sides. Windows begin
// every `stride` pixels and have kernel_h x kernel_w pixels, `dilation` apart.
typedef struct ptn_windows {
    size_t kernel_h, kernel_w, dilation_h, dilation_w, padding_h, padding_w, stride_h, stride_w;
    size_t out_h, out_w;
} ptn_windows;

// x [n, h, w, c] to y [n, out_h * out_w, c * kernel_h * kernel_w]: one row per window, in which
// element (k * kernel_h + i) * kernel_w + j is channel k of the window's pixel (i, j), as in
// PyTorch. Pixels outside the map are 0. Every window must begin within the padded map.
PTN_MUST_CHECK ptn_status ptn_unfold(const ptn_runtime *runtime, const ptn_windows *windows,
                                     size_t n, size_t h, size_t w, size_t c, const float *x,
                                     float *y);

// The transposed operation: x [n, out_h * out_w, c * kernel_h * kernel_w] to y [n, h, w, c]. Every
// pixel is the sum of its entries in all windows that contain it, in the order of its position in
// the window (rows first), so that sums do not depend on the number of threads.
PTN_MUST_CHECK ptn_status ptn_fold(const ptn_runtime *runtime, const ptn_windows *windows, size_t n,
                                   size_t h, size_t w, size_t c, const float *x, float *y);

#endif
