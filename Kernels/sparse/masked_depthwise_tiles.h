// A masked depthwise convolution in small tiles of outputs.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_TILES_H
#define PTN_SPARSE_MASKED_DEPTHWISE_TILES_H

#include "masked_depthwise_runs.h"

// Whether outputs of a map are computed in tiles: scattered ones cost no more than the whole map.
bool ptn_masked_depthwise_is_tiled(const ptn_conv2d_shape *shape);

// All outputs of a job whose shape is tiled and whose input is a map.
ptn_status ptn_masked_depthwise_run_tiles(ptn_masked_depthwise_job *job, int threads);

#endif
