// Micro-kernels of the indirect GEMM for every instruction set.
#include "conv2d_internal.h"
#include <stdint.h>

#define PTN_SOURCE "../conv/tile.inc"
#include "../core/foreach_isa.h"

const ptn_tile_table *const ptn_tile_tables[PTN_ISA_COUNT] = PTN_POINTERS(tiles);
