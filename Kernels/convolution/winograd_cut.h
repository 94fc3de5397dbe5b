// How an image is cut into Winograd's tiles, and tiles into blocks. Results do not depend on the
// cut into blocks.
#ifndef PTN_CONVOLUTION_WINOGRAD_CUT_H
#define PTN_CONVOLUTION_WINOGRAD_CUT_H

#include "winograd_forms.h"

// Weights of up to this many bytes stay in the second-level cache together with a block.
#define PTN_WINOGRAD_SMALL_WEIGHTS ((size_t)1 << 20)

typedef struct ptn_winograd_cut {
    ptn_panels panels;
    size_t phases_h, phases_w;      // number of interleaved images of a dilated convolution
    size_t tiles_h, tiles_w, tiles; // tiles of one phase; of one image with all phases
    size_t blocks, block_tiles;     // per image; tiles of the largest block
    bool by_plane;                  // large blocks, computed plane by plane by all threads together
} ptn_winograd_cut;
// `panels`: of the shape's output channels.
ptn_winograd_cut ptn_winograd_cut_with(const ptn_winograd_form *form, const ptn_panels *panels,
                                       const ptn_conv2d_shape *shape, size_t out_h, size_t out_w,
                                       size_t threads);
ptn_winograd_cut ptn_winograd_cut_for(const ptn_winograd_form *form, ptn_isa isa,
                                      const ptn_conv2d_shape *shape, size_t out_h, size_t out_w,
                                      size_t threads);

#endif
