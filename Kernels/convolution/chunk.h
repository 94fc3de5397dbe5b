// A chunk of outputs with a table of its input addresses, multiplied by all panels of weights.
// Shared by the direct, the masked and the transposed convolution, which fill the table
// differently.
#ifndef PTN_CONVOLUTION_CHUNK_H
#define PTN_CONVOLUTION_CHUNK_H

#include "chunk_fetch.h"
#include "tile.h"

// What all chunks of a call share.
typedef struct ptn_chunk_job {
    ptn_isa isa;
    ptn_panels panels;
    size_t groups, taps, channels; // channels: input channels of a group per tap of the table
    size_t out_channels;           // output channels of all groups
    size_t packed_channels;        // of a tap in the packed weights, of which the first `channels`
                                   // are used; 0: `channels`
    ptn_epilogue epilogue;
    const float *packed;
    size_t packed_stride;
    const uint8_t *wanted; // [samples][panels]: 0 for a panel to leave out; NULL: none
    const float *zeros;    // address used for taps in the padding; NULL: there are none
    // Which input pixels of the next tile a tile prefetches.
    ptn_chunk_fetch fetch;
    size_t pixel_bytes; // new input bytes per output when outputs are consecutive
    bool scattered;     // outputs are scattered over a large map: a tile prefetches its own
    // Maps beyond the caches and few multiply-adds per output: before a tile runs, the next tile's
    // outputs are prefetched, and its input pixels unless `fetch` does that. (Zen 4, from memory:
    // 1.1 to 1.9 times as fast.)
    bool far;
} ptn_chunk_job;

// Neighbouring outputs of a chunk and the range of taps that are inside the image for any of them.
// Taps in the padding above and below are not multiplied, which saves a tenth of a 3 x 3
// convolution on a 7 x 7 map.
typedef struct ptn_segment {
    size_t begin, end;
    size_t tap_begin, tap_end;
} ptn_segment;

enum { PTN_MAX_SEGMENTS = 8 };

typedef struct ptn_chunk {
    size_t sample; // sample whose weights, biases and gates are used
    size_t outputs, panel_begin, panel_end;
    const float **table; // [taps][ptn_chunk_step(outputs)]
    float *place;        // address of the first output if outputs are contiguous, else NULL
    float **places;      // [outputs]: address of each output's first channel, if `place` is NULL
    float **out;         // [PTN_TILE_MAX_HEIGHT]: scratch for a tile's output addresses
    float *partial;      // [outputs][width of a panel]: unfinished sums
    ptn_segment segments[PTN_MAX_SEGMENTS];
    size_t segment_count;
} ptn_chunk;

// Outputs per chunk: enough to use each panel often, few enough for the table and the chunk's
// inputs and outputs to stay in the second-level cache.
size_t ptn_chunk_outputs(size_t taps);
// Pointers from one tap of a chunk's table to the next: an odd number of cache lines, since taps a
// power of two apart would all fall into the same few sets of the first-level cache.
static inline size_t ptn_chunk_step(size_t outputs) { return (ptn_div_up(outputs, 8) | 1) * 8; }
// Weights of this many bytes stay in the second-level cache from one chunk to the next.
#define PTN_CHUNK_BLOCK_BYTES ((size_t)384 << 10)

// Bytes of scratch of a chunk of ptn_chunk_outputs(taps) outputs; ptn_chunk_place sets the chunk's
// pointers into it.
size_t ptn_chunk_bytes(ptn_isa isa, size_t taps);
void ptn_chunk_place(ptn_chunk *chunk, size_t taps, char *scratch);

// Adds the outputs after the last segment up to `end`, which have taps [tap_begin, tap_end). They
// join the last segment when it has the same taps, or when either is so small that separate tiles
// would cost more than the taps saved.
void ptn_chunk_append(ptn_chunk *chunk, size_t end, size_t tap_begin, size_t tap_end);

// Computes all outputs of the chunk for its panels.
void ptn_chunk_run(const ptn_chunk_job *job, const ptn_chunk *chunk);

#endif
