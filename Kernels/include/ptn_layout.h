// Copies in another layout: axis permutation, strided rows, windows of NHWC maps. Source and result
// must not overlap.
#ifndef PTN_LAYOUT_H
#define PTN_LAYOUT_H

#include "ptn_runtime.h"

enum { PTN_PERMUTE_MOST_AXES = 8 };

// Axis i of y is axis axes[i] of x; `axes` is a permutation of 0 ... rank - 1.
PTN_MUST_CHECK ptn_status ptn_permute(const ptn_runtime *runtime, size_t rank, const size_t *shape,
                                      const size_t *axes, const float *x, float *y);

// Copies `rows` rows of `floats` numbers; the strides are between the starts of rows.
PTN_MUST_CHECK ptn_status ptn_copy_rows(const ptn_runtime *runtime, size_t rows, size_t floats,
                                        const float *x, size_t x_stride, float *y, size_t y_stride);

typedef struct ptn_frame {
    size_t stride;          // y's pixel i is x's pixel i * stride - before
    size_t top, left;       // `before` for rows and for columns
    size_t height, width;   // of y
    size_t channels_before; // zero channels before x's
    size_t channels;        // of y, at least channels_before + c
} ptn_frame;

// x [n, h, w, c] to y [n, height, width, channels]; pixels and channels outside x are 0.
PTN_MUST_CHECK ptn_status ptn_reframe(const ptn_runtime *runtime, const ptn_frame *frame, size_t n,
                                      size_t h, size_t w, size_t c, const float *x, float *y);

#endif
