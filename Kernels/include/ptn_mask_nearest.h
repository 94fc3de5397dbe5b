// Values for all pixels from their nearest active pixels.
#ifndef PTN_MASK_NEAREST_H
#define PTN_MASK_NEAREST_H

#include "ptn_mask_plan.h"

// nearest[p] = index in the list of active pixels of the one of the same sample nearest to pixel p
// by Euclidean distance, exactly; of equally near ones the first in the list. [n][h][w].
// PTN_BAD_ARGUMENT when a sample has pixels but no active one.
PTN_MUST_CHECK ptn_status ptn_mask_plan_nearest(const ptn_runtime *runtime,
                                                const ptn_mask_plan *plan, int32_t *nearest);

// map[s][p] = rows[s][index[p]]: [samples][pixels][c] from [samples][count][c], one index for all
// samples with 0 <= index[p] < count.
PTN_MUST_CHECK ptn_status ptn_mask_spread(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                          size_t count, size_t c, const int32_t *index,
                                          const float *rows, float *map);

#endif
