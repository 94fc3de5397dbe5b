// Micro-kernels of the indirect matrix product for every instruction set.
#include "tile.h"
#include "../core/tuning.h"

#define PTN_SOURCE "../convolution/tile.inc"
#include "../core/foreach_isa.h"

static const ptn_tile_table (*const tables[PTN_ISA_COUNT])[2] = PTN_POINTERS(tiles);

const ptn_tile_fn *ptn_tiles_for(ptn_isa isa, size_t vectors, size_t prefetch_step) {
    return (*tables[isa])[prefetch_step > PTN_TILE_PREFETCH][vectors - 1];
}

size_t ptn_tile_prefetch_step(ptn_isa isa, size_t bytes, size_t tiles, size_t turns, bool far) {
    enum { LINE = 64 };
    // A single tile reads far weights sequentially, which some cores' hardware prefetchers handle
    // better without prefetch instructions.
    if (turns == 0 || (far && tiles == 1 && ptn_tuning_for(isa)->streams_single_tiles)) return 0;
    const size_t step = ptn_div_up(bytes, tiles * turns);
    if (step <= PTN_TILE_PREFETCH || !far) return ptn_min(PTN_TILE_PREFETCH, step);
    return ptn_min(PTN_TILE_FAR_PREFETCH, ptn_div_up(step, LINE) * LINE);
}
