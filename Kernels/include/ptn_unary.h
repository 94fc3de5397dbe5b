// Functions of one number, element by element; activations are in ptn_activation.h.
#ifndef PTN_UNARY_H
#define PTN_UNARY_H

#include "ptn_runtime.h"

// The numbers are errors in units in the last place; without one, results are exact or correctly
// rounded. NaN gives NaN unless a line says otherwise.
typedef enum ptn_unary_op {
    PTN_UNARY_NEGATE = 0,
    PTN_UNARY_ABSOLUTE,
    PTN_UNARY_SIGN, // -1, 0 or 1; 0 for NaN
    PTN_UNARY_SQUARE,
    PTN_UNARY_SQRT,       // NaN below 0
    PTN_UNARY_RSQRT,      // 1 / sqrt(x), 1.5
    PTN_UNARY_RECIPROCAL, // 1 / x
    PTN_UNARY_EXP,        // 1.0; 0 below the smallest normal result, x < -87.33654
    PTN_UNARY_LOG,        // 0.9
    PTN_UNARY_FLOOR,
    PTN_UNARY_CEIL,
    PTN_UNARY_ROUND, // to nearest, halves to even
    PTN_UNARY_CLAMP, // min(max(x, low), high)
} ptn_unary_op;
#define PTN_UNARY_COUNT 13

// y[i] = op(x[i]) for i < count; `low` and `high` are the clamp's. x == y is allowed.
PTN_MUST_CHECK ptn_status ptn_unary(const ptn_runtime *runtime, ptn_unary_op op, size_t count,
                                    const float *x, float low, float high, float *y);

#endif
