// The activation of one short row, for epilogues: applied to a tile while it is in L1.
#ifndef PTN_ACTIVATE_H
#define PTN_ACTIVATE_H

#include "ptn_activation.h"

// y[i] = act(x[i]) for i in [0, n); x == y is allowed. `slopes` points at the slope of element 0
// (PRELU only).
typedef void (*ptn_activate_row_fn)(ptn_activation kind, float slope, const float *slopes, size_t n,
                                    const float *x, float *y);

// Indexed by ptn_isa. Defined in activation/activation.c.
extern const ptn_activate_row_fn ptn_activate_row[PTN_ISA_COUNT];

#endif
