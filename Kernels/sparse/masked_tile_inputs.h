// The inputs of Winograd's tiles; not visible outside Kernels/sparse.
#ifndef PTN_MASKED_TILE_INPUTS_H
#define PTN_MASKED_TILE_INPUTS_H

#include "../convolution/winograd_forms.h"
#include "mask_plan.h"
#include "masked_tile_place.h"
#include "ptn_masked_conv2d.h"

typedef struct ptn_tile_inputs {
    const ptn_conv2d_shape *shape;
    ptn_conv2d_shape rest; // as `shape`, with the channels of the map `rest`
    const ptn_winograd_form *form;
    ptn_isa isa;
    ptn_winograd_input_fn transform;
    const ptn_masked_conv2d_mask *mask;
    const float *x, *zeros; // zeros: one per input channel
    const int32_t *index;   // inverse map if inputs are compact
} ptn_tile_inputs;

// `zeros` and `index` are left for the caller to set.
ptn_tile_inputs ptn_tile_inputs_for(const ptn_conv2d_shape *shape, const ptn_winograd_form *form,
                                    ptn_isa isa, const ptn_masked_conv2d_mask *mask,
                                    const float *x);
// Prefetches a tile's pixels into the second-level cache, unless inputs are compact.
void ptn_tile_inputs_fetch(const ptn_tile_inputs *inputs, const ptn_tile_place *place);
// u[plane * step + c] = the transformed input pixels of a tile. Unless `sums` is NULL, adds their
// statistics to it as ptn_winograd_measure does.
void ptn_tile_inputs_transform(const ptn_tile_inputs *inputs, const ptn_tile_place *place,
                               size_t step, float *u, float *sums);

#endif
