// Estimates of time that drivers have in common. Only their ratios, and whether a call is worth a
// second thread, rest on them.
#ifndef PTN_CONVOLUTION_COST_H
#define PTN_CONVOLUTION_COST_H

#include "panels.h"
#include "ptn_conv2d.h"

// Cycles per nanosecond of the core that estimated cycles are turned into time for.
#define PTN_CYCLES_PER_NANOSECOND 2.8

// Nanoseconds of one thread that does `multiply_adds` by two vectors per cycle at 2.5 GHz.
static inline double ptn_product_nanoseconds(ptn_isa isa, double multiply_adds) {
    return multiply_adds / ((double)ptn_isa_vector_floats(isa) * 2 * 2.5);
}

// The longer of `compute` and reading packed weights from memory at 10 bytes per nanosecond.
static inline double ptn_with_weights_nanoseconds(double compute, const ptn_conv2d_plan *plan) {
    const double traffic = (double)plan->packed_floats * 4 / 10;
    return compute > traffic ? compute : traffic;
}

// Half cycles of one input channel for one row of tiles, over all panels.
double ptn_panels_time(const ptn_panels *panels, size_t channels);

// Estimated cycles of one sample; the plan's output size must be known. The direct sums ...
double ptn_direct_cycles(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);

#endif
