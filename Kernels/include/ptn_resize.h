// Resampling of NHWC maps to another height and width, without anti-aliasing.
#ifndef PTN_RESIZE_H
#define PTN_RESIZE_H

#include "ptn_runtime.h"

typedef enum ptn_resize_mode {
    PTN_RESIZE_NEAREST = 0,      // input index floor(i * s)
    PTN_RESIZE_NEAREST_EXACT,    // input index floor((i + 0.5) * s)
    PTN_RESIZE_BILINEAR,         // at (i + 0.5) * s - 0.5, not below 0
    PTN_RESIZE_BILINEAR_CORNERS, // at i * (size - 1) / (output - 1): corners aligned
    PTN_RESIZE_BICUBIC,          // at (i + 0.5) * s - 0.5: Keys' cubic with a = -0.75
    PTN_RESIZE_BICUBIC_CORNERS,
} ptn_resize_mode;

// x [n, h, w, c] to y [n, oh, ow, c]. s is 1 / factor where a factor (output per input) above 0 is
// given, else size / output; indices and weights are computed in single precision, and indices are
// clamped to the map. h and w must be at least 1. Scratch: 48 bytes per output row and column, and
// for bicubic a row of x per thread.
PTN_MUST_CHECK ptn_status ptn_resize(const ptn_runtime *runtime, ptn_resize_mode mode, size_t n,
                                     size_t h, size_t w, size_t c, size_t oh, size_t ow,
                                     double row_factor, double column_factor, const float *x,
                                     float *y);

#endif
