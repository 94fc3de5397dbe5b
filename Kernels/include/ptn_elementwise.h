// Element-wise arithmetic with broadcasting, and the channel-wise affine map of batch normalisation
// and channel gates.
//
// Tensors are contiguous, in the form [samples, pixels, channels]. Tensors must not overlap, except
// that `y` may be the operand of the same shape. The activation is applied last, in the same pass
// over memory; PTN_ACT_PRELU is refused. Results do not depend on the number of threads.
#ifndef PTN_ELEMENTWISE_H
#define PTN_ELEMENTWISE_H

#include "ptn_activation.h"

typedef enum ptn_binary_op {
    PTN_BINARY_ADD = 0,
    PTN_BINARY_SUBTRACT,         // a - b
    PTN_BINARY_REVERSE_SUBTRACT, // b - a
    PTN_BINARY_MULTIPLY,
} ptn_binary_op;

// y[s, p, c] = act(a[s, p, c] op b[s, c]).
//
// This form covers every broadcast: pixels = 1 for equal shapes, samples = 1 for a row of channels,
// channels = 1 for one value per pixel (then `samples` counts pixels and `pixels` channels), and
// samples = channels = 1 for a scalar.
PTN_MUST_CHECK ptn_status ptn_binary(const ptn_runtime *runtime, ptn_binary_op op, size_t samples,
                                     size_t pixels, size_t channels, const float *a, const float *b,
                                     const ptn_activation_spec *activation, float *y);

// y[p, c] = act(x[p, c] * scale[c] + shift[c]): batch normalisation in inference.
PTN_MUST_CHECK ptn_status ptn_scale_shift(const ptn_runtime *runtime, size_t pixels,
                                          size_t channels, const float *x, const float *scale,
                                          const float *shift, const ptn_activation_spec *activation,
                                          float *y);

// y[s, p, c] = act(x[s, p, c] * scale[s, c] + shift[s, c]): the same with rows per sample.
PTN_MUST_CHECK ptn_status ptn_scale_shift_samples(const ptn_runtime *runtime, size_t samples,
                                                  size_t pixels, size_t channels, const float *x,
                                                  const float *scale, const float *shift,
                                                  const ptn_activation_spec *activation, float *y);

// y[s, p, c] = act(x[s, p, c] * gate[s, c] + residual[s, p, c]); `residual` may be NULL.
PTN_MUST_CHECK ptn_status ptn_scale_channels(const ptn_runtime *runtime, size_t samples,
                                             size_t pixels, size_t channels, const float *x,
                                             const float *gate, const float *residual,
                                             const ptn_activation_spec *activation, float *y);

#endif
