// Kinds of cores with the same instruction set but different speeds of operations. Results never
// depend on the kind, only prefetching and cost estimates do.
#ifndef PTN_CORE_KIND_H
#define PTN_CORE_KIND_H

typedef enum ptn_core_kind {
    PTN_CORE_OTHER = 0, // treated as the core of most measurements, with two 512-bit units
    // AMD's family 19h, Zen 3 and 4: 256-bit units, which execute Zen 4's 512-bit instructions in
    // two halves; the hardware prefetcher of the second-level cache is faster than prefetch
    // instructions for sequential data. Measured on Zen 4; Zen 3 is assumed equal.
    PTN_CORE_ZEN,
} ptn_core_kind;

// Kind of the current core; all cores of a machine are assumed equal.
ptn_core_kind ptn_core_kind_here(void);

#endif
