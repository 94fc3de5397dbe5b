// Multiplies transformed pixels by weights, plane by plane, with the direct convolution's tiles.
#include "winograd_product.h"

// Of weights larger than this, hardly any stay in the second-level cache from one call to the next.
static const size_t FAR_BYTES = 4 << 20;

ptn_winograd_panel ptn_winograd_panel_at(const ptn_winograd_weights *w, size_t index) {
    const ptn_panels *panels = w->panels;
    ptn_winograd_panel p = {.channel = index * panels->width};
    p.vectors = ptn_panel_vectors(panels, panels->padded, p.channel);
    p.width = p.vectors * panels->vector;
    p.channels = ptn_min(p.width, w->shape->k - p.channel);
    p.weights = w->packed + w->form->planes * w->packed_channels * p.channel;
    p.first = w->side_by_side ? p.channel : 0;
    p.row = w->side_by_side ? panels->padded : p.width;
    return p;
}

void ptn_winograd_enter(const ptn_winograd_weights *w, const ptn_winograd_block *b, void *table) {
    const float **pixels = table;
    for (size_t t = 0; t < b->tiles; t++) pixels[t] = b->u + t * w->shape->c;
}

void ptn_winograd_multiply(const ptn_winograd_weights *w, const ptn_winograd_block *b,
                           const ptn_winograd_panel *p, size_t plane, const float *next,
                           void *table) {
    const size_t channels = w->shape->c, tiles = b->tiles;
    const float *const *pixels = table;
    float **out = (float **)table + tiles;
    const size_t heights = ptn_div_up(tiles, ptn_tile_height(w->isa, p->vectors));
    const size_t bytes = channels * p->width * sizeof(float), turns = channels / PTN_TILE_UNROLL;
    const size_t all = w->form->planes * channels * w->panels->padded * sizeof(float);
    ptn_tile_args a = {.taps = 1,
                       .channels = channels,
                       .input_offset = plane * tiles * channels,
                       .panel = p->weights + plane * w->packed_channels * p->width,
                       .prefetch_step =
                           ptn_tile_prefetch_step(w->isa, bytes, heights, turns, all > FAR_BYTES),
                       .columns = p->width,
                       .out = out,
                       .first = true,
                       .last = true,
                       .end = ptn_epilogue_none()};
    a.stores = (const char *)a.panel;
    // Divisions outside the loop: two per tile took 3 to 4 % of the time of 56 x 56 x 64.
    const size_t least = tiles / heights, higher = tiles % heights, stream = bytes / heights;
    const ptn_tile_fn *run = ptn_tiles_for(w->isa, p->vectors, a.prefetch_step);
    float *to = b->products + plane * tiles * p->row + p->first;
    a.inputs = pixels;
    a.prefetch = (const char *)next;
    for (size_t h = 0; h < heights; h++) {
        const size_t height = least + (h < higher);
        for (size_t m = 0; m < height; m++, to += p->row) out[m] = to;
        run[height - 1](&a);
        a.inputs += height;
        a.prefetch += stream;
    }
}

void ptn_winograd_multiply_plane(const ptn_winograd_weights *w, const ptn_winograd_block *b,
                                 size_t plane, void *table) {
    const size_t count = w->panels->count;
    ptn_winograd_enter(w, b, table);
    ptn_winograd_panel p = ptn_winograd_panel_at(w, 0);
    for (size_t index = 0; index < count; index++) {
        const ptn_winograd_panel next = ptn_winograd_panel_at(w, (index + 1) % count);
        const size_t after = index + 1 < count ? plane : plane + 1;
        if (!w->wanted || w->wanted[index])
            ptn_winograd_multiply(w, b, &p, plane,
                                  next.weights + after * w->packed_channels * next.width, table);
        p = next;
    }
}
