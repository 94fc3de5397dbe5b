// What every algorithm of the dense convolution provides: one constant table of functions.
//
// conv2d.c walks these tables; to add an algorithm, add a value to ptn_conv2d_algorithm and its
// table to the list in conv2d.c.
#ifndef PTN_CONVOLUTION_ALGORITHM_H
#define PTN_CONVOLUTION_ALGORITHM_H

#include "shape.h"
#include <stdint.h>

// One call, as every driver is given it. `plan` is that of `shape` and `runtime`.
typedef struct ptn_conv2d_call {
    const ptn_runtime *runtime;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_conv2d_input input;
    const float *packed;
    size_t packed_stride; // floats from one sample's packed weights to the next; 0: shared
    const ptn_conv2d_epilogue *epilogue;
    float *y;
    ptn_conv2d_guard *guard; // NULL: none
} ptn_conv2d_call;

typedef struct ptn_conv2d_functions {
    // Whether the algorithm computes the shape, whatever its image size.
    bool (*applies)(ptn_isa isa, const ptn_conv2d_shape *shape);
    // Whether it computes the sums as they are defined, and is estimated to be faster than those
    // that come after it in the list. NULL: it computes something else, and is compared by
    // `cycles`.
    bool (*pays)(ptn_isa isa, const ptn_conv2d_shape *shape);
    // Floats of one set of packed weights; false when they overflow.
    bool (*floats)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                   size_t *floats);
    // Bytes of scratch memory for a plan whose threads are known.
    size_t (*scratch)(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
    // Estimated cycles of one sample; the plan's output size must be known. NULL: not estimated.
    double (*cycles)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                     const ptn_conv2d_plan *plan);
    // A rough time of the whole call on one thread, for deciding about threads.
    double (*nanoseconds)(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
    // Packing, in parts that may be packed at the same time: how many, and part `part` of weights
    // [k][c/groups][kh][kw], each output channel multiplied by its `scale` (NULL: 1).
    size_t (*parts)(ptn_isa isa, const ptn_conv2d_shape *shape);
    void (*pack)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed);
    ptn_status (*run)(const ptn_conv2d_call *call);
    // The samples of a pointwise convolution are joined to one long row where they have at most so
    // many pixels; 0: never, as where tasks are parts of rows.
    size_t joined_pixels;
} ptn_conv2d_functions;

// Indirect matrix product; one input and output channel per group; groups narrower than a vector;
// few output channels; Winograd's two forms.
extern const ptn_conv2d_functions ptn_conv2d_direct, ptn_conv2d_depthwise, ptn_conv2d_grouped,
    ptn_conv2d_narrow, ptn_conv2d_winograd;

#endif
