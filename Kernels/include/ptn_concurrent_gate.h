// Concurrent gates per channel and per pixel. Roy, Navab, Wachinger, "Concurrent Spatial and
// Channel Squeeze & Excitation in Fully Convolutional Networks", arXiv 1803.02579.
#ifndef PTN_CONCURRENT_GATE_H
#define PTN_CONCURRENT_GATE_H

#include "ptn_activation.h"
#include "ptn_runtime.h"

// y[n, p, c] = activation(z * (channel[n, c] + s)), or with max(channel[n, c], s) if `largest`,
// where s = sigmoid(bias + sum over c of weight[c] * x[n, p, c]) and z is x[n, p, c], or 1 if
// `gates_only`. x [samples, pixels, channels], y of the same shape; x == y is allowed. One read and
// one write of the map. NaN in a pixel makes that pixel NaN, in a channel's gate that channel.
PTN_MUST_CHECK ptn_status ptn_concurrent_gate(const ptn_runtime *runtime, size_t samples,
                                              size_t pixels, size_t channels, const float *channel,
                                              const float *weight, float bias, bool largest,
                                              bool gates_only,
                                              const ptn_activation_spec *activation, const float *x,
                                              float *y);

#endif
