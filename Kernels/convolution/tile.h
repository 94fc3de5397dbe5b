// The micro-kernel of the indirect matrix product: a tile of a few output pixels times one panel of
// output channels, whose input addresses come from a table.
#ifndef PTN_CONVOLUTION_TILE_H
#define PTN_CONVOLUTION_TILE_H

#include "epilogue.h"
#include "panels.h"

// Most output pixels of a tile, over all instruction sets.
#define PTN_TILE_MAX_HEIGHT 12

// Most pixels of a tile that is `vectors` wide: as many as there are registers for accumulators
// besides the weights, and few enough for the pixels' addresses to stay in general registers. With
// full-rate 512-bit units wide, flat tiles are faster than narrow, tall ones: they need fewer
// broadcasts per multiply-add.
static inline size_t ptn_tile_height(ptn_isa isa, size_t vectors) {
    static const unsigned char wide[] = {12, 12, 9, 6}; // 32 registers
    if (ptn_panel_most_vectors(isa) == 4) return wide[vectors - 1];
    return isa == PTN_ISA_AVX2 ? 6 : 4; // 16 registers
}

// Channels per iteration (turn) of a tile's innermost loop; several, to hide reloading the
// addresses that do not fit the general registers.
#define PTN_TILE_UNROLL 4
// Most bytes that a tile prefetches per turn: two cache lines, or, where few tiles run before the
// next weights are needed, as many as memory delivers during a turn.
#define PTN_TILE_PREFETCH 128
#define PTN_TILE_FAR_PREFETCH 512

// Arguments of a tile of m pixels and v vectors of channels.
typedef struct ptn_tile_args {
    size_t taps, channels;
    const float *const *inputs; // address of each pixel's channels; in the padding, of zeros
    size_t inputs_step;         // from one tap's addresses to the next tap's
    size_t input_offset;        // floats added to every address: the group's first channel
    const float *panel;         // [taps][channels][width]
    size_t panel_gap;           // floats from the end of a tap's weights to the next tap's
    const char *prefetch;       // data to prefetch into the second-level cache for later tiles
    size_t prefetch_step;       // bytes of them to prefetch per turn
    // If set, `prefetch` is not used. At each tap the tile prefetches, `prefetch_step` bytes per
    // turn, from the pixel that follows its own in the table and, if panels have several vectors,
    // from the one `second_pixel` entries later. With `window` > 0, tap i of each `window` taps of
    // a kernel row prefetches the entries 2 i and 2 i + 1 after the tile's at the window's first
    // tap.
    bool ahead;
    size_t second_pixel, window;
    const char *stores;     // output memory to prefetch into the first-level cache
    size_t stores_step;     // bytes of it to prefetch per turn
    bool scattered;         // outputs are scattered: prefetch one pixel's output per tap
    size_t columns;         // output channels to store, 1 ... width
    float *partial;         // [m][width]: unfinished sums, when taps come in several blocks
    float *const *partials; // [m]: address of each pixel's unfinished sums; NULL: in `partial`
    bool first, last;       // whether this is the first block of taps, the last one
    float *const *out;      // [m]
    ptn_epilogue_part end;  // of the panel's first column
} ptn_tile_args;

// Bytes that each of `tiles` tiles with `turns` turns prefetches per turn, so that together they
// prefetch `bytes`: at most PTN_TILE_PREFETCH, or PTN_TILE_FAR_PREFETCH if the data are beyond the
// second-level cache (`far`).
size_t ptn_tile_prefetch_step(ptn_isa isa, size_t bytes, size_t tiles, size_t turns, bool far);

typedef void (*ptn_tile_fn)(const ptn_tile_args *args);
// [vectors - 1][pixels - 1]
typedef ptn_tile_fn ptn_tile_table[PTN_PANEL_MAX_VECTORS][PTN_TILE_MAX_HEIGHT];
// Micro-kernels for `vectors` vectors and this prefetch step, indexed by pixels - 1.
const ptn_tile_fn *ptn_tiles_for(ptn_isa isa, size_t vectors, size_t prefetch_step);

#endif
