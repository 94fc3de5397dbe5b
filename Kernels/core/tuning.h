// Constants that were fitted to measurements: one table per kind of core, and one of those that are
// taken to be the same on all.
//
// Results never depend on them: they say which algorithm is estimated to be fastest and how memory
// is read. How work is cut into tasks and blocks is said beside the code that cuts.
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

// Groups narrower than a vector, in vector multiply-adds per tap and output pixel.
typedef struct ptn_grouped_costs {
    double spread[3]; // a block within one group, in one vector of a pixel, in two
    double panel[5];  // a panel of the direct convolution, by its vectors
} ptn_grouped_costs;

// Estimates of the masked convolution.
typedef struct ptn_masked_estimates {
    double kept_bytes, near_bytes; // of weights in the second-level, in the last-level cache
    double pixel, line, scattered; // cycles: an address; 64 bytes written; 64 bytes read that no
                                   // neighbour has brought into the first-level cache
    double depthwise, grouped;     // cycles of a vector multiply-add
} ptn_masked_estimates;

// Tiles of the masked depthwise convolution, in vectors that are loaded and stored.
typedef struct ptn_masked_depthwise_costs {
    double full_four, full_two; // an output of a tile of four, of two rows, all active
    double alone;               // an output alone
    double some_four, some_two; // a whole tile of four, of two rows of which some are active
    size_t least_active[2];     // outputs of a tile of two, of four rows that make it worth it
    // Tiles of which some are active are looked for where the pixels of cells of 2 x 2 that hold an
    // active one are at least `scattered` times as many as the active ones, and the columns of a
    // tile that hold an active pixel hold at least `least_in_column` in the mean.
    double scattered, least_in_column;
} ptn_masked_depthwise_costs;

typedef struct ptn_common_tuning {
    double direct_kept_bytes; // weights up to here are read from the second-level cache
    // Winograd: weights up to `kept` stay in a cache, none of those beyond `lost` do.
    double winograd_kept_bytes, winograd_lost_bytes; // the second-level cache
    double last_kept_bytes, last_lost_bytes;         // the last-level cache
    double narrow_product, narrow_sum; // cycles of a vector product, of the sum over lanes
    double grouped_single, grouped_strided, grouped_margin; // factors
    ptn_grouped_costs grouped[PTN_ISA_COUNT];
    ptn_masked_estimates masked;
    ptn_masked_depthwise_costs masked_depthwise;
} ptn_common_tuning;
extern const ptn_common_tuning ptn_tuning_common;

#endif
