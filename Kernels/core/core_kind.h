// Kinds of cores that differ in what is fast under the same instruction set. What is computed never
// depends on them, only how memory is read and which algorithm is estimated to be fastest.
#ifndef PTN_CORE_KIND_H
#define PTN_CORE_KIND_H

typedef enum ptn_core_kind {
    PTN_CORE_OTHER = 0, // treated as what most constants were measured on: two 512-bit units
    // AMD's family 19h, Zen 3 and 4: 256-bit units, which take Zen 4's 512-bit instructions in two
    // halves; a prefetcher of the second-level cache that streams faster than prefetch instructions
    // can. Measured on Zen 4; Zen 3 is taken to be like it.
    PTN_CORE_ZEN,
} ptn_core_kind;

// Of the core that asks; a machine is taken to have one kind.
ptn_core_kind ptn_core_kind_here(void);

#endif
