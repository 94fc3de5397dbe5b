// Estimated cycles of Winograd's forms.
#ifndef PTN_CONVOLUTION_WINOGRAD_COST_H
#define PTN_CONVOLUTION_WINOGRAD_COST_H

#include "shape.h"

// Cycles of one sample with out_h x out_w outputs on one core.
double ptn_winograd_cycles(ptn_isa isa, const ptn_conv2d_shape *shape,
                           ptn_conv2d_algorithm algorithm, size_t out_h, size_t out_w);

#endif
