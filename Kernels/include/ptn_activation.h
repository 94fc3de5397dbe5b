// Element-wise activations, alone and as the last step of other kernels' epilogues.
#ifndef PTN_ACTIVATION_H
#define PTN_ACTIVATION_H

#include "ptn_runtime.h"

typedef enum ptn_activation {
    PTN_ACT_IDENTITY = 0,
    PTN_ACT_RELU,         // max(x, 0); NaN stays NaN, as in every case below
    PTN_ACT_RELU6,        // min(max(x, 0), 6)
    PTN_ACT_LEAKY_RELU,   // x > 0 ? x : slope * x
    PTN_ACT_PRELU,        // x > 0 ? x : slopes[channel] * x
    PTN_ACT_SIGMOID,      // 1 / (1 + exp(-x))
    PTN_ACT_HARD_SIGMOID, // relu6(x + 3) / 6
    PTN_ACT_HARD_SWISH,   // x * relu6(x + 3) / 6
    PTN_ACT_SILU,         // x * sigmoid(x)
    PTN_ACT_GELU,         // x / 2 * (1 + erf(x / sqrt 2))
    PTN_ACT_GELU_TANH,    // x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
    PTN_ACT_MISH,         // x * tanh(log(1 + exp x))
    PTN_ACT_TANH,         // tanh(x)
} ptn_activation;
#define PTN_ACTIVATION_COUNT 13

typedef struct ptn_activation_spec {
    ptn_activation kind;
    float slope;         // LEAKY_RELU
    const float *slopes; // PRELU: one per channel (the innermost axis)
} ptn_activation_spec;

// y[r, c] = act(x[r, c]) for `rows` rows of `channels` contiguous floats. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_activate(const ptn_runtime *runtime, const ptn_activation_spec *spec,
                                       size_t rows, size_t channels, const float *x, float *y);

#endif
