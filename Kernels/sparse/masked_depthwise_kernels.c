// Micro-kernels of the masked depthwise convolution for every instruction set.
#include "masked_depthwise_kernels.h"

#define PTN_SOURCE "../sparse/masked_depthwise_kernels.inc"
#include "../core/foreach_isa.h"

const ptn_mdw_runs_fn ptn_mdw_run_variants[PTN_ISA_COUNT] = PTN_TABLE(masked_depthwise_runs);
const ptn_mdw_tiles_fn ptn_mdw_tile_variants[PTN_ISA_COUNT] = PTN_TABLE(masked_depthwise_tiles);
