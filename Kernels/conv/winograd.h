// Winograd's minimal filtering for 3 x 3 kernels, in two forms: F(4x4) and F(6x6).
#ifndef PTN_WINOGRAD_H
#define PTN_WINOGRAD_H

#include "conv2d_internal.h"

#define PTN_WINO_MAX_SIDE 8
#define PTN_WINO_MAX_PLANES 64
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
    // Bit outputs * row + column is set for outputs that are not to be touched: they go to `spare`,
    // which has room for the panel's channels. 0: none.
    uint64_t skipped;
    float *spare;
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
