// Chains of convolutions, computed band by band: all convolutions compute one band of rows before
// the next band, so that intermediate maps stay in the cache and are never stored as a whole.
//
// Results have the same bits as with separate calls.
#ifndef PTN_CONV2D_CHAIN_H
#define PTN_CONV2D_CHAIN_H

#include "ptn_conv2d.h"

enum { PTN_CHAIN_MOST = 8 };

typedef struct ptn_conv2d_stage {
    // The shape for whole maps; a stage's input is the result of the stage before. Padding above
    // and below must be less than the dilated kernel. The choice is PTN_CONV2D_SUMS or
    // PTN_CONV2D_FORCE_DIRECT.
    ptn_conv2d_shape shape;
    const float *packed;
    // Without gate and factor, and with one bias for all samples; a residual in the last stage
    // only.
    ptn_conv2d_epilogue epilogue;
} ptn_conv2d_stage;

typedef struct ptn_conv2d_chain_plan {
    size_t out_h, out_w, out_k;
    size_t strips; // parts of a sample's rows, a task each; each computes its own first halo
    size_t band;   // rows of the result per band, at most
    // Per thread: the rows of all intermediate maps that a band needs, about 512 KiB (more only if
    // a band of one row needs more). The convolutions' own scratch is not included.
    size_t scratch_bytes;
    int threads;
    bool pays; // estimated to be faster than separate calls
} ptn_conv2d_chain_plan;

// PTN_BAD_ARGUMENT for a count outside 1 ... PTN_CHAIN_MOST, for stages whose shapes do not fit
// each other or that break the rules above, and as ptn_conv2d_plan_for. Only shapes are checked.
PTN_MUST_CHECK ptn_status ptn_conv2d_chain_plan_for(const ptn_runtime *runtime, size_t count,
                                                    const ptn_conv2d_stage *stages,
                                                    ptn_conv2d_chain_plan *plan);

// x: the first stage's input, y: the last stage's result; they must not overlap.
PTN_MUST_CHECK ptn_status ptn_conv2d_chain(const ptn_runtime *runtime, size_t count,
                                           const ptn_conv2d_stage *stages, const float *x,
                                           float *y);

#endif
