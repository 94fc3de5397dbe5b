// Norms of pixels over their channels, and plans of changed pixels.
#ifndef PTN_PIXEL_NORM_H
#define PTN_PIXEL_NORM_H

#include "ptn_mask_plan.h"

typedef enum ptn_norm_kind {
    PTN_NORM_L1 = 0, // sum of absolute values
    PTN_NORM_L2,     // root of the sum of squares
    PTN_NORM_MAX,    // largest absolute value
} ptn_norm_kind;
#define PTN_NORM_COUNT 3

// norms[p] = norm of x[p] over its c channels: [pixels] from [pixels][c]. Sums are in double
// precision and in an order that depends on c only; 0 only where all channels are 0; NaN where one
// is NaN.
PTN_MUST_CHECK ptn_status ptn_pixel_norms(const ptn_runtime *runtime, ptn_norm_kind kind,
                                          size_t pixels, size_t c, const float *x, float *norms);

// The plan of the pixels of [n][h][w][c] that have changed: where the norm of x - previous is above
// `epsilon`, or is NaN; for an epsilon of 0, where any bit differs. Pixels that are not active in
// `candidates` count as unchanged; NULL: no such restriction. PTN_BAD_ARGUMENT when `candidates` is
// of another size.
PTN_MUST_CHECK ptn_status ptn_mask_plan_changed(const ptn_runtime *runtime, size_t n, size_t h,
                                                size_t w, size_t c, const float *x,
                                                const float *previous, ptn_norm_kind kind,
                                                float epsilon, const ptn_mask_plan *candidates,
                                                ptn_mask_plan **plan);

#endif
