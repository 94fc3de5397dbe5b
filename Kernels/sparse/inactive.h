// What becomes of the pixels that a mask leaves out.
#ifndef PTN_SPARSE_INACTIVE_H
#define PTN_SPARSE_INACTIVE_H

#include "mask_plan.h"
#include "ptn_masked_conv2d.h"

// Inactive pixels of a dense output map, a few image rows per task.
typedef struct ptn_inactive_job {
    ptn_mask_view outputs;
    const uint64_t *previous; // bits or NULL
    const float *base;        // NULL: zeros
    float *y;
    size_t k, tasks;
} ptn_inactive_job;

// `tasks` is 0 when there is nothing to do.
ptn_inactive_job ptn_inactive_for(const ptn_masked_conv2d_mask *mask, size_t k, float *y);
void ptn_inactive_run(const ptn_inactive_job *job, size_t task);

#endif
