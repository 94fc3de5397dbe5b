// Arithmetic and comparison of two tensors whose shapes broadcast as in NumPy, and selection
// between two tensors by a third.
#ifndef PTN_BROADCAST_H
#define PTN_BROADCAST_H

#include "ptn_activation.h"
#include "ptn_axes.h"

typedef enum ptn_broadcast_op {
    PTN_BROADCAST_ADD = 0,
    PTN_BROADCAST_SUBTRACT,
    PTN_BROADCAST_MULTIPLY,
    PTN_BROADCAST_DIVIDE,
    PTN_BROADCAST_POWER,   // a to the power of b as C's pow; within 0.51 units in the last place
    PTN_BROADCAST_MINIMUM, // NaN where either is NaN
    PTN_BROADCAST_MAXIMUM,
    // 1 where the comparison is true, else 0; with NaN only `not equal` is true.
    PTN_BROADCAST_EQUAL,
    PTN_BROADCAST_NOT_EQUAL,
    PTN_BROADCAST_LESS,
    PTN_BROADCAST_LESS_EQUAL,
    PTN_BROADCAST_GREATER,
    PTN_BROADCAST_GREATER_EQUAL,
} ptn_broadcast_op;
#define PTN_BROADCAST_COUNT 13

// y = act(a op b) for a result of `rank` axes of these sizes, rank <= PTN_MOST_AXES. a_steps and
// b_steps are the floats from one element of a and b to the next along each axis: 0 to repeat it,
// else as in a contiguous tensor. y is contiguous and overlaps neither. PTN_BAD_ARGUMENT for steps
// along the innermost axis other than 0 and 1. Scratch: 8 KiB of stack per thread.
PTN_MUST_CHECK ptn_status ptn_broadcast(const ptn_runtime *runtime, ptn_broadcast_op op,
                                        size_t rank, const size_t *sizes, const ptrdiff_t *a_steps,
                                        const ptrdiff_t *b_steps, const float *a, const float *b,
                                        const ptn_activation_spec *activation, float *y);

// y = a where the condition is not 0 (NaN is not 0), else b; otherwise as ptn_broadcast.
PTN_MUST_CHECK ptn_status ptn_where(const ptn_runtime *runtime, size_t rank, const size_t *sizes,
                                    const ptrdiff_t *condition_steps, const ptrdiff_t *a_steps,
                                    const ptrdiff_t *b_steps, const float *condition,
                                    const float *a, const float *b, float *y);

#endif
