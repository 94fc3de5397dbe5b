// Pooling of NHWC maps: windows, adaptive windows and whole maps.
//
// NaN in a window gives NaN. Averages are summed row by row of the window in single precision, in
// an order that depends on the shape only; whole maps are summed in blocks that are combined in
// double precision.
#ifndef PTN_POOL_H
#define PTN_POOL_H

#include "ptn_runtime.h"

typedef enum ptn_pool_kind { PTN_POOL_MAX = 0, PTN_POOL_AVERAGE = 1 } ptn_pool_kind;

typedef struct ptn_pool_axis {
    size_t kernel, stride, dilation; // at least 1; dilation is for PTN_POOL_MAX
    size_t padding;                  // on both sides, at most kernel / 2
} ptn_pool_axis;

typedef struct ptn_pool_spec {
    ptn_pool_kind kind;
    ptn_pool_axis rows, columns;
    bool ceil_mode;         // round output sizes up; windows must start inside the padded map
    bool count_include_pad; // PTN_POOL_AVERAGE: padding counts as zeros, else it is not counted
    size_t divisor;         // PTN_POOL_AVERAGE: divisor of every window; 0: the window's size
} ptn_pool_spec;

// Output size of one axis; false when the axis breaks the contract or no window fits.
bool ptn_pool_output_size(const ptn_pool_axis *axis, size_t size, bool ceil_mode, size_t *output);

// x [n, h, w, c] to y [n, oh, ow, c] with sizes from ptn_pool_output_size. Padding is ignored in
// maxima. Scratch: 24 bytes per output row and column.
PTN_MUST_CHECK ptn_status ptn_pool2d(const ptn_runtime *runtime, const ptn_pool_spec *spec,
                                     size_t n, size_t h, size_t w, size_t c, const float *x,
                                     float *y);

// x [n, h, w, c] to y [n, oh, ow, c]: output row i averages the rows from floor(i h / oh) up to but
// not including ceil((i + 1) h / oh); columns in the same way.
PTN_MUST_CHECK ptn_status ptn_adaptive_average_pool2d(const ptn_runtime *runtime, size_t n,
                                                      size_t h, size_t w, size_t c, size_t oh,
                                                      size_t ow, const float *x, float *y);

// x [n, pixels, c] to y [n, c], pixels at least 1. Scratch: n * c * 4 bytes per 256 pixels.
PTN_MUST_CHECK ptn_status ptn_global_pool(const ptn_runtime *runtime, ptn_pool_kind kind, size_t n,
                                          size_t pixels, size_t c, const float *x, float *y);

#endif
