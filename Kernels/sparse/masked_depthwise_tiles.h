// The masked depthwise convolution computed in small tiles of outputs.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_TILES_H
#define PTN_SPARSE_MASKED_DEPTHWISE_TILES_H

#include "masked_depthwise_runs.h"

// Whether a shape with a dense map as input is computed in tiles; scattered outputs then cost no
// more than the dense map.
bool ptn_masked_depthwise_is_tiled(const ptn_conv2d_shape *shape);

// Computes all outputs of a job whose shape is tiled and whose input is a dense map.
ptn_status ptn_masked_depthwise_run_tiles(ptn_masked_depthwise_job *job, int threads);

#endif
