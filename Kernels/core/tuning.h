// Constants that were fitted to measurements and differ between kinds of cores.
//
// Results never depend on them: they say how memory is read and which algorithm is estimated to be
// fastest. Constants that are the same for all cores stand beside the code that they steer.
#ifndef PTN_TUNING_H
#define PTN_TUNING_H

#include "ptn_runtime.h"

// The direct convolution: cycles of one core.
typedef struct ptn_direct_costs {
    double product; // half cycles per vector multiply-add
    double address; // cycles per entry of the table of input addresses
    double tile;    // cycles per tile, beside its products
    double byte;    // cycles per byte of weights beyond the second-level cache
} ptn_direct_costs;

// One form of Winograd's convolution.
typedef struct ptn_winograd_costs {
    double product;      // half cycles per vector multiply-add
    double near_bytes;   // bytes per cycle of weights, which are read again for each row of tiles
    double far_bytes;    // ... read again for each block, from beyond the second-level cache
    double memory_bytes; // ... from beyond the last cache that a process can count on
    double tile;         // cycles per tile of a product
    double transform;    // cycles per vector of channels into the planes; three quarters of it back
} ptn_winograd_costs;

// What the masked convolution adds to these.
typedef struct ptn_masked_costs {
    // Bytes per cycle of weights from beyond the second-level cache, however few the pixels; and of
    // what exceeds four MiB, which other processes push out of the last cache.
    double far_bytes, memory_bytes;
    double scattered_tiles; // share by which a lone tile takes longer than one among neighbours
    bool overlaps;          // whether the sums of tiles overlap with the reading of their weights
    // Factor on the direct sums beside Winograd's algorithm while other threads use the core's
    // caches: sums need the whole core, where Winograd's algorithm waits for memory. On an idle
    // core it forgoes some of what a mask saves near the break-even; without it a mask costs more
    // than the whole map there on a busy one.
    double busy_sums;
} ptn_masked_costs;

typedef struct ptn_tuning {
    const char *core; // on which kind of core it was measured
    ptn_direct_costs direct;
    ptn_winograd_costs winograd[2]; // F(4x4, 3x3), F(6x6, 3x3)
    bool overlaps; // whether Winograd's products overlap with the reading of weights
    ptn_masked_costs masked;
    size_t tap_block_bytes;    // bytes of a block of weights of a single tap, for few outputs
    bool streams_single_tiles; // whether the core's own prefetcher reads a lone tile's weights best
} ptn_tuning;

// The table for an instruction set on the core that asks.
const ptn_tuning *ptn_tuning_for(ptn_isa isa);

#endif
