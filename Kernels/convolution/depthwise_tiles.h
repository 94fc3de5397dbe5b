// Tiles of a depthwise convolution, shared by the dense and the masked convolution.
#ifndef PTN_CONVOLUTION_DEPTHWISE_TILES_H
#define PTN_CONVOLUTION_DEPTHWISE_TILES_H

#include "epilogue.h"
#include "shape.h"
#include <stdint.h>

// Hides a pointer's value from the compiler, which would otherwise keep a multiple of the step for
// each address in a register and run out of registers.
#define PTN_OPAQUE(pointer) __asm__("" : "+r"(pointer))

// Most outputs in one row of a tile.
#define PTN_DEPTHWISE_COLUMNS 8

// Position of a tile's columns: all inside the image; at the left or right border with padding (k -
// 1) / 2; any other.
enum {
    PTN_DEPTHWISE_INNER,
    PTN_DEPTHWISE_LEFT,
    PTN_DEPTHWISE_RIGHT,
    PTN_DEPTHWISE_BOTH,
    PTN_DEPTHWISE_SOME,
    PTN_DEPTHWISE_PLACES
};

// A tile of outputs: one or two rows, a few columns, all channels from the first to the last.
// Columns are counted from the first tap of the first output, in steps of the dilation.
typedef struct ptn_depthwise_tile {
    size_t c, kh, kw, stride;
    const float *const *rows; // input rows that the tile reads; NULL outside the image
    size_t left;              // floats from a row's start to column 0, modulo the address space
    size_t step;              // floats from one column to the next
    size_t first_column, last_column; // columns inside the image
    size_t columns;                   // outputs per row
    int place;
    const float *weights;  // packed weights
    ptn_epilogue_part end; // of all channels
    float *out;
    size_t out_step, out_row; // floats from one output to the next, and to the row below
    size_t first_channel, last_channel;
} ptn_depthwise_tile;

typedef void (*ptn_depthwise_fn)(const ptn_depthwise_tile *tile);
// [(kernel - 3) / 2][stride - 1][rows - 1][wide][place]
typedef ptn_depthwise_fn ptn_depthwise_table[3][2][2][2][PTN_DEPTHWISE_PLACES];

// Address `offset` floats after `row`, modulo the address space. For columns in the padding it is
// outside the row and is not read; integer arithmetic avoids undefined pointer arithmetic.
static inline const float *ptn_depthwise_at(const float *row, size_t offset) {
    return (const float *)((uintptr_t)row + offset * sizeof(float));
}

// One axis. With dilation d, outputs that are `phases` apart read positions that differ by
// multiples of d, so each phase is a convolution without dilation.
typedef struct ptn_depthwise_axis {
    size_t size, outputs, taps, pad;
    size_t stride, unit;         // the shape's stride and dilation
    size_t phases, phase_stride; // a step of `phases` outputs is a step of `phase_stride` units
} ptn_depthwise_axis;

// What all tiles of a call share. The caller sets shape, x, packed, packed_stride and y;
// ptn_depthwise_prepare sets the other members.
typedef struct ptn_depthwise_job {
    const ptn_conv2d_shape *shape;
    ptn_epilogue epilogue;
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    ptn_depthwise_axis vertical, horizontal;
    const ptn_depthwise_fn (
        *sized)[2][PTN_DEPTHWISE_PLACES]; // [rows - 1][wide][place]; NULL: `any`, one row
    ptn_depthwise_fn any;
    size_t vector;       // floats of a vector
    bool many_registers; // 32 rather than 16
    bool far;            // maps exceed all caches: each tile prefetches for the next one
} ptn_depthwise_job;

void ptn_depthwise_prepare(ptn_depthwise_job *job, ptn_isa isa, const ptn_conv2d_plan *plan,
                           const ptn_conv2d_epilogue *epilogue);
// A tile of all channels of a sample, without out_row; `rows` is the array of its input rows, which
// ptn_depthwise_find_rows fills.
ptn_depthwise_tile ptn_depthwise_tile_for(const ptn_depthwise_job *job, size_t sample,
                                          const float **rows);
// Length of that array: a tile's second output row needs up to two more input rows.
static inline size_t ptn_depthwise_row_slots(const ptn_conv2d_shape *s) { return s->kh + 2; }
// Finds the input rows of output row `oy` and, with `outputs` 2, of the next row of its phase.
void ptn_depthwise_find_rows(const ptn_depthwise_job *job, size_t sample, size_t oy, size_t outputs,
                             const float **rows);
// Computes outputs `ox`, `ox` + phases, ... before `end` of one or two rows whose input rows have
// been found; the first output is written to `y`.
void ptn_depthwise_outputs(const ptn_depthwise_job *job, ptn_depthwise_tile *tile, size_t rows,
                           size_t ox, size_t end, float *y);

#endif
