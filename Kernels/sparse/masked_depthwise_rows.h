// The masked depthwise convolution computed row by row.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_ROWS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_ROWS_H

#include "masked_depthwise_runs.h"

// Computes all outputs of a job; ptn_masked_depthwise_runs_scratch must have been called.
ptn_status ptn_masked_depthwise_run_rows(ptn_masked_depthwise_job *job, int threads);

#endif
