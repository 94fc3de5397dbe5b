// Where the weights of a convolution come from: one set that all samples share, sets that are mixed
// for each sample, or one set per sample.
#ifndef PTN_WEIGHT_SOURCE_H
#define PTN_WEIGHT_SOURCE_H

#include <stddef.h>

typedef enum ptn_weight_kind {
    PTN_WEIGHTS_SHARED = 0, // one packed set for all samples
    // Sample s has the weights sum over e of routing[s][e] * packed[e] (CondConv, dynamic
    // convolution). Sets are added in order of e. Packed forms are linear in the weights, so mixing
    // packed sets equals packing mixed sets up to rounding. For Winograd's forms the sets are
    // packed for PTN_CONV2D_DIRECT, mixed, and transformed while they are in registers. With `taps`
    // or `inputs`, the weight of tap t and input channel c is then multiplied by taps[s][t] *
    // inputs[s][c] (the attentions of omni-dimensional convolution; a factor of the output channel
    // is the epilogue's gate).
    PTN_WEIGHTS_MIXED,
    // One set per sample, [n][k][c/groups][kh][kw] as in PyTorch, packed at every call
    // (hypernetworks).
    PTN_WEIGHTS_PER_SAMPLE,
} ptn_weight_kind;

// Members that do not belong to the kind are ignored.
typedef struct ptn_weight_source {
    ptn_weight_kind kind;
    const float *packed;  // SHARED: one set; MIXED: set after set, each a plan's packed_floats,
                          // for Winograd's forms those of a direct plan
    size_t sets;          // MIXED: number of sets
    const float *routing; // MIXED: [n][sets]
    const float *biases;  // MIXED: [sets][k], mixed like the weights; NULL: 0
    const float *shift;   // MIXED: [k], added to every sample's mixed bias; NULL: 0
    const float *taps;    // MIXED: [n][kh * kw]; NULL: 1
    const float *inputs;  // MIXED: [n][c]; NULL: 1
    const float *weights; // PER_SAMPLE
} ptn_weight_source;

// One packed set for all samples.
static inline ptn_weight_source ptn_weights_shared(const float *packed) {
    ptn_weight_source source = {PTN_WEIGHTS_SHARED, packed, 0, 0, 0, 0, 0, 0, 0};
    return source;
}

#endif
