// A linear layer of which every row computes some units only.
#ifndef PTN_SELECTED_LINEAR_H
#define PTN_SELECTED_LINEAR_H

#include "ptn_runtime.h"

// y[r, u] = bias[u] + sum over c of x[r, c] * weight[u, c] for the units u of row r's list,
// units[offsets[r]] ... units[offsets[r + 1] - 1]; other elements of y stay as they are. x [rows,
// inputs], weight [outputs, inputs], bias [outputs] or NULL, y [rows, outputs]; `offsets` [rows +
// 1] begins with 0 and never falls. The order of a sum depends on `inputs` only. Weights of units
// that no row lists are not read.
PTN_MUST_CHECK ptn_status ptn_selected_linear(const ptn_runtime *runtime, size_t rows,
                                              size_t inputs, size_t outputs, const float *x,
                                              const float *weight, const float *bias,
                                              const size_t *offsets, const int32_t *units,
                                              float *y);

#endif
