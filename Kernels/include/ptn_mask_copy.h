// Copies between dense maps and compact rows of active pixels.
#ifndef PTN_MASK_COPY_H
#define PTN_MASK_COPY_H

#include "ptn_mask_plan.h"

// rows[i] = map[the i-th active pixel]: [count][c] from [n][h][w][c].
PTN_MUST_CHECK ptn_status ptn_mask_gather(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                          size_t c, const float *map, float *rows);
// rows[i] = the i-th active pixel of maps[0], of maps[1] ...: [count][sum of c], c[m] being the channels
// of map m.
PTN_MUST_CHECK ptn_status ptn_mask_gather_maps(const ptn_runtime *runtime,
                                               const ptn_mask_plan *plan, size_t maps_count,
                                               const size_t *c, const float *const *maps,
                                               float *rows);
// The other way; other pixels of the map stay as they are.
PTN_MUST_CHECK ptn_status ptn_mask_scatter(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                           size_t c, const float *rows, float *map);
// map[p] = base[p] where `plan` is not active, 0 where there is no base.
PTN_MUST_CHECK ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan, size_t c,
                                                 const float *base, float *map);
// Completes two maps whose first channels are the same: where `known` is active, first[p] becomes
// map[p]'s first `first_c` channels; elsewhere those of map[p] become first[p]. The other channels of
// map[p] become 0 where `plan` is not active. `first` may be NULL when first_c is 0; first_c <= c, and
// `known` has the size of `plan`.
PTN_MUST_CHECK ptn_status ptn_mask_join_channels(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan,
                                                 const ptn_mask_plan *known, size_t c,
                                                 size_t first_c, float *first, float *map);

#endif
