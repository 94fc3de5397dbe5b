// What a tile prefetches while it runs. Prefetching everything at once would delay the loads of
// weights, so it is spread evenly over the iterations (turns) of the tile's innermost loop.
//
// The functions are inline: they run once per tile, and a small tile takes a fraction of a
// microsecond.
#ifndef PTN_CONVOLUTION_CHUNK_FETCH_H
#define PTN_CONVOLUTION_CHUNK_FETCH_H

#include "tile.h"

// Number of taps of a kernel row over which PTN_FETCH_WINDOW spreads prefetching.
#define PTN_FETCH_WINDOW_TAPS 3

// Which input pixels of the next tile a tile prefetches, unless it prefetches the next weights.
typedef enum ptn_chunk_fetch {
    PTN_FETCH_NO_PIXELS = 0,
    // Outputs are consecutive: prefetches the next tile's pixels that no tile has read yet, which
    // are those of its last tap.
    PTN_FETCH_NEW_PIXELS,
    // Neighbouring outputs share no pixels, or outputs are scattered: at each tap, prefetches the
    // next tile's pixels of that tap.
    PTN_FETCH_EVERY_TAP,
    // Outputs may be scattered, maps exceed the second-level cache, and a kernel row has
    // PTN_FETCH_WINDOW_TAPS adjacent taps: prefetches the pixels of the next tile's first six
    // outputs. (Zen 4: scattered pixels of 256 x 256 x 64 1.1 to 1.27 times as fast.)
    PTN_FETCH_WINDOW,
} ptn_chunk_fetch;

// Bytes to prefetch per turn, for tiles of `low` pixels [0] and of one more [1]. Computed once per
// segment, since the divisions would take a good part of a small tile's time.
typedef struct ptn_tile_steps {
    size_t low, taller; // the first `taller` tiles have low + 1 pixels
    size_t weights;     // bytes of the next weights per tile
    size_t weight_step, pixel_step[2], store_step[2];
} ptn_tile_steps;

static inline size_t ptn_bytes_per_turn(size_t bytes, size_t turns) {
    return turns > 0 ? ptn_div_up(bytes, turns) : 0;
}

// Steps for `outputs` cut into `tiles` tiles, which together prefetch `bytes` of weights (`far`:
// from beyond the second-level cache) and `pixel_bytes` of new input per output.
static inline ptn_tile_steps ptn_tile_steps_for(ptn_isa isa, const ptn_tile_args *a, size_t outputs,
                                                size_t tiles, size_t bytes, bool far,
                                                size_t pixel_bytes) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    ptn_tile_steps t = {.low = outputs / tiles,
                        .taller = outputs % tiles,
                        .weights = bytes / tiles,
                        .weight_step = ptn_tile_prefetch_step(isa, bytes, tiles, turns, far)};
    for (size_t i = 0; i < 2; i++) {
        const size_t height = t.low + i;
        t.pixel_step[i] =
            ptn_min(PTN_TILE_PREFETCH, ptn_bytes_per_turn(height * pixel_bytes, turns));
        t.store_step[i] = ptn_bytes_per_turn(height * a->columns * sizeof(float), turns);
    }
    return t;
}

// Length of the contiguous prefix of `count` pixels.
static inline size_t ptn_pixels_in_line(const float *const *pixels, size_t count,
                                        size_t pixel_bytes) {
    const size_t floats = pixel_bytes / sizeof(float);
    size_t run = 1;
    while (run < count && pixels[run] == pixels[run - 1] + floats) run++;
    return run;
}

// PTN_FETCH_EVERY_TAP: prefetches the next tile's `count` pixels at every tap as two contiguous
// runs, at most one cache line of each per turn, which covers runs of up to MOST pixels.
static inline void ptn_fetch_every_tap(ptn_tile_args *a, size_t height, size_t count,
                                       size_t pixel_bytes) {
    enum { LINE = 64, PIXEL_STEP = PTN_TILE_UNROLL * sizeof(float), MOST = LINE / PIXEL_STEP };
    const float *const *next = a->inputs + height;
    const size_t run = ptn_pixels_in_line(next, count, pixel_bytes);
    const size_t second = run < count && run <= MOST ? run : count / 2;
    const size_t more = ptn_pixels_in_line(next + second, count - second, pixel_bytes);
    const size_t longer = ptn_max(more, ptn_min(run, second));
    a->ahead = true;
    a->second_pixel = second;
    a->window = 0;
    a->prefetch_step = ptn_min(LINE, longer * PIXEL_STEP);
}

// PTN_FETCH_WINDOW: prefetches two pixels at each tap of a kernel row.
static inline void ptn_fetch_window(ptn_tile_args *a) {
    a->ahead = true;
    a->second_pixel = 1;
    a->window = PTN_FETCH_WINDOW_TAPS;
    a->prefetch_step = PTN_FETCH_WINDOW_TAPS * PTN_TILE_UNROLL * sizeof(float);
}

#endif
