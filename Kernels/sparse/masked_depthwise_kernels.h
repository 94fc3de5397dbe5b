// Micro-kernels of the masked depthwise convolution: runs of neighbouring outputs, and small tiles.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_KERNELS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_KERNELS_H

#include "../convolution/depthwise_tiles.h"

// Neighbouring outputs of one row of a depthwise convolution.
typedef struct ptn_masked_depthwise_run {
    const float *const *rows; // [kh]: input rows, where column 0 is; NULL outside the image
    ptrdiff_t left;           // column of the first output's first tap, may be negative
    size_t length;            // outputs
    size_t begin, end;        // outputs [begin, end) have all their columns inside the image
    float *out;               // [length][c]
} ptn_masked_depthwise_run;

typedef struct ptn_masked_depthwise_args {
    size_t w, c, kh, kw, stride, dilation; // along a row
    const ptn_masked_depthwise_run *runs;
    size_t count;
    const float *weights;  // [kh*kw][c]
    ptn_epilogue_part end; // of all channels
} ptn_masked_depthwise_args;

// Outputs of a tile: rows and columns at most.
enum { PTN_MASKED_DEPTHWISE_ROWS = 4, PTN_MASKED_DEPTHWISE_COLUMNS = 4 };

// Outputs of a 3 x 3 kernel with stride and dilation 1.
typedef struct ptn_masked_depthwise_tile {
    const float *at; // the first output's first tap; may lie outside the image
    float *out[PTN_MASKED_DEPTHWISE_ROWS]; // each row's first output, where all of them are active
    // Where some are: where each output goes, [rows][PTN_MASKED_DEPTHWISE_COLUMNS], those that are
    // not active to memory that nobody reads. NULL where all are.
    float *const *places;
    uint16_t active;       // bit row * PTN_MASKED_DEPTHWISE_COLUMNS + column; with `places`
    uint8_t rows, columns; // outputs: 1, 2 or 4
    uint8_t row_begin, row_end, column_begin, column_end; // taps inside the image
} ptn_masked_depthwise_tile;

// Several tiles, one after the other, each with all channels.
typedef void (*ptn_masked_depthwise_tiles_fn)(const ptn_masked_depthwise_args *args,
                                              const ptn_masked_depthwise_tile *tiles, size_t count);

// All runs of `args`.
typedef void (*ptn_masked_depthwise_runs_fn)(const ptn_masked_depthwise_args *args);

// Indexed by ptn_isa.
extern const ptn_masked_depthwise_runs_fn ptn_masked_depthwise_run_variants[PTN_ISA_COUNT];
extern const ptn_masked_depthwise_tiles_fn ptn_masked_depthwise_tile_variants[PTN_ISA_COUNT];

#endif
