// A chunk of outputs whose inputs' addresses are tabulated, run against all panels of weights: what
// the direct convolution and its masked form share. They differ in who fills the table.
#ifndef PTN_CONVOLUTION_CHUNK_H
#define PTN_CONVOLUTION_CHUNK_H

#include "chunk_fetch.h"
#include "tile.h"

// What a call's chunks have in common.
typedef struct ptn_chunk_job {
    ptn_isa isa;
    ptn_panels panels;
    size_t groups, taps, channels; // channels: of a group and tap, as the table has them
    size_t out_channels;           // of all groups
    ptn_epilogue epilogue;
    const float *packed;
    size_t packed_stride;
    const float *zeros; // what table entries in the padding point at; NULL: there are none
    // What a tile fetches of the next tile's input, and of its outputs where these lie in a map
    // that the nearer caches do not hold.
    ptn_chunk_fetch fetch;
    size_t pixel_bytes; // from one pixel to the next where neighbours follow each other
    bool scattered;     // outputs lie apart: a tile fetches its own while it runs
    // Maps beyond the caches and few products: before a tile runs, the places of the next tile's
    // outputs are fetched, and its pixels unless `fetch` does that. (Zen 4, from memory: 1.1 to 1.9
    // times as fast.)
    bool far;
} ptn_chunk_job;

// Neighbouring outputs of a chunk and the taps that any of them finds inside the image. Taps in the
// padding above and below are not multiplied: on a 7 x 7 map that is a tenth of a 3 x 3
// convolution.
typedef struct ptn_segment {
    size_t begin, end;
    size_t tap_begin, tap_end;
} ptn_segment;

enum { PTN_MAX_SEGMENTS = 8 };

typedef struct ptn_chunk {
    size_t sample; // of weights, biases and gates
    size_t outputs, panel_begin, panel_end;
    const float **table; // [taps][ptn_chunk_step(outputs)]
    float *place;        // where the first output goes if the others follow it, else NULL, and then
    float **places;      // [outputs]: where each one's first channel goes
    float **out;         // [PTN_TILE_MAX_HEIGHT]: a tile's
    float *partial;      // [outputs][width of a panel]: unfinished sums
    ptn_segment segments[PTN_MAX_SEGMENTS];
    size_t segment_count;
} ptn_chunk;

// Outputs per chunk: enough to use a panel often, few enough for the table and the chunk's
// activations to stay in the second-level cache.
size_t ptn_chunk_outputs(size_t taps);
// Pointers from one tap of a chunk's table to the next: an odd number of cache lines, since taps a
// power of two apart would all fall into the same few sets of the first-level cache.
static inline size_t ptn_chunk_step(size_t outputs) { return (ptn_div_up(outputs, 8) | 1) * 8; }
// Weights of this many bytes stay in the second-level cache from one chunk to the next.
#define PTN_CHUNK_BLOCK_BYTES ((size_t)384 << 10)

// Scratch of a chunk of ptn_chunk_outputs(taps) outputs, and where its parts lie in it.
size_t ptn_chunk_bytes(ptn_isa isa, size_t taps);
void ptn_chunk_place(ptn_chunk *chunk, size_t taps, char *scratch);

// Adds the outputs after the last segment up to `end`, which have taps [tap_begin, tap_end). They
// join the last segment when it has the same, or when either is so small that its tiles would cost
// more than the taps saved.
void ptn_chunk_append(ptn_chunk *chunk, size_t end, size_t tap_begin, size_t tap_end);

// All sums of the chunk, for its panels.
void ptn_chunk_run(const ptn_chunk_job *job, const ptn_chunk *chunk);

#endif
