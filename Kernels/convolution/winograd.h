// Winograd's minimal filtering for 3 x 3 kernels, in two forms: F(4x4) and F(6x6).
#ifndef PTN_WINOGRAD_H
#define PTN_WINOGRAD_H

#include "conv2d_internal.h"

#define PTN_WINO_MAX_SIDE 8
#define PTN_WINO_MAX_PLANES 64
#define PTN_WINO_MAX_OUTPUTS 36
// Bytes of weights up to which they stay in the second-level cache beside a block.
#define PTN_WINO_SMALL_WEIGHTS ((size_t)1 << 20)

// F(outputs x outputs, 3 x 3): tiles of side x side pixels, as many planes of products.
typedef struct ptn_wino_form {
    size_t outputs, side, planes;
    const double (*filter)[3]; // G: [side][3]
} ptn_wino_form;

// Back-transformation of one tile.
typedef struct ptn_wino_output {
    const float *products; // [plane][.., channel]
    size_t step;           // floats from plane to plane
    size_t channels;       // of this panel
    size_t rows, columns;  // outputs inside the image, at least 1
    float *out;
    size_t out_row, out_pixel; // floats from output to output
    // NULL, or where each output goes, row by row with `outputs` to a row: those that are not to be
    // touched somewhere else, with room for the panel's channels.
    float *const *places;
    const float *bias, *gate;  // of the panel's first channel, or NULL
    ptrdiff_t residual;        // bytes from an output to its residual
    bool has_residual, residual_last;
    float low, high;
} ptn_wino_output;

// u[plane * step + c] = transformed tile, for all channels. `pixels` are the tile's, row by row.
typedef void (*ptn_wino_input_fn)(const float *const *pixels, size_t channels, size_t step,
                                  float *u);
typedef void (*ptn_wino_output_fn)(const ptn_wino_output *args);

// NULL for algorithms that are not Winograd's.
const ptn_wino_form *ptn_wino_form_of(ptn_conv2d_algorithm algorithm);
ptn_wino_input_fn ptn_wino_input_for(const ptn_wino_form *form, ptn_isa isa);
ptn_wino_output_fn ptn_wino_output_for(const ptn_wino_form *form, ptn_isa isa);

// What is measured of a tile's values: up to nine sums of absolute values of blocks of pixels, the
// largest absolute value, the sum of all squares.
#define PTN_GUARD_SUMS 16
#define PTN_GUARD_LARGEST 14
#define PTN_GUARD_SQUARES 15

// Adds what some channels of a tile's pixels come to, to `sums`, 0 before the first.
void ptn_wino_measure(const ptn_wino_form *form, ptn_isa isa, const float *const *pixels,
                      size_t channels, float sums[PTN_GUARD_SUMS]);
// Whether a tile of which this was measured over all its channels is to be computed by the defining
// sums instead. `outputs` are those that count, bit (outputs * row + column), of the rows and columns
// that lie in the image.
bool ptn_wino_is_uneven(const ptn_wino_form *form, const float sums[PTN_GUARD_SUMS],
                        uint64_t outputs, size_t rows, size_t columns, size_t channels);
// The bits of the outputs of a tile of which only `rows` x `columns` are inside the image.
static inline uint64_t ptn_wino_outputs_inside(const ptn_wino_form *form, size_t rows,
                                               size_t columns) {
    const uint64_t row = ((uint64_t)1 << columns) - 1;
    uint64_t bits = 0;
    for (size_t i = 0; i < rows; i++) bits |= row << i * form->outputs;
    return bits;
}

// offsets[i] = unit * position of pixel i, or -1 outside [0, size).
static inline void ptn_wino_offsets(size_t side, size_t first, size_t dilation, size_t pad,
                                    size_t size, size_t unit,
                                    ptrdiff_t offsets[PTN_WINO_MAX_SIDE]) {
    for (size_t i = 0; i < side; i++) {
        const size_t at = first + i * dilation;
        offsets[i] = at >= pad && at - pad < size ? (ptrdiff_t)((at - pad) * unit) : -1;
    }
}

// Whether all pixels from the output `first` on lie in [0, size).
static inline bool ptn_wino_inside(size_t side, size_t first, size_t dilation, size_t pad,
                                   size_t size) {
    return first >= pad && first - pad + (side - 1) * dilation < size;
}

// Addresses of a tile whose pixels lie in even steps.
static inline void ptn_wino_grid(size_t side, const float *first, size_t row, size_t column,
                                 const float **pixels) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < side; i++)
#pragma clang loop unroll(full)
        for (size_t k = 0; k < side; k++) pixels[side * i + k] = first + i * row + k * column;
}

// Addresses of the pixels that the outputs from (top, left) on are computed from; `zeros` for those
// outside the image. Most tiles lie inside.
static inline void ptn_wino_pixels(const ptn_conv2d_shape *s, size_t side, size_t top, size_t left,
                                   const float *image, const float *zeros, const float **pixels) {
    if (ptn_wino_inside(side, top, s->dilation_h, s->pad_top, s->h) &&
        ptn_wino_inside(side, left, s->dilation_w, s->pad_left, s->w)) {
        const float *first = image + ((top - s->pad_top) * s->w + left - s->pad_left) * s->c;
        const size_t row = s->dilation_h * s->w * s->c, column = s->dilation_w * s->c;
        if (side == 6)
            ptn_wino_grid(6, first, row, column, pixels);
        else
            ptn_wino_grid(8, first, row, column, pixels);
        return;
    }
    ptrdiff_t ys[PTN_WINO_MAX_SIDE], xs[PTN_WINO_MAX_SIDE];
    ptn_wino_offsets(side, top, s->dilation_h, s->pad_top, s->h, s->w * s->c, ys);
    ptn_wino_offsets(side, left, s->dilation_w, s->pad_left, s->w, s->c, xs);
    for (size_t i = 0; i < side; i++)
        for (size_t k = 0; k < side; k++)
            pixels[side * i + k] = (ys[i] | xs[k]) < 0 ? zeros : image + ys[i] + xs[k];
}

// Brings a tile's pixels into the second-level cache; addresses as of ptn_wino_pixels. On far maps the
// next tile's are fetched while one is transformed, and so is where its outputs go. (EPYC, Zen 4: 1.1
// to 1.25 times as fast on 128 x 128 x 64 and 256 x 256 x 64, up to 5 % slower on maps of 3 MB.)
void ptn_wino_fetch_pixels(const ptn_conv2d_shape *s, size_t side, size_t top, size_t left,
                           const float *image);

// Packed weights, and how a block's products lie.
typedef struct ptn_wino_weights {
    const ptn_wino_form *form;
    const ptn_conv2d_shape *shape;
    const ptn_panels *panels;
    const float *packed;
    ptn_isa isa;
    bool side_by_side; // products of all panels in one row, else of one panel at a time
} ptn_wino_weights;

// A panel of output channels.
typedef struct ptn_wino_panel {
    size_t channel, channels, vectors, width;
    const float *weights; // [plane][channel][width]
    size_t first, row;    // in the products: of a tile's first; floats from tile to tile
} ptn_wino_panel;
ptn_wino_panel ptn_wino_panel_at(const ptn_wino_weights *weights, size_t index);

// Tiles whose transformed pixels are multiplied together.
typedef struct ptn_wino_block {
    size_t tiles;
    const float *u;     // [plane][tile][channel]
    float *products;    // [plane][tile][row of a panel]
} ptn_wino_block;

// Addresses that multiplying a block takes.
static inline size_t ptn_wino_table_bytes(size_t tiles) {
    return ptn_round_64((tiles + PTN_TILE_MAX_ROWS) * sizeof(float *));
}

// Enters the block's rows into `table`, ptn_wino_table_bytes, which multiplying it takes.
void ptn_wino_enter(const ptn_wino_weights *weights, const ptn_wino_block *block, void *table);
// products[plane][tile] = u[plane][tile] * weights[plane] for the panel's channels; meanwhile
// `next` comes in, the weights that are used after these.
void ptn_wino_multiply(const ptn_wino_weights *weights, const ptn_wino_block *block,
                       const ptn_wino_panel *panel, size_t plane, const float *next, void *table);
// Enters the block and multiplies it by all panels, one after the other.
void ptn_wino_multiply_plane(const ptn_wino_weights *weights, const ptn_wino_block *block,
                             size_t plane, void *table);

// How a convolution is cut. No result depends on it.
typedef struct ptn_wino_cut {
    ptn_panels panels;
    size_t phases_h, phases_w;      // a dilated image is that many images, interleaved
    size_t tiles_h, tiles_w, tiles; // of one phase; of one image with all phases
    size_t blocks, block_tiles;     // per image; tiles of the largest block
    bool by_plane; // blocks beyond the second-level cache, plane by plane, for all threads together
} ptn_wino_cut;
ptn_wino_cut ptn_wino_cut_for(const ptn_wino_form *form, ptn_isa isa, const ptn_conv2d_shape *shape,
                              size_t out_h, size_t out_w, size_t threads);

#endif
