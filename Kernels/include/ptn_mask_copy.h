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
// map[the i-th active pixel] = rows[i]; other pixels of the map keep their values.
PTN_MUST_CHECK ptn_status ptn_mask_scatter(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                           size_t c, const float *rows, float *map);
// map[p] = base[p], or 0 if `base` is NULL, for the pixels that are not active in `plan`.
PTN_MUST_CHECK ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan, size_t c,
                                                 const float *base, float *map);
// Copies the first min(from_c, to_c) channels of from[p] to to[p] for the pixels that are active in
// `plan`: maps [n][h][w][from_c] and [n][h][w][to_c]. Other values of `to` are kept.
PTN_MUST_CHECK ptn_status ptn_mask_copy_channels(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan, size_t from_c,
                                                 const float *from, size_t to_c, float *to);

#endif
