// Micro-kernels of the masked depthwise convolution for every instruction set.
#include "masked_depthwise_kernels.h"

#define PTN_SOURCE "../sparse/masked_depthwise_kernels.inc"
#include "../core/foreach_isa.h"

const ptn_masked_depthwise_runs_fn ptn_masked_depthwise_run_variants[PTN_ISA_COUNT] =
    PTN_TABLE(masked_depthwise_runs);
const ptn_masked_depthwise_tiles_fn ptn_masked_depthwise_tile_variants[PTN_ISA_COUNT] =
    PTN_TABLE(masked_depthwise_tiles);
