// The outputs of Winograd's tiles: only active ones are stored.
#ifndef PTN_SPARSE_MASKED_TILE_OUTPUTS_H
#define PTN_SPARSE_MASKED_TILE_OUTPUTS_H

#include "../convolution/winograd_product.h"
#include "mask_plan.h"
#include "masked_tile_place.h"
#include "ptn_masked_conv2d.h"

// The output map or rows of a call, its mask and epilogue.
typedef struct ptn_tile_outputs {
    const ptn_winograd_form *form;
    ptn_winograd_output_fn output;
    const ptn_mask_view *mask;
    ptn_epilogue epilogue;
    const float *residual; // the epilogue's
    float *y;
    size_t out_h, out_w, k;
    size_t y_step;        // floats from one pixel to the next in a map
    const int32_t *index; // inverse map if outputs are compact
    size_t panel_width;   // of a full panel
} ptn_tile_outputs;

// Bit (form->outputs * row + column) is set for each active output of the tile.
uint64_t ptn_tile_outputs_active(const ptn_tile_outputs *outputs, const ptn_tile_place *place);

// Prefetches a tile's active outputs of a panel and their residuals.
void ptn_tile_outputs_fetch(const ptn_tile_outputs *outputs, const ptn_winograd_panel *panel,
                            const ptn_tile_place *place);

// Floats of scratch memory for ptn_tile_outputs_store.
static inline size_t ptn_tile_outputs_floats(const ptn_winograd_form *form, size_t panel_width) {
    return 2 * form->outputs * form->outputs * panel_width;
}

// Transforms the products of a tile back and stores its active outputs of a panel, with the
// epilogue. `products`: the tile's products of the panel, `step` floats from plane to plane;
// `values`: scratch memory.
void ptn_tile_outputs_store(const ptn_tile_outputs *outputs, const ptn_winograd_panel *panel,
                            const ptn_tile_place *place, const float *products, size_t step,
                            float *values);

#endif
