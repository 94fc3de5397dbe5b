// The job of a masked depthwise convolution, and outputs that are computed run by run. Runs are
// collected in a task's workspace and computed together, one vector of channels after the other.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_RUNS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_RUNS_H

#include "../core/divider.h"
#include "inactive.h"
#include "masked_depthwise_kernels.h"

typedef struct ptn_masked_depthwise_job {
    ptn_depthwise_job tiles;
    bool tiled;     // whether the dense convolution's tiles can compute runs
    bool scattered; // active pixels are scattered: tiles may contain inactive outputs
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

// The parts of one task's scratch.
typedef struct ptn_masked_depthwise_workspace {
    ptn_masked_depthwise_run *runs;
    const float **rows;      // [runs][kh]
    float *patch;            // [kh][patch_columns][c]
    const float **tile_rows; // [ptn_depthwise_row_slots]: input rows of `found_rows` rows from
                             // `found` on
    size_t found, found_rows;
    size_t count, sample; // number of collected runs, all of one sample
} ptn_masked_depthwise_workspace;

// Sets the job's scratch memory per thread for runs; false on overflow. The job's shape, plan and
// mask must be set.
bool ptn_masked_depthwise_runs_scratch(ptn_masked_depthwise_job *job);
ptn_masked_depthwise_workspace
ptn_masked_depthwise_workspace_of(const ptn_masked_depthwise_job *job, int thread);

// The micro-kernel arguments that all outputs of a sample share.
ptn_masked_depthwise_args ptn_masked_depthwise_args_for(const ptn_masked_depthwise_job *job,
                                                        size_t sample);
// Adds outputs [skip, skip + length) of a run; they are computed at once or with later runs.
void ptn_masked_depthwise_add_run(const ptn_masked_depthwise_job *job,
                                  ptn_masked_depthwise_workspace *ws, const ptn_mask_run *run,
                                  size_t skip, size_t length);
// Computes the collected runs.
void ptn_masked_depthwise_compute(const ptn_masked_depthwise_job *job,
                                  ptn_masked_depthwise_workspace *ws);

#endif
