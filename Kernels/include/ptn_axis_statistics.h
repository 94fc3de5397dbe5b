// Means and maxima of a map along one of its axes: along the channels (one number per pixel), along
// the width (a strip of rows) and along the height (a strip of columns). What spatial and
// coordinate attention are computed from.
//
// Results are the same for any number of threads. A mean is summed in single precision in parts of
// 16 numbers, which are combined in a second and, where there are more, a third sum; the sums of
// tiles along height and width are combined with compensation, as good as in double precision. A
// maximum is NaN if one of the numbers is.
#ifndef PTN_AXIS_STATISTICS_H
#define PTN_AXIS_STATISTICS_H

#include "ptn_runtime.h"

// Over the channels: y [samples, 2, pixels] holds the means of x [samples, pixels, channels] and
// then the maxima. With `gates` [samples, channels], which may be NULL, of x * gates. channels at
// least 1.
PTN_MUST_CHECK ptn_status ptn_pixel_statistics(const ptn_runtime *runtime, size_t samples,
                                               size_t pixels, size_t channels, const float *x,
                                               const float *gates, float *y);

// Where the strips of a map [n, h, w, c] go. Sample i's means over the width, [h, c], begin at
// rows + i * rows_stride, its means over the height, [w, c], at columns + i * columns_stride.
typedef struct ptn_strips {
    float *rows, *columns;
    size_t rows_stride, columns_stride;
    // Maxima in the same form with the same strides; both NULL if they are not wanted.
    float *largest_rows, *largest_columns;
    float *pixels; // as y of ptn_pixel_statistics, [n, 2, h, w]; NULL if it is not wanted
} ptn_strips;

// All strips in one read of x; h and w at least 1. Scratch: per 16 rows and 64 columns 80 floats
// per channel, twice as many with maxima.
PTN_MUST_CHECK ptn_status ptn_strip_statistics(const ptn_runtime *runtime, size_t n, size_t h,
                                               size_t w, size_t c, const float *x,
                                               const ptn_strips *strips);

#endif
