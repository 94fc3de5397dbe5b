// The part of a gated recurrent unit that follows its two matrix products (Cho et al., arXiv
// 1406.1078, in the form of PyTorch and cuDNN, where the reset gate scales the product): gates and
// next state in one pass.
//
//     r = sigmoid(x_r + h_r), z = sigmoid(x_z + h_z), n = tanh(x_n + r * h_n)
//     next_h = n + z * (h - n)
#ifndef PTN_GRU_CELL_H
#define PTN_GRU_CELL_H

#include "ptn_runtime.h"

// input_gates and hidden_gates [samples][3 * units]: r, z, n of the two products, biases included;
// h and next_h [samples][units]; next_h may be h. NaN gives NaN in its own unit. A unit's value
// does not depend on the other samples or on the number of threads.
PTN_MUST_CHECK ptn_status ptn_gru_cell(const ptn_runtime *runtime, size_t samples, size_t units,
                                       const float *input_gates, const float *hidden_gates,
                                       const float *h, float *next_h);

#endif
