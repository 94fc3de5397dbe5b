// Products of transformed pixels and weights, plane by plane.
#ifndef PTN_CONVOLUTION_WINOGRAD_PRODUCT_H
#define PTN_CONVOLUTION_WINOGRAD_PRODUCT_H

#include "tile.h"
#include "winograd_forms.h"

// Packed weights, and the layout of a block's products.
typedef struct ptn_winograd_weights {
    const ptn_winograd_form *form;
    const ptn_conv2d_shape *shape;
    const ptn_panels *panels;
    const float *packed;
    size_t packed_channels; // input channels of a plane in them; the shape's are the first
    const uint8_t *wanted;  // [panels]: 0 for those that a plane leaves out; NULL: all
    ptn_isa isa;
    bool side_by_side; // a tile's row has the products of all panels, else of one
} ptn_winograd_weights;

// A panel of output channels.
typedef struct ptn_winograd_panel {
    size_t channel, channels, vectors, width;
    const float *weights; // [plane][channel][width]
    size_t first, row;    // offset of the panel in a tile's products; floats from tile to tile
} ptn_winograd_panel;
ptn_winograd_panel ptn_winograd_panel_at(const ptn_winograd_weights *weights, size_t index);

// Tiles that are multiplied together.
typedef struct ptn_winograd_block {
    size_t tiles;
    const float *u;  // [plane][tile][channel]
    float *products; // [plane][tile][ptn_winograd_panel's row]
} ptn_winograd_block;

// Bytes of the table of addresses for a block of `tiles` tiles.
static inline size_t ptn_winograd_table_bytes(size_t tiles) {
    return ptn_round_64((tiles + PTN_TILE_MAX_HEIGHT) * sizeof(float *));
}

// Fills `table` (ptn_winograd_table_bytes) with the addresses that multiplying the block needs.
void ptn_winograd_enter(const ptn_winograd_weights *weights, const ptn_winograd_block *block,
                        void *table);
// products[plane][tile] = u[plane][tile] * weights[plane] for the panel's channels; prefetches
// `next`, the weights used afterwards.
void ptn_winograd_multiply(const ptn_winograd_weights *weights, const ptn_winograd_block *block,
                           const ptn_winograd_panel *panel, size_t plane, const float *next,
                           void *table);
// Fills the table and multiplies the block by all panels of a plane, one after the other.
void ptn_winograd_multiply_plane(const ptn_winograd_weights *weights,
                                 const ptn_winograd_block *block, size_t plane, void *table);

#endif
