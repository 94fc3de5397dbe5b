// The element-wise activations: X(name, expression), in the order of `ptn_activation`.
//
// One row makes the enumerator PTN_ACT_<name>, the case of every kernel and the count. The
// expression is that of a vector: `x` is the input, `slope` the factor left of 0, and the functions
// are those of core/vmath.h and activation.inc. NaN stays NaN in each. A row of its own in
// `Activation.row` of Sources/Protean/Operations/Activation.swift has the name, the formula in
// words and the derivative.
#ifndef PTN_ACTIVATION_LIST_H
#define PTN_ACTIVATION_LIST_H

// clang-format off
#define PTN_ACTIVATION_LIST(X)                                                                     \
    X(IDENTITY, x)                                                                                 \
    X(RELU, vmax(vset(0.0f), x))                                                                   \
    X(RELU6, vrelu6(x))                                                                            \
    X(LEAKY_RELU, vselect((vi)(x > 0.0f), x, x * slope))                                           \
    X(PRELU, vselect((vi)(x > 0.0f), x, x * slope))                                                \
    X(SIGMOID, vsigmoid(x))                                                                        \
    X(HARD_SIGMOID, vrelu6(x + 3.0f) * (1.0f / 6.0f))                                              \
    X(HARD_SWISH, x * vrelu6(x + 3.0f) * (1.0f / 6.0f))                                            \
    X(SILU, x * vsigmoid(x))                                                                       \
    X(GELU, (x * 0.5f) * (verf(x * 0.707106781f) + 1.0f))                                          \
    X(GELU_TANH, vgelu_tanh(x))                                                                    \
    X(MISH, vmish(x))                                                                              \
    X(TANH, vtanh(x))
// clang-format on

#endif
