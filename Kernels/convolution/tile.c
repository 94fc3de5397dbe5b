// Micro-kernels of the indirect GEMM for every instruction set.
#include "conv2d_internal.h"
#include <stdint.h>

#define PTN_SOURCE "../convolution/tile.inc"
#include "../core/foreach_isa.h"

static const ptn_tile_table (*const tables[PTN_ISA_COUNT])[2] = PTN_POINTERS(tiles);

const ptn_tile_fn *ptn_tiles_for(ptn_isa isa, size_t vectors, size_t prefetch_step) {
    return (*tables[isa])[prefetch_step > PTN_TILE_PREFETCH][vectors - 1];
}
