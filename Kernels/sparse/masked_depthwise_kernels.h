// Micro-kernels of the masked depthwise convolution: runs of neighbouring outputs, and small tiles.
#ifndef PTN_SPARSE_MASKED_DEPTHWISE_KERNELS_H
#define PTN_SPARSE_MASKED_DEPTHWISE_KERNELS_H

#include "../convolution/depthwise_tiles.h"

// Neighbouring outputs of one row of a depthwise convolution.
typedef struct ptn_masked_depthwise_run {
    const float *const *rows; // [kh]: address of column 0 of each input row; NULL outside the image
    ptrdiff_t left;           // column of the first output's first tap; may be negative
    size_t length;            // outputs
    size_t begin, end;        // outputs [begin, end) have all columns of taps inside the image
    float *out;               // [length][c]
} ptn_masked_depthwise_run;

typedef struct ptn_masked_depthwise_args {
    size_t w, c, kh, kw, stride, dilation; // along a row
    const ptn_masked_depthwise_run *runs;
    size_t count;
    const float *weights;  // [kh*kw][c]
    ptn_epilogue_part end; // of all channels
} ptn_masked_depthwise_args;

// Most rows and columns of outputs of a tile.
enum { PTN_MASKED_DEPTHWISE_ROWS = 4, PTN_MASKED_DEPTHWISE_COLUMNS = 4 };

// A tile of outputs of a 3 x 3 kernel with stride and dilation 1.
typedef struct ptn_masked_depthwise_tile {
    const float *at; // address of the first output's first tap; may be outside the image
    float *out[PTN_MASKED_DEPTHWISE_ROWS]; // each row's first output, if all outputs are active
    // If only some outputs are active: the address of each, [rows][PTN_MASKED_DEPTHWISE_COLUMNS];
    // inactive ones have that of a dummy buffer. NULL if all are active.
    float *const *places;
    uint16_t active;       // bit row * PTN_MASKED_DEPTHWISE_COLUMNS + column; with `places`
    uint8_t rows, columns; // outputs: 1, 2 or 4
    uint8_t row_begin, row_end, column_begin, column_end; // taps inside the image
} ptn_masked_depthwise_tile;

// Computes several tiles, one after the other, each with all channels.
typedef void (*ptn_masked_depthwise_tiles_fn)(const ptn_masked_depthwise_args *args,
                                              const ptn_masked_depthwise_tile *tiles, size_t count);

// Computes all runs of `args`.
typedef void (*ptn_masked_depthwise_runs_fn)(const ptn_masked_depthwise_args *args);

// Indexed by ptn_isa.
extern const ptn_masked_depthwise_runs_fn ptn_masked_depthwise_run_variants[PTN_ISA_COUNT];
extern const ptn_masked_depthwise_tiles_fn ptn_masked_depthwise_tile_variants[PTN_ISA_COUNT];

#endif
