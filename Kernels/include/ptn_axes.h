// Shapes of tensors of any rank, as the kernels under Kernels/tensor take them: sizes from the
// outermost axis to the innermost, tensors contiguous in that order.
#ifndef PTN_AXES_H
#define PTN_AXES_H

#include "ptn_runtime.h"

// The most axes of a tensor.
enum { PTN_MOST_AXES = 8 };

#endif
