// Estimates of time that drivers share. They are used only to compare algorithms and to choose the
// number of threads.
#ifndef PTN_CONVOLUTION_COST_H
#define PTN_CONVOLUTION_COST_H

#include "panels.h"
#include "ptn_conv2d.h"

// Clock rate by which estimated cycles are converted to nanoseconds.
#define PTN_CYCLES_PER_NANOSECOND 2.8

// Nanoseconds of `multiply_adds` multiply-adds on one thread: two vectors per cycle at 2.5 GHz.
static inline double ptn_product_nanoseconds(ptn_isa isa, double multiply_adds) {
    return multiply_adds / ((double)ptn_isa_vector_floats(isa) * 2 * 2.5);
}

// The longer of `compute` and reading packed weights from memory at 10 bytes per nanosecond.
static inline double ptn_with_weights_nanoseconds(double compute, const ptn_conv2d_plan *plan) {
    const double traffic = (double)plan->packed_floats * 4 / 10;
    return compute > traffic ? compute : traffic;
}

// Half cycles that one input channel takes in one row of tiles, summed over all panels.
double ptn_panels_time(const ptn_panels *panels, size_t channels);

// Estimated cycles of the direct sums of one sample; the plan's output size must be known.
double ptn_direct_cycles(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);

#endif
