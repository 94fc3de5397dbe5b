// The inputs of Winograd's tiles; not visible outside Kernels/sparse.
#ifndef PTN_MASKED_TILE_INPUTS_H
#define PTN_MASKED_TILE_INPUTS_H

#include "../convolution/winograd_forms.h"
#include "mask_plan.h"
#include "masked_tile_place.h"
#include "ptn_masked_conv2d.h"

typedef struct ptn_tile_inputs {
    const ptn_conv2d_shape *shape;
    ptn_conv2d_shape rest; // as `shape`, with the other map's channels
    const ptn_winograd_form *form;
    ptn_isa isa;
    ptn_winograd_input_fn transform;
    const ptn_masked_conv2d_mask *mask;
    const float *x, *zeros; // zeros: as many as the input has channels
    const int32_t *index;   // inverse map, where inputs are compact
} ptn_tile_inputs;

// Without `zeros` and `index`.
ptn_tile_inputs ptn_tile_inputs_for(const ptn_conv2d_shape *shape, const ptn_winograd_form *form,
                                    ptn_isa isa, const ptn_masked_conv2d_mask *mask,
                                    const float *x);
// Brings a tile's pixels into the second-level cache, where they lie in a map.
void ptn_tile_inputs_fetch(const ptn_tile_inputs *inputs, const ptn_tile_place *place);
// u[plane * step + c] = the pixels that a tile's outputs are computed from, transformed. Their
// absolute values are added to `sums`, if not NULL, as ptn_winograd_measure does.
void ptn_tile_inputs_transform(const ptn_tile_inputs *inputs, const ptn_tile_place *place,
                               size_t step, float *u, float *sums);

#endif
