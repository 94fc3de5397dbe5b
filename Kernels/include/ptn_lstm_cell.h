// The part of a long short-term memory cell that follows its matrix product (Hochreiter,
// Schmidhuber, 1997; Gers et al., 2000): four gates and the next state in one pass.
//
//     next_c = sigmoid(f + forget_bias) * c + sigmoid(i) * tanh(g)
//     h      = sigmoid(o) * tanh(next_c)
//
// With layer norms (Ba et al., arXiv 1607.06450) each gate's units are normalised for themselves
// before that, and so is next_c within the last tanh, but not in the state:
//
//     norm(v) = scale * (v - mean) / sqrt(variance + epsilon) + shift
#ifndef PTN_LSTM_CELL_H
#define PTN_LSTM_CELL_H

#include "ptn_runtime.h"

// Order of the gates in a row of 4 * units numbers.
typedef enum ptn_lstm_order {
    PTN_LSTM_IFGO = 0, // PyTorch, Keras
    PTN_LSTM_IGFO,     // TensorFlow 1: i, j, f, o
} ptn_lstm_order;

typedef struct ptn_lstm_norm {
    const float *gate_scale, *gate_shift; // [4 * units], in the order of the gates
    const float *cell_scale, *cell_shift; // [units]
    float epsilon;
} ptn_lstm_norm;

// gates [samples][4 * units], c, next_c and h [samples][units]; next_c may be c. `norm` may be
// NULL. NaN in a gate or in c gives NaN. A norm's sums are added in an order that depends on the
// instruction set only.
PTN_MUST_CHECK ptn_status ptn_lstm_cell(const ptn_runtime *runtime, size_t samples, size_t units,
                                        ptn_lstm_order order, float forget_bias,
                                        const ptn_lstm_norm *norm, const float *gates,
                                        const float *c, float *next_c, float *h);

#endif
