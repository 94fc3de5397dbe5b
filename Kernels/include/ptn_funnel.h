// Funnel activation: the maximum of x and a depthwise convolution of x. Ma, Zhang, Sun, ECCV 2020
// (arXiv 2007.11824).
#ifndef PTN_FUNNEL_H
#define PTN_FUNNEL_H

#include "ptn_runtime.h"

enum { PTN_FUNNEL_MOST_TAPS = 121 };

// A position of the kernel, relative to the output's pixel.
typedef struct ptn_funnel_tap {
    int32_t row, column;
} ptn_funnel_tap;

// y[s, i, j, c] = max(x[s, i, j, c], bias[c] + sum over t of weights[t, c] *
//                     x[s, i + taps[t].row, j + taps[t].column, c])
//
// for a map [samples, height, width, channels]; positions outside the map add nothing. At most
// PTN_FUNNEL_MOST_TAPS taps; they are added in their order. NaN in x, or in the sum, gives NaN. x
// and y must not overlap. One read and one write of the map; no scratch memory.
PTN_MUST_CHECK ptn_status ptn_funnel(const ptn_runtime *runtime, size_t samples, size_t height,
                                     size_t width, size_t channels, size_t count,
                                     const ptn_funnel_tap *taps, const float *weights,
                                     const float *bias, const float *x, float *y);

#endif
