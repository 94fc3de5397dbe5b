// Winograd's minimal filtering for 3 x 3 kernels, in two forms: F(4x4) and F(6x6). Transforms of
// pixels, products and weights.
#ifndef PTN_CONVOLUTION_WINOGRAD_FORMS_H
#define PTN_CONVOLUTION_WINOGRAD_FORMS_H

#include "epilogue.h"
#include "panels.h"

#define PTN_WINOGRAD_MAX_SIDE 8
#define PTN_WINOGRAD_MAX_PLANES 64
#define PTN_WINOGRAD_MAX_OUTPUTS 36

// F(outputs x outputs, 3 x 3): tiles of side x side pixels, as many planes of products.
typedef struct ptn_winograd_form {
    size_t outputs, side, planes;
    const double (*filter)[3]; // G: [side][3]
} ptn_winograd_form;

// Back-transformation of one tile.
typedef struct ptn_winograd_output {
    const float *products; // [plane][.., channel]
    size_t step;           // floats from plane to plane
    size_t channels;       // of this panel
    size_t rows, columns;  // outputs inside the image, at least 1
    float *out;
    size_t out_row, out_pixel; // floats from output to output
    // NULL, or where each output goes, row by row with `outputs` to a row: those that are not to be
    // touched somewhere else, with room for the panel's channels.
    float *const *places;
    ptn_epilogue_part end; // of the panel's first channel
} ptn_winograd_output;

// u[plane * step + c] = transformed tile, for all channels. `pixels` are the tile's, row by row.
typedef void (*ptn_winograd_input_fn)(const float *const *pixels, size_t channels, size_t step,
                                      float *u);
typedef void (*ptn_winograd_output_fn)(const ptn_winograd_output *args);

// NULL for algorithms that are not Winograd's.
const ptn_winograd_form *ptn_winograd_form_of(ptn_conv2d_algorithm algorithm);
ptn_winograd_input_fn ptn_winograd_input_for(const ptn_winograd_form *form, ptn_isa isa);
ptn_winograd_output_fn ptn_winograd_output_for(const ptn_winograd_form *form, ptn_isa isa);

// Floats of packed weights, [plane][channel][width] for each panel; false when they overflow.
// Packing of panel `part`, as ptn_panels_pack.
bool ptn_winograd_floats(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *shape,
                         size_t *floats);
void ptn_winograd_pack(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *shape,
                       const float *weights, const float *scale, size_t part, float *packed);

#endif
