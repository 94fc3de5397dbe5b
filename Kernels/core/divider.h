// Division of many numbers by the same divisor.
#ifndef PTN_DIVIDER_H
#define PTN_DIVIDER_H

#include <stddef.h>
#include <stdint.h>

// Divides numbers below 2^31 by a multiplication and a shift: two instructions instead of a
// division of about thirty cycles.
typedef struct ptn_divider {
    uint64_t factor;
    unsigned shift;
} ptn_divider;

// Granlund, Montgomery, "Division by Invariant Integers using Multiplication", 1994.
static inline ptn_divider ptn_divider_for(size_t divisor) {
    unsigned bits = 0;
    while (((uint64_t)1 << bits) < divisor) bits++;
    return (ptn_divider){.factor = ((uint64_t)1 << (31 + bits)) / divisor + 1, .shift = 31 + bits};
}

static inline size_t ptn_divide(ptn_divider d, size_t number) {
    return (size_t)((uint64_t)number * d.factor >> d.shift);
}

#endif
