// Cuts an image into tiles and blocks for Winograd's convolution.
#include "winograd_cut.h"
#include "tile.h"

// Bytes of a block's transformed pixels and products: three quarters of a common second-level
// cache.
static const size_t BLOCK_CACHE = 896 << 10;
// Weights larger than LARGE_WEIGHTS would be read again from memory for each block. That costs more
// than keeping transformed pixels in the last-level cache, so blocks then become as large as the
// bound on scratch memory allows.
static const size_t LARGE_WEIGHTS = 3 << 20, LARGE_BLOCK = 7 << 20;

ptn_winograd_cut ptn_winograd_cut_for(const ptn_winograd_form *form, ptn_isa isa,
                                      const ptn_conv2d_shape *s, size_t out_h, size_t out_w,
                                      size_t threads) {
    const ptn_panels panels = ptn_panels_for(isa, s->k);
    return ptn_winograd_cut_with(form, &panels, s, out_h, out_w, threads);
}

ptn_winograd_cut ptn_winograd_cut_with(const ptn_winograd_form *form, const ptn_panels *panels,
                                       const ptn_conv2d_shape *s, size_t out_h, size_t out_w,
                                       size_t threads) {
    ptn_winograd_cut c = {.panels = *panels,
                          .phases_h = ptn_min(s->dilation_h, out_h),
                          .phases_w = ptn_min(s->dilation_w, out_w)};
    c.tiles_h = ptn_div_up(ptn_div_up(out_h, s->dilation_h), form->outputs);
    c.tiles_w = ptn_div_up(ptn_div_up(out_w, s->dilation_w), form->outputs);
    c.tiles = c.phases_h * c.phases_w * c.tiles_h * c.tiles_w;
    const size_t pixel = form->planes * sizeof(float);
    const size_t weights = pixel * s->c * c.panels.padded;
    // At least six tiles, unless these exceed the bound on scratch memory.
    const size_t large = ptn_max(1, LARGE_BLOCK / (pixel * (s->c + c.panels.padded)));
    const size_t fit = ptn_max(ptn_min(large, PTN_TILE_MAX_HEIGHT / 2),
                               BLOCK_CACHE / (pixel * (s->c + c.panels.width)));
    c.blocks = ptn_div_up(c.tiles, fit);
    c.by_plane = c.blocks > 1 && weights > LARGE_WEIGHTS;
    // Blocks are distributed among threads. If there are too few, they become smaller provided that
    // the weights stay in the second-level cache; otherwise all threads share the planes of each
    // block.
    if (threads > 1 && !c.by_plane && weights <= PTN_WINOGRAD_SMALL_WEIGHTS) {
        const size_t most = ptn_max(1, c.tiles / PTN_TILE_MAX_HEIGHT);
        c.blocks = ptn_max(c.blocks, ptn_min(most, ptn_div_up(4 * threads, ptn_max(1, s->n))));
        if (s->n % threads != 0)
            c.blocks = ptn_min(c.tiles, ptn_div_up(c.blocks, threads) * threads);
    } else if (s->n * c.blocks < 2 * threads) {
        c.by_plane = threads > 1;
    }
    if (c.by_plane) c.blocks = ptn_div_up(c.tiles, large);
    c.block_tiles = ptn_div_up(c.tiles, c.blocks);
    return c;
}
