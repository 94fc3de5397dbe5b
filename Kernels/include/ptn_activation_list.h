// The element-wise activations: X(name, expression), in the order of `ptn_activation`.
//
// From each row follow the enumerator PTN_ACT_<name>, the case in every kernel and the count. The
// expression works on vectors: `x` is the input, `first` and `second` are the numbers of the
// function (ptn_activation.h says which), and the functions are those of core/vmath.h and
// activation.inc. Each must keep NaN. Each activation also has a row
// in `Activation.row` of Sources/Protean/Operations/Activation.swift, with its name, formula in
// words and derivative.
#ifndef PTN_ACTIVATION_LIST_H
#define PTN_ACTIVATION_LIST_H

// clang-format off
#define PTN_ACTIVATION_LIST(X)                                                                     \
    X(IDENTITY, x)                                                                                 \
    X(RELU, vmax(vset(0.0f), x))                                                                   \
    X(RELU6, vrelu6(x))                                                                            \
    X(LEAKY_RELU, vselect((vi)(x > 0.0f), x, x * first))                                           \
    X(PRELU, vselect((vi)(x > 0.0f), x, x * first))                                                \
    X(SIGMOID, vsigmoid(x))                                                                        \
    X(HARD_SIGMOID, vrelu6(x + 3.0f) * (1.0f / 6.0f))                                              \
    X(HARD_SWISH, x * vrelu6(x + 3.0f) * (1.0f / 6.0f))                                            \
    X(SILU, x * vsigmoid(x))                                                                       \
    X(GELU, (x * 0.5f) * (verf(x * 0.707106781f) + 1.0f))                                          \
    X(GELU_TANH, vgelu_tanh(x))                                                                    \
    X(MISH, vmish(x))                                                                              \
    X(TANH, vtanh(x))                                                                              \
    X(SOFTPLUS, vsoftplus(x, first, second))                                                       \
    X(ELU, vselect((vi)(x > 0.0f), x, first * vexpm1(x)))                                          \
    X(CELU, vselect((vi)(x > 0.0f), x, first * vexpm1(x / first)))                                 \
    X(SELU, vselect((vi)(x > 0.0f), x, vexpm1(x) * 1.67326324f) * 1.05070099f)                     \
    X(HARDTANH, vmin(second, vmax(first, x)))
// clang-format on

#endif
