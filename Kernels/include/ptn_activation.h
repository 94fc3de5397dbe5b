// Element-wise activations, separately and as the last step of other kernels' epilogues.
#ifndef PTN_ACTIVATION_H
#define PTN_ACTIVATION_H

#include "ptn_activation_list.h"
#include "ptn_runtime.h"

// The formulas, by name; NaN stays NaN in each. f and s are the numbers `first` and `second` of the
// specification:
//   IDENTITY x, RELU max(x, 0), RELU6 min(max(x, 0), 6), LEAKY_RELU x > 0 ? x : f * x,
//   PRELU x > 0 ? x : slopes[channel] * x, SIGMOID 1 / (1 + exp(-x)), HARD_SIGMOID relu6(x + 3) /
//   6, HARD_SWISH x * relu6(x + 3) / 6, SILU x * sigmoid(x), GELU x / 2 * (1 + erf(x / sqrt 2)),
//   GELU_TANH x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), MISH x * tanh(log(1 + exp x)),
//   TANH tanh(x), SOFTPLUS f * x > s ? x : log(1 + exp(f * x)) / f with f > 0, ELU x > 0 ? x :
//   f * (exp(x) - 1), CELU x > 0 ? x : f * (exp(x / f) - 1) with f > 0, SELU 1.0507 * (x > 0 ? x :
//   1.67326 * (exp(x) - 1)), HARDTANH min(max(x, f), s) with f <= s
#define PTN_ENUMERATOR(name, expression) PTN_ACT_##name,
typedef enum ptn_activation { PTN_ACTIVATION_LIST(PTN_ENUMERATOR) } ptn_activation;
#undef PTN_ENUMERATOR

#define PTN_ONE_MORE(name, expression) +1
enum { PTN_ACTIVATION_COUNT = PTN_ACTIVATION_LIST(PTN_ONE_MORE) };
#undef PTN_ONE_MORE

typedef struct ptn_activation_spec {
    ptn_activation kind;
    float first, second; // the function's numbers; 0 where it has none
    const float *slopes; // PRELU: one per channel (the innermost axis)
} ptn_activation_spec;

// y[r, c] = act(x[r, c]) for `rows` rows of `channels` contiguous floats. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_activate(const ptn_runtime *runtime, const ptn_activation_spec *spec,
                                       size_t rows, size_t channels, const float *x, float *y);

#endif
