// The job of a masked depthwise convolution, and outputs that are computed run by run. Runs wait in
// a task's workspace until there are enough of them, as one vector of channels goes through all at
// once.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_RUNS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_RUNS_H

#include "../core/divider.h"
#include "inactive.h"
#include "masked_depthwise_kernels.h"

typedef struct ptn_masked_depthwise_job {
    ptn_depthwise_job tiles;
    bool tiled;     // whether the dense convolution's tiles can compute runs
    bool scattered; // whether active pixels are, so that tiles may hold others
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_masked_conv2d_mask *mask;
    ptn_isa isa;
    const int32_t *input_index; // inverse map, NULL for dense inputs
    const ptn_mask_run *runs;
    size_t run_count, compute_tasks;
    ptn_divider by_height;
    ptn_inactive_job inactive;
    char *scratch;
    size_t thread_bytes, tile_rows_at, patch_columns;
} ptn_masked_depthwise_job;

// What one task needs of its scratch.
typedef struct ptn_masked_depthwise_workspace {
    ptn_masked_depthwise_run *runs;
    const float **rows; // [runs][kh]
    float *patch;       // [kh][patch_columns][c]
    const float *
        *tile_rows; // [ptn_depthwise_row_slots]: what `found_rows` rows from `found` on read
    size_t found, found_rows;
    size_t count, sample; // runs that wait to be computed, all of one sample
} ptn_masked_depthwise_workspace;

// Scratch memory of a thread for runs; false where it would overflow. The job's shape, plan, mask
// must be known.
bool ptn_masked_depthwise_runs_scratch(ptn_masked_depthwise_job *job);
ptn_masked_depthwise_workspace
ptn_masked_depthwise_workspace_of(const ptn_masked_depthwise_job *job, int thread);

// What all outputs of a sample have in common.
ptn_masked_depthwise_args ptn_masked_depthwise_args_for(const ptn_masked_depthwise_job *job,
                                                        size_t sample);
// Outputs [skip, skip + length) of a run, at once or together with later ones.
void ptn_masked_depthwise_add_run(const ptn_masked_depthwise_job *job,
                                  ptn_masked_depthwise_workspace *ws, const ptn_mask_run *run,
                                  size_t skip, size_t length);
// Computes the runs that wait.
void ptn_masked_depthwise_compute(const ptn_masked_depthwise_job *job,
                                  ptn_masked_depthwise_workspace *ws);

#endif
