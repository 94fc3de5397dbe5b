// Clearing or copying of the inactive pixels of a map.
#ifndef PTN_SPARSE_INACTIVE_H
#define PTN_SPARSE_INACTIVE_H

#include "mask_plan.h"
#include "ptn_masked_conv2d.h"

// Inactive pixels of a dense output map, a few image rows per task.
typedef struct ptn_inactive_job {
    ptn_mask_view outputs;
    const uint64_t *previous; // bits of the mask whose outputs are in the map already, or NULL
    const float *base;        // NULL: zeros
    float *y;
    size_t k, tasks;
} ptn_inactive_job;

// `tasks` of the result is 0 if there is nothing to do.
ptn_inactive_job ptn_inactive_for(const ptn_masked_conv2d_mask *mask, size_t k, float *y);
void ptn_inactive_run(const ptn_inactive_job *job, size_t task);

#endif
