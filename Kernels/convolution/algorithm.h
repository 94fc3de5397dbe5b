// What every algorithm of the dense convolution provides: one constant table of functions.
//
// conv2d.c walks these tables; to add an algorithm, add a value to ptn_conv2d_algorithm and its
// table to the list in conv2d.c.
#ifndef PTN_CONVOLUTION_ALGORITHM_H
#define PTN_CONVOLUTION_ALGORITHM_H

#include "shape.h"
#include <stdint.h>

// Where the samples of a call lie in the maps.
typedef struct ptn_sample_places {
    const size_t *inputs, *outputs; // [samples]; NULL: in order
    // Not 0: the call's one image consists of the pixels of all samples, so many each.
    size_t joined;
} ptn_sample_places;

static inline size_t ptn_sample_at(const size_t *list, size_t sample) {
    return list ? list[sample] : sample;
}

// The arguments of one call, passed to every driver. `plan` was made for `shape` and `runtime`.
typedef struct ptn_conv2d_call {
    const ptn_runtime *runtime;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_conv2d_input input;
    ptn_sample_places places;
    const float *packed;
    size_t packed_stride; // floats from one sample's packed weights to the next; 0: shared
    // Channels of a group of the layer whose weights these are; those of `shape` are the first.
    size_t packed_inputs, packed_outputs;
    size_t layer_inputs; // input channels of the whole layer, by which a guard judges
    // [samples][panels]: 0 for a panel whose outputs need not be computed; NULL: all are wanted.
    // Only with one group; drivers without panels ignore it.
    const uint8_t *wanted;
    const ptn_conv2d_epilogue *epilogue;
    float *y;
    ptn_conv2d_guard *guard; // NULL: none
} ptn_conv2d_call;

// Channels of a layer that are chosen, ascending.
typedef struct ptn_channel_lists {
    const int32_t *inputs, *outputs; // NULL: from the first on
    size_t input_count, output_count;
} ptn_channel_lists;

static inline size_t ptn_channel_at(const int32_t *list, size_t channel) {
    return list ? (size_t)list[channel] : channel;
}

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
    // Packs chosen channels from the packed weights of `shape` as those of `part`, whose input
    // channel c is inputs[c], and output channel k is outputs[k], of `shape`; NULL: c and k.
    // Channels from the lists' lengths on are zeros. NULL: the algorithm cannot.
    void (*select)(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_algorithm algorithm,
                   const float *packed, const ptn_conv2d_shape *part,
                   const ptn_channel_lists *lists, float *selected);
    // Whether `run` reads the first channels from the weights of a wider layer; if not, they are
    // selected first.
    bool reads_parts;
    // Largest number of pixels per sample for which the samples of a pointwise convolution are
    // computed as one image; 0: never, for algorithms whose tasks are parts of rows.
    size_t joined_pixels;
    bool joins_lists; // also samples that are listed
} ptn_conv2d_functions;

// Indirect matrix product; one input and output channel per group; groups narrower than a vector;
// few output channels; Winograd's two forms.
extern const ptn_conv2d_functions ptn_conv2d_direct, ptn_conv2d_depthwise, ptn_conv2d_grouped,
    ptn_conv2d_narrow, ptn_conv2d_winograd;

#endif
