// Values for inactive pixels from the active ones around them.
#ifndef PTN_MASK_INTERPOLATE_H
#define PTN_MASK_INTERPOLATE_H

#include "ptn_mask_plan.h"

// For every active pixel t of `targets`, over the pixels q of its kernel x kernel neighbourhood
// that are active in `sources`:
//
//     map[t] = sum of weights[q - t] * map[q] / (sum of weights[q - t] + epsilon)
//
// `weights` has kernel * kernel entries in row-major order, with `kernel` odd; `map` is
// [n][h][w][c]. Where there is no q, map[t] = 0 / epsilon. Terms are added in row-major order of q
// in single precision. No pixel may be active in both plans, which are of one size.
PTN_MUST_CHECK ptn_status ptn_mask_interpolate(const ptn_runtime *runtime,
                                               const ptn_mask_plan *targets,
                                               const ptn_mask_plan *sources, size_t c,
                                               size_t kernel, const float *weights, float epsilon,
                                               float *map);

#endif
