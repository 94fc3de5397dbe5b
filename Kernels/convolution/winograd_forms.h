// Winograd's minimal filtering for 3 x 3 kernels, in two forms: F(4x4) and F(6x6). Transforms of
// pixels, products and weights.
#ifndef PTN_CONVOLUTION_WINOGRAD_FORMS_H
#define PTN_CONVOLUTION_WINOGRAD_FORMS_H

#include "epilogue.h"
#include "panels.h"

#define PTN_WINOGRAD_MAX_SIDE 8
#define PTN_WINOGRAD_MAX_PLANES 64
#define PTN_WINOGRAD_MAX_OUTPUTS 36

// F(outputs x outputs, 3 x 3): input tiles of side x side pixels and planes = side * side.
typedef struct ptn_winograd_form {
    size_t outputs, side, planes;
    const double (*filter)[3]; // G: [side][3]
} ptn_winograd_form;

// Arguments of the back-transformation of one tile.
typedef struct ptn_winograd_output {
    const float *products; // of the tile: [plane][channel], `step` floats from plane to plane
    size_t step;           // floats from plane to plane
    size_t channels;       // of this panel
    size_t rows, columns;  // outputs inside the image, at least 1
    float *out;
    size_t out_row, out_pixel; // floats from one output row, and from one output, to the next
    // NULL, or the address of each output, row by row with `outputs` per row; outputs that must not
    // be written have the address of a dummy buffer with room for the panel's channels.
    float *const *places;
    ptn_epilogue_part end; // of the panel's first channel
} ptn_winograd_output;

// u[plane * step + c] = transformed tile, for all channels. `pixels`: addresses of the tile's
// pixels, row by row.
typedef void (*ptn_winograd_input_fn)(const float *const *pixels, size_t channels, size_t step,
                                      float *u);
typedef void (*ptn_winograd_output_fn)(const ptn_winograd_output *args);

// NULL for algorithms that are not Winograd's.
const ptn_winograd_form *ptn_winograd_form_of(ptn_conv2d_algorithm algorithm);
ptn_winograd_input_fn ptn_winograd_input_for(const ptn_winograd_form *form, ptn_isa isa);
ptn_winograd_output_fn ptn_winograd_output_for(const ptn_winograd_form *form, ptn_isa isa);

// Floats of packed weights, [plane][channel][width] for each panel; false on overflow.
bool ptn_winograd_floats(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *shape,
                         size_t *floats);
// Packs panel `part`, as ptn_panels_pack.
void ptn_winograd_pack(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *shape,
                       const float *weights, const float *scale, size_t part, float *packed);

#endif
