// Copies between dense maps and compact rows of active pixels.
#ifndef PTN_MASK_COPY_H
#define PTN_MASK_COPY_H

#include "ptn_mask_plan.h"

// rows[i] = map[the i-th active pixel]: [count][c] from [n][h][w][c].
PTN_MUST_CHECK ptn_status ptn_mask_gather(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                          size_t c, const float *map, float *rows);
// rows[i] = the i-th active pixel of maps[0], of maps[1] ...: [count][sum of c], c[m] being the
// channels of map m.
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
// to[p] = the first channels of from[p] where `plan` is active, as many as both have: maps
// [n][h][w][from_c] and [n][h][w][to_c]. The rest of `to` stays as it is.
PTN_MUST_CHECK ptn_status ptn_mask_copy_channels(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan, size_t from_c,
                                                 const float *from, size_t to_c, float *to);

#endif
