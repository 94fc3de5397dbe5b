// Shapes of tensors of any rank, for the kernels under Kernels/tensor: sizes from the outermost
// axis to the innermost; tensors are contiguous in that order.
#ifndef PTN_AXES_H
#define PTN_AXES_H

#include "ptn_runtime.h"

// The most axes of a tensor.
enum { PTN_MOST_AXES = 8 };

#endif
