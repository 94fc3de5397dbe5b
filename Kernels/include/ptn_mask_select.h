// Mask plans of the pixels with the highest scores, their centres, and an uncertainty as score.
#ifndef PTN_MASK_SELECT_H
#define PTN_MASK_SELECT_H

#include "ptn_mask_plan.h"

// The plan of the min(count, h * w) pixels of every sample whose scores [n][h][w] are the highest.
// NaN scores highest; of equal scores (0 and -0 are) the lower index comes first. Time is linear in
// the number of pixels. Errors as for ptn_mask_plan_create.
PTN_MUST_CHECK ptn_status ptn_mask_plan_top(const ptn_runtime *runtime, size_t n, size_t h,
                                            size_t w, const float *scores, size_t count,
                                            ptn_mask_plan **plan);

// The plan of the pixels of [n][h][w][2] whose first number is at least the second; with NaN a
// pixel is not active.
PTN_MUST_CHECK ptn_status ptn_mask_plan_first_wins(const ptn_runtime *runtime, size_t n, size_t h,
                                                   size_t w, const float *pairs,
                                                   ptn_mask_plan **plan);

// centres[i] = (x, y) of the middle of the i-th active pixel, as grid_sample counts without aligned
// corners: x = 2 * ((column + 0.5) / w) - 1, y = 2 * ((row + 0.5) / h) - 1. [count][2].
void ptn_mask_plan_centres(const ptn_mask_plan *plan, float *centres);

// Uncertainty of a pixel's classification by its logits [pixels][classes]: -|logit| for one class,
// else the second largest minus the largest. At most 0; NaN where a logit is NaN. `classes` is at
// least 1.
PTN_MUST_CHECK ptn_status ptn_uncertainty(const ptn_runtime *runtime, size_t pixels, size_t classes,
                                          const float *logits, float *uncertainty);

#endif
