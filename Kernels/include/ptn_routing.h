// Routing heads: weights for experts, taps or channels from the pooled channels of a map, by one or
// two small matrix products and a sigmoid or softmax.
//
//     h = x                                            without a hidden layer
//     h = max(0, hidden_weight * x + hidden_bias)      with one
//     y = activation((weight * h + bias) / temperature)   for every head
//
// for every sample. All heads read the same h, which is computed once. Used by CondConv (one
// sigmoid head, no hidden layer), dynamic convolution (one softmax head) and omni-dimensional
// convolution (up to four heads).
#ifndef PTN_ROUTING_H
#define PTN_ROUTING_H

#include "ptn_runtime.h"

typedef enum ptn_routing_kind {
    PTN_ROUTING_LOGITS = 0, // no activation
    PTN_ROUTING_SIGMOID,    // 1 / (1 + e^-z)
    PTN_ROUTING_SOFTMAX,    // e^z / sum of e^z over the head's outputs
} ptn_routing_kind;

typedef struct ptn_routing_head {
    const float
        *weight;       // [outputs][width], width: hidden units, or channels without a hidden layer
    const float *bias; // [outputs], NULL: 0
    size_t outputs;
    ptn_routing_kind kind;
    float *y; // [samples][outputs]
} ptn_routing_head;

typedef struct ptn_routing_shape {
    size_t samples, channels;
    size_t hidden;     // units of the hidden layer; 0: none
    float temperature; // divides the logits of all heads; greater than 0
} ptn_routing_shape;

// `x` is [samples][channels], `hidden_weight` [hidden][channels], `hidden_bias` [hidden] or NULL
// for 0. Results must not overlap anything else. Each product sums in vector lanes, lane i the
// terms i, i + v, i + 2 v ... for vectors of v floats, and then the lanes in a fixed tree: a
// sample's bits depend on neither the other samples nor the number of threads. NaN in a logit gives
// NaN: of that output, with softmax of all outputs of the head and sample. Scratch: 32 * hidden
// bytes per thread. PTN_BAD_ARGUMENT for a missing pointer, an unknown kind or a temperature that
// is not greater than 0.
PTN_MUST_CHECK ptn_status ptn_routing(const ptn_runtime *runtime, const ptn_routing_shape *shape,
                                      const float *x, const float *hidden_weight,
                                      const float *hidden_bias, const ptn_routing_head *heads,
                                      size_t count);

#endif
