// Constants that were fitted to measurements: one table per kind of core, and one of constants that
// are assumed equal on all.
//
// Results never depend on them, only the choice of an algorithm and prefetching. Constants by which
// work is cut into tasks and blocks are beside the code that cuts.
#ifndef PTN_TUNING_H
#define PTN_TUNING_H

#include "ptn_runtime.h"

// The direct convolution: cycles of one core.
typedef struct ptn_direct_costs {
    double product; // half cycles per vector multiply-add
    double address; // cycles per entry of the table of input addresses
    double tile;    // cycles per tile, in addition to its products
    double byte;    // cycles per byte of weights beyond the second-level cache
} ptn_direct_costs;

// One form of Winograd's convolution.
typedef struct ptn_winograd_costs {
    double product;      // half cycles per vector multiply-add
    double near_bytes;   // bytes of weights per cycle, read again for each row of tiles
    double far_bytes;    // ... read again for each block from beyond the second-level cache
    double memory_bytes; // ... read from beyond one process's share of the last-level cache
    double tile;         // cycles per tile of a product
    double transform;    // cycles per vector of channels of a tile; three quarters of it back
} ptn_winograd_costs;

// Additional costs of the masked convolution.
typedef struct ptn_masked_costs {
    // Bytes of weights per cycle from beyond the second-level cache, for any number of pixels; and
    // for the part above four MiB, which other processes evict from the last-level cache.
    double far_bytes, memory_bytes;
    double scattered_tiles; // share by which an isolated tile takes longer than one with neighbours
    bool overlaps;          // whether the sums of tiles overlap with the reading of their weights
    // Factor on direct sums when they are compared with Winograd's algorithm: if other threads
    // share the core, direct sums, which need its arithmetic units, slow down more than Winograd's
    // algorithm, which waits for memory. Without the factor a mask near the break-even could cost
    // more than the dense map on a busy core; with it some gain is lost there on an idle one.
    double busy_sums;
} ptn_masked_costs;

typedef struct ptn_tuning {
    const char *core; // on which kind of core it was measured
    ptn_direct_costs direct;
    ptn_winograd_costs winograd[2]; // F(4x4, 3x3), F(6x6, 3x3)
    bool overlaps; // whether Winograd's products overlap with the reading of weights
    ptn_masked_costs masked;
    size_t tap_block_bytes;    // bytes of a block of weights within one tap, for few outputs
    bool streams_single_tiles; // whether only the hardware prefetches a single tile's weights
} ptn_tuning;

// The table for an instruction set on the current core.
const ptn_tuning *ptn_tuning_for(ptn_isa isa);

// Groups narrower than a vector, in vector multiply-adds per tap and output pixel.
typedef struct ptn_grouped_costs {
    double spread[3]; // inputs of a block: from one group; from one vector of a pixel; from two
    double panel[5];  // a panel of the direct convolution, by its vectors
} ptn_grouped_costs;

// Estimates of the masked convolution.
typedef struct ptn_masked_estimates {
    double kept_bytes, near_bytes; // bytes of weights that the second-level, last-level cache keeps
    double pixel, line, scattered; // cycles: per address; per 64 bytes written; per 64 bytes of
                                   // input of an isolated pixel, which no neighbour has read into
                                   // the first-level cache
    double depthwise, grouped;     // cycles per vector multiply-add
} ptn_masked_estimates;

// Costs of the masked depthwise convolution, in vectors loaded and stored.
typedef struct ptn_masked_depthwise_costs {
    double full_four, full_two; // per output of a tile of four, of two rows, all active
    double alone;               // a single output
    double some_four, some_two; // per tile of four, of two rows with some outputs active
    size_t least_active[2];     // fewest active outputs of a tile of two, of four rows to pay
    // Partially active tiles are searched for if the 2 x 2 cells with an active pixel have at least
    // `scattered` times as many pixels as are active, and the tile columns with an active pixel
    // hold at least `least_in_column` of them on average.
    double scattered, least_in_column;
} ptn_masked_depthwise_costs;

typedef struct ptn_common_tuning {
    double direct_kept_bytes; // weights of up to this size are read from the second-level cache
    // Winograd: weights of up to `kept` bytes stay in a cache, of more than `lost` bytes nothing
    // does.
    double winograd_kept_bytes, winograd_lost_bytes; // the second-level cache
    double last_kept_bytes, last_lost_bytes;         // the last-level cache
    // Mixing: bytes of weights per cycle, read or written; written in Winograd's form.
    double mixed_bytes, mixed_winograd_bytes;
    double narrow_product, narrow_sum; // cycles per vector product, per sum over lanes
    double grouped_single, grouped_strided, grouped_margin; // factors
    ptn_grouped_costs grouped[PTN_ISA_COUNT];
    ptn_masked_estimates masked;
    ptn_masked_depthwise_costs masked_depthwise;
} ptn_common_tuning;
extern const ptn_common_tuning ptn_tuning_common;

#endif
