// A chunk of outputs whose inputs' addresses are tabulated, run against all panels of weights: what
// the direct convolution and its masked form share. Only who fills the table differs.
#ifndef PTN_CONV_CHUNK_H
#define PTN_CONV_CHUNK_H

#include "conv2d_internal.h"

// Taps of a kernel row that share the way of the next tile's pixels.
#define PTN_CHUNK_WINDOW 3

// What a call's chunks have in common.
typedef struct ptn_chunk_job {
    ptn_isa isa;
    ptn_panels panels;
    size_t groups, taps, channels; // of a group and tap, as the table has them
    size_t outputs;                // channels of all groups
    const ptn_conv2d_epilogue *epilogue;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    float low, high;
    const float *packed;
    size_t packed_stride;
    const float *y;     // where results begin, as residuals lie relative to them
    const float *zeros; // what table entries in the padding point at; NULL: there are none
    // Results lie apart in a map that the nearer caches do not hold: they are fetched before they are
    // written.
    bool scattered;
    size_t pixel_bytes; // that an output brings in anew where neighbours follow each other; 0: none
    // Taps share no pixels, and outputs may lie apart: a tile fetches the next one's pixels tap by tap.
    bool ahead;
    // Outputs may lie apart, and the taps of a kernel row are PTN_CHUNK_WINDOW neighbours in maps that
    // the second-level cache does not hold: tiles fetch the next one's pixels. (EPYC, Zen 4: scattered
    // pixels of 256 x 256 x 64 1.1 to 1.27 times as fast.)
    bool windows;
    // Far maps and few products: where the next tile's results go is fetched before a tile runs, and so
    // are its pixels, unless they are `ahead`. (EPYC, Zen 4, out of memory: 1.1 to 1.9 times as fast.)
    bool far;
} ptn_chunk_job;

// Neighbouring outputs of a chunk and the taps that any of them finds inside the image. What lies in
// the padding above and below is not multiplied: on a 7 x 7 map that is a tenth of a 3 x 3 convolution.
typedef struct ptn_segment {
    size_t begin, end;
    size_t tap_begin, tap_end;
} ptn_segment;

enum { PTN_MAX_SEGMENTS = 8 };

typedef struct ptn_chunk {
    size_t sample; // of weights, bias and gate
    size_t rows, panel_begin, panel_end;
    const float **table; // [taps][ptn_chunk_step(rows)]
    float *place;        // where the first output goes if the others follow it, else NULL, and then
    float **places;      // [rows]: where each one's first channel goes
    float **out;         // [PTN_TILE_MAX_ROWS]: a tile's
    float *partial;      // [rows][width of a panel]: unfinished sums
    ptn_segment segments[PTN_MAX_SEGMENTS];
    size_t segment_count;
} ptn_chunk;

// Outputs per chunk: enough to use a panel often, few enough for the table and the chunk's
// activations to stay in the second-level cache.
size_t ptn_chunk_rows(size_t taps);
// Pointers from one tap of a chunk's table to the next: an odd number of cache lines, since taps a
// power of two apart would all fall into the same few sets of the first-level cache.
static inline size_t ptn_chunk_step(size_t rows) { return (ptn_div_up(rows, 8) | 1) * 8; }
// Weights of this many bytes stay in the second-level cache from one chunk to the next.
#define PTN_CHUNK_BLOCK_BYTES ((size_t)384 << 10)

// Scratch of a chunk of ptn_chunk_rows(taps) outputs, and where its parts lie in it.
size_t ptn_chunk_bytes(ptn_isa isa, size_t taps);
void ptn_chunk_place(ptn_chunk *chunk, size_t taps, char *scratch);

// Adds the outputs after the last segment up to `end`, which have taps [tap_begin, tap_end). They join
// the last segment when it has the same, or when either is so small that its tiles would cost more
// than the taps saved.
void ptn_chunk_append(ptn_chunk *chunk, size_t end, size_t tap_begin, size_t tap_end);

// All sums of the chunk, for its panels.
void ptn_chunk_run(const ptn_chunk_job *job, const ptn_chunk *chunk);

// The rows of taps that output row `oy` finds inside the image: [*begin, *end).
static inline void ptn_tap_rows(const ptn_conv2d_shape *s, size_t oy, size_t *begin, size_t *end) {
    const size_t at = oy * s->stride_h, last = s->h + s->pad_top;
    const size_t first = at < s->pad_top ? ptn_div_up(s->pad_top - at, s->dilation_h) : 0;
    const size_t stop = at < last ? ptn_div_up(last - at, s->dilation_h) : 0;
    *begin = ptn_min(first, s->kh);
    *end = ptn_max(*begin, ptn_min(stop, s->kh));
}

#endif
