// What every algorithm of the transposed convolution provides: one constant table of functions.
// conv_transpose2d.c chooses among them.
#ifndef PTN_CONVOLUTION_TRANSPOSE_ALGORITHM_H
#define PTN_CONVOLUTION_TRANSPOSE_ALGORITHM_H

#include "epilogue.h"
#include "transpose_phases.h"

// The arguments of one call, passed to every driver.
typedef struct ptn_transpose_call {
    ptn_isa isa;
    const ptn_conv_transpose2d_shape *shape;
    ptn_transpose_axis row_axis, column_axis;
    const ptn_transpose_phase *rows, *columns; // of these axes
    const float *x, *packed;
    const float *zeros; // one per input channel
    ptn_epilogue epilogue;
    float *y;
    int threads;
    char *thread_scratch;
    size_t thread_bytes;
} ptn_transpose_call;

typedef struct ptn_transpose_functions {
    // Whether the algorithm computes the shape and is estimated to be faster than those after it in
    // the list. Depends neither on the batch nor on the image.
    bool (*pays)(ptn_isa isa, const ptn_conv_transpose2d_shape *shape);
    // Floats of the packed weights; false on overflow.
    bool (*floats)(ptn_isa isa, const ptn_conv_transpose2d_shape *shape, size_t *floats);
    // Bytes of scratch memory of one thread.
    size_t (*scratch)(ptn_isa isa, const ptn_conv_transpose2d_shape *shape);
    // Packing of weights [c][k/groups][kh][kw], each output channel multiplied by its `scale`
    // (NULL: 1).
    void (*pack)(ptn_isa isa, const ptn_conv_transpose2d_shape *shape, const float *weights,
                 const float *scale, float *packed);
    void (*run)(const ptn_transpose_call *call);
    double slowness; // time of a multiply-add relative to one of the direct convolution, roughly
} ptn_transpose_functions;

// One input and one output channel per group; few output channels; tiles of the direct convolution.
extern const ptn_transpose_functions ptn_transpose_depthwise, ptn_transpose_narrow,
    ptn_transpose_direct;

#endif
