// The activation of one short row, for epilogues that apply it to a tile while this is in L1.
#ifndef PTN_ACTIVATE_H
#define PTN_ACTIVATE_H

#include "ptn_activation.h"

// y[i] = act(x[i]) for i in [0, n); x == y is allowed. `slopes` points at the slope of element 0
// (PRELU only); those of `spec` are not used.
typedef void (*ptn_activate_row_fn)(const ptn_activation_spec *spec, const float *slopes, size_t n,
                                    const float *x, float *y);

// Indexed by ptn_isa.
extern const ptn_activate_row_fn ptn_activate_row[PTN_ISA_COUNT];

// Whether the numbers are in the function's domain.
static inline bool ptn_activation_numbers_valid(const ptn_activation_spec *spec) {
    switch (spec->kind) {
    case PTN_ACT_SOFTPLUS:
    case PTN_ACT_CELU: return spec->first > 0;
    case PTN_ACT_HARDTANH: return spec->first <= spec->second;
    default: return true;
    }
}

static inline ptn_status ptn_activation_check(const ptn_activation_spec *spec) {
    if (!spec || (int)spec->kind < 0 || (int)spec->kind >= PTN_ACTIVATION_COUNT)
        return PTN_BAD_ARGUMENT;
    if (spec->kind == PTN_ACT_PRELU && !spec->slopes) return PTN_BAD_ARGUMENT;
    return ptn_activation_numbers_valid(spec) ? PTN_OK : PTN_BAD_ARGUMENT;
}

// Activations as the last step of another kernel cannot have slopes per channel.
static inline ptn_status ptn_fused_activation_check(const ptn_activation_spec *spec) {
    if (spec && spec->kind == PTN_ACT_PRELU) return PTN_BAD_ARGUMENT;
    return ptn_activation_check(spec);
}

#endif
