// Tiles of a depthwise convolution: shared by the whole map and by runs of active pixels.
#ifndef PTN_CONVOLUTION_DEPTHWISE_TILES_H
#define PTN_CONVOLUTION_DEPTHWISE_TILES_H

#include "epilogue.h"
#include "shape.h"
#include <stdint.h>

// Keeps the compiler from making each address of a walk a multiple of its step, which takes more
// registers than there are.
#define PTN_OPAQUE(pointer) __asm__("" : "+r"(pointer))

// Outputs side by side in one tile, at most.
#define PTN_DEPTHWISE_COLUMNS 8

// What a tile's columns meet: nothing outside the image, the usual padding, anything.
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
    size_t columns;                   // outputs in a row that exist
    int place;
    const float *weights;  // as packed
    ptn_epilogue_part end; // of all channels
    float *out;
    size_t out_step, out_row; // floats from one output to the next, to the row below
    size_t first_channel, last_channel;
} ptn_depthwise_tile;

typedef void (*ptn_depthwise_fn)(const ptn_depthwise_tile *tile);
// [(kernel - 3) / 2][stride - 1][rows - 1][wide][place]
typedef ptn_depthwise_fn ptn_depthwise_table[3][2][2][2][PTN_DEPTHWISE_PLACES];

// `offset` floats, modulo the address space, from `row`. Where padding would be it lies outside the
// row; then it is not read, and pointer arithmetic must not say where it is.
static inline const float *ptn_depthwise_at(const float *row, size_t offset) {
    return (const float *)((uintptr_t)row + offset * sizeof(float));
}

// One axis. With dilation d, outputs that lie `phases` apart read the image at multiples of d from
// where the first of them begins: each phase is a convolution without dilation.
typedef struct ptn_depthwise_axis {
    size_t size, outputs, taps, pad;
    size_t stride, unit;         // as given: stride and dilation
    size_t phases, phase_stride; // `phases` outputs further is `phase_stride` units further
} ptn_depthwise_axis;

// What all tiles of a call have in common. The caller fills in shape, x, packed, packed_stride and
// y, then ptn_depthwise_prepare the rest.
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
    bool far;            // maps beyond all caches: tiles fetch what the next one needs
} ptn_depthwise_job;

void ptn_depthwise_prepare(ptn_depthwise_job *job, ptn_isa isa, const ptn_conv2d_plan *plan,
                           const ptn_conv2d_epilogue *epilogue);
// A tile of all channels of a sample; `rows` are where its input rows will be, without out_row.
ptn_depthwise_tile ptn_depthwise_tile_for(const ptn_depthwise_job *job, size_t sample,
                                          const float **rows);
// Where a tile's input rows begin; the row below wants up to two more.
static inline size_t ptn_depthwise_row_slots(const ptn_conv2d_shape *s) { return s->kh + 2; }
// The input rows of output row `oy` and, with `outputs` 2, of the next one of its phase.
void ptn_depthwise_find_rows(const ptn_depthwise_job *job, size_t sample, size_t oy, size_t outputs,
                             const float **rows);
// Outputs `ox`, `ox` + phases, ... before `end` of one or two rows whose inputs are found; the
// first goes to `y`.
void ptn_depthwise_outputs(const ptn_depthwise_job *job, ptn_depthwise_tile *tile, size_t rows,
                           size_t ox, size_t end, float *y);

#endif
