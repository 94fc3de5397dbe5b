// A masked depthwise convolution row by row.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_ROWS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_ROWS_H

#include "masked_depthwise_runs.h"

// All outputs of a job whose scratch memory for runs is known.
ptn_status ptn_masked_depthwise_run_rows(ptn_masked_depthwise_job *job, int threads);

#endif
