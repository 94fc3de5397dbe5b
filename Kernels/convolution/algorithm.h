// What every algorithm of the dense convolution provides: one constant table of functions.
//
// conv2d.c walks these tables; to add an algorithm, add a value to ptn_conv2d_algorithm and its
// table to the list in conv2d.c.
#ifndef PTN_CONVOLUTION_ALGORITHM_H
#define PTN_CONVOLUTION_ALGORITHM_H

#include "shape.h"
#include <stdint.h>

// The arguments of one call, passed to every driver. `plan` was made for `shape` and `runtime`.
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
    // Whether the algorithm can compute the shape, for any image size.
    bool (*applies)(ptn_isa isa, const ptn_conv2d_shape *shape);
    // Whether the algorithm computes the defining sums and is estimated to be faster than the
    // algorithms after it in the list. NULL: it does not compute the defining sums; `cycles` is
    // compared instead.
    bool (*pays)(ptn_isa isa, const ptn_conv2d_shape *shape);
    // Floats of one set of packed weights; false on overflow.
    bool (*floats)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                   size_t *floats);
    // Bytes of scratch memory; the plan's number of threads must be known.
    size_t (*scratch)(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
    // Estimated cycles of one sample; the plan's output size must be known. NULL: not estimated.
    double (*cycles)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                     const ptn_conv2d_plan *plan);
    // Rough estimate of the whole call's time on one thread, used only to choose the number of
    // threads.
    double (*nanoseconds)(ptn_isa isa, const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
    // Number of parts of the weights, which may be packed concurrently.
    size_t (*parts)(ptn_isa isa, const ptn_conv2d_shape *shape);
    // Packs part `part` from weights [k][c/groups][kh][kw], each output channel multiplied by its
    // `scale` (NULL: 1).
    void (*pack)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed);
    ptn_status (*run)(const ptn_conv2d_call *call);
    // Largest number of pixels per sample for which the samples of a pointwise convolution are
    // computed as one image; 0: never, for algorithms whose tasks are parts of rows.
    size_t joined_pixels;
} ptn_conv2d_functions;

// Indirect matrix product; one input and output channel per group; groups narrower than a vector;
// few output channels; Winograd's two forms.
extern const ptn_conv2d_functions ptn_conv2d_direct, ptn_conv2d_depthwise, ptn_conv2d_grouped,
    ptn_conv2d_narrow, ptn_conv2d_winograd;

#endif
