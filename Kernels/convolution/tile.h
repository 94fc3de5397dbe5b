// The micro-kernel of the indirect matrix product: a tile of a few output pixels times one panel of
// output channels, whose input addresses come from a table.
#ifndef PTN_CONVOLUTION_TILE_H
#define PTN_CONVOLUTION_TILE_H

#include "epilogue.h"
#include "panels.h"

// The tallest tile of any instruction set: output pixels.
#define PTN_TILE_MAX_HEIGHT 12

// Pixels of the tallest tile that is `vectors` wide: as many as the registers hold beside the
// weights, and few enough for the pixels' addresses to stay in general registers. Wide and flat
// beats narrow and tall where 512-bit units are fed at full rate: fewer broadcasts per
// multiply-add.
static inline size_t ptn_tile_height(ptn_isa isa, size_t vectors) {
    static const unsigned char wide[] = {12, 12, 9, 6}; // 32 registers
    if (ptn_panel_most_vectors(isa) == 4) return wide[vectors - 1];
    return isa == PTN_ISA_AVX2 ? 6 : 4; // 16 registers
}

// Channels per turn of a tile's innermost loop: hides the reload of addresses that do not fit the
// general registers.
#define PTN_TILE_UNROLL 4
// Bytes that a tile prefetches per turn: two cache lines, or, where few tiles share the fetching of
// the next weights, as many as arrive during a turn.
#define PTN_TILE_PREFETCH 128
#define PTN_TILE_FAR_PREFETCH 512

// One tile: out[m][j] for m pixels and v vectors of channels.
typedef struct ptn_tile_args {
    size_t taps, channels;
    const float *const *inputs; // where each pixel's channels begin; padding: zeros
    size_t inputs_step;         // from one tap's addresses to the next tap's
    size_t input_offset;        // added to every address: the group's first channel
    const float *panel;         // [taps][channels][width]
    const char *prefetch;       // bytes that later tiles will want in the second-level cache ...
    size_t prefetch_step;       // ... so many per PTN_TILE_UNROLL channels
    // Instead, at every tap: the pixel that follows the tile's in the table and, where panels have
    // several vectors, the one `second_pixel` after it, each with the memory behind it. With a
    // `window` the `window` taps of a kernel row read neighbouring pixels and take turns: each
    // fetches the two pixels that are two further on, counted from the window's first tap.
    bool ahead;
    size_t second_pixel, window;
    const char *stores;     // where results will go: brought into the first-level cache ...
    size_t stores_step;     // ... so many bytes per PTN_TILE_UNROLL channels
    bool scattered;         // results lie apart: one pixel's is brought in per tap
    size_t columns;         // output channels to store, 1 ... width
    float *partial;         // [m][width]: unfinished sums, when taps come in several blocks
    float *const *partials; // [m]: where each pixel's are instead, or NULL
    bool first, last;       // whether this is the first, the last block of taps
    float *const *out;      // [m]
    ptn_epilogue_part end;  // of the panel's first column
} ptn_tile_args;

// The step of each of `tiles` tiles that bring in `bytes` between them, in so many turns each: no
// more than PTN_TILE_PREFETCH unless they come from `far`, beyond the second-level cache.
size_t ptn_tile_prefetch_step(ptn_isa isa, size_t bytes, size_t tiles, size_t turns, bool far);

typedef void (*ptn_tile_fn)(const ptn_tile_args *args);
// [vectors - 1][pixels - 1]
typedef ptn_tile_fn ptn_tile_table[PTN_PANEL_MAX_VECTORS][PTN_TILE_MAX_HEIGHT];
// Tiles of so many vectors and that step, by their pixels - 1.
const ptn_tile_fn *ptn_tiles_for(ptn_isa isa, size_t vectors, size_t prefetch_step);

#endif
