// The list of all algorithms of the dense convolution, and how one is chosen.
#ifndef PTN_CONVOLUTION_ALGORITHMS_H
#define PTN_CONVOLUTION_ALGORITHMS_H

#include "algorithm.h"

// NULL for a value outside the enum.
const ptn_conv2d_functions *ptn_conv2d_functions_of(ptn_conv2d_algorithm algorithm);

// Fills in the plan's algorithm and its packed floats; output size and multiply-adds must be known.
// The choice ignores batch size and thread count, so that a sample gives the same bits in every
// batch.
ptn_status ptn_conv2d_choose(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_plan *plan);

// Fills in the plan's estimates, for shapes that more than one estimated algorithm computes.
void ptn_conv2d_estimate(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_plan *plan);

#endif
