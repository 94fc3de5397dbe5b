// Convolutions one after the other, band by band: a band of rows runs through all of them before
// the next begins, so that maps in between never leave the cache and are never whole.
//
// Each output is computed by the same sums in the same order as by separate calls: equal bits.
#ifndef PTN_CONV2D_CHAIN_H
#define PTN_CONV2D_CHAIN_H

#include "ptn_conv2d.h"

enum { PTN_CHAIN_MOST = 8 };

typedef struct ptn_conv2d_stage {
    // Of whole maps; a stage's input is the result of the one before. Padding above and below must
    // be less than the dilated kernel. The choice is PTN_CONV2D_SUMS or
    // PTN_CONV2D_FORCE_DIRECT.
    ptn_conv2d_shape shape;
    const float *packed;
    // Without a gate and with one bias for all samples; a residual in the last stage only.
    ptn_conv2d_epilogue epilogue;
} ptn_conv2d_stage;

typedef struct ptn_conv2d_chain_plan {
    size_t out_h, out_w, out_k;
    size_t strips; // parts of a sample's rows that threads take; each computes its own first halo
    size_t band;   // rows of the result per band, at most
    // Per thread the rows of all maps in between that a band needs, some 512 KiB (more only where
    // one row of a band needs more), beside what the convolutions take themselves.
    size_t scratch_bytes;
    int threads;
    bool pays; // estimated to be faster than separate calls
} ptn_conv2d_chain_plan;

// PTN_BAD_ARGUMENT for a count outside 1 ... PTN_CHAIN_MOST, for stages that do not follow from
// each other or break the rules above, and as ptn_conv2d_plan_for. Looks at shapes only.
PTN_MUST_CHECK ptn_status ptn_conv2d_chain_plan_for(const ptn_runtime *runtime, size_t count,
                                                    const ptn_conv2d_stage *stages,
                                                    ptn_conv2d_chain_plan *plan);

// x: the first stage's input, y: the last stage's result; they must not overlap.
PTN_MUST_CHECK ptn_status ptn_conv2d_chain(const ptn_runtime *runtime, size_t count,
                                           const ptn_conv2d_stage *stages, const float *x,
                                           float *y);

#endif
