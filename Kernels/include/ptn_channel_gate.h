// The small networks that turn statistics of channels into gates: [samples, channels] in, [samples,
// channels] out, all in the first-level cache unless weights are larger than it.
#ifndef PTN_CHANNEL_GATE_H
#define PTN_CHANNEL_GATE_H

#include "ptn_activation.h"
#include "ptn_runtime.h"

// A fully connected layer: y[o] = activation(sum over i of x[i] * weight[o, i] + bias[o]).
typedef struct ptn_channel_gate_layer {
    size_t outputs;                 // at least 1
    const float *weight;            // [outputs, inputs], packed by ptn_channel_gate_pack
    const float *bias;              // [outputs], or NULL
    ptn_activation_spec activation; // not PRELU
} ptn_channel_gate_layer;

// Outputs whose weights are stored together, input by input.
#define PTN_CHANNEL_GATE_PANEL 32

// Packs weights [outputs, inputs] as ptn_channel_gate_network reads them: panels of
// PTN_CHANNEL_GATE_PANEL outputs, the last one of what remains, each [inputs, outputs of the
// panel]. `packed` holds as many floats as `weight` and does not overlap it.
PTN_MUST_CHECK ptn_status ptn_channel_gate_pack(size_t inputs, size_t outputs, const float *weight,
                                                float *packed);

// `count` layers in turn, at least one: x [samples, inputs] to y [samples, outputs of the last]. x
// and y do not overlap. Each sum is added in order of its inputs, the bias last. Scratch: the two
// largest hidden rows of all samples.
PTN_MUST_CHECK ptn_status ptn_channel_gate_network(const ptn_runtime *runtime, size_t samples,
                                                   size_t inputs, size_t count,
                                                   const ptn_channel_gate_layer *layers,
                                                   const float *x, float *y);

// A convolution along the channels: y[n, c] = activation(sum over t of weight[t] * x[n, c + t - r]
// + bias) with `taps` = 2 r + 1; outside of the row x is 0 or, if `circular`, starts again at the
// other end. x == y is allowed. Scratch: channels + taps floats.
PTN_MUST_CHECK ptn_status ptn_channel_gate_neighbours(
    const ptn_runtime *runtime, size_t samples, size_t channels, size_t taps, const float *weight,
    float bias, bool circular, const ptn_activation_spec *activation, const float *x, float *y);

// A weighted sum of `planes` numbers of each channel: y[n, c] = activation(shift[c] + sum over p of
// weight[p, c] * x[n, p, c]). y does not overlap x.
PTN_MUST_CHECK ptn_status ptn_channel_gate_planes(const ptn_runtime *runtime, size_t samples,
                                                  size_t planes, size_t channels,
                                                  const float *weight, const float *shift,
                                                  const ptn_activation_spec *activation,
                                                  const float *x, float *y);

// Channels that are normalised by each other: with e[c] = alpha[c] * x[n, c],
//   y[n, c] = 1 + tanh(e[c] * gamma[c] / size + beta[c]),
// size being sqrt(mean of e^2 + epsilon), or mean of |e| + epsilon if `absolute`; the means are
// over the sample's channels, in double precision. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_channel_gate_normed(const ptn_runtime *runtime, size_t samples,
                                                  size_t channels, bool absolute, double epsilon,
                                                  const float *alpha, const float *gamma,
                                                  const float *beta, const float *x, float *y);

#endif
