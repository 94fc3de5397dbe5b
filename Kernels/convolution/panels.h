// Panels of packed weights: blocks of output channels as wide as a tile.
//
// The packed weights of a group are its panels one after the other, padded with zeros, each with
// the layout [tap][input channel][width]. They are used by the direct, masked and deformable
// convolution and, with one set of panels per plane, by Winograd's forms.
#ifndef PTN_CONVOLUTION_PANELS_H
#define PTN_CONVOLUTION_PANELS_H

#include "shape.h"

// The widest panel of any instruction set, in vectors.
#define PTN_PANEL_MAX_VECTORS 4
// The widest panel of one instruction set, limited by its 32 or 16 registers for accumulators.
static inline size_t ptn_panel_most_vectors(ptn_isa isa) {
    return isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON ? 4 : 2;
}

// How the output channels of one group are cut into panels: all are `vectors` wide except the last,
// which has as few vectors as its channels need.
typedef struct ptn_panels {
    size_t vector;         // floats per vector
    size_t vectors, width; // of a full panel, in vectors and in channels
    size_t count;          // number of panels
    size_t padded;         // channels including padding
} ptn_panels;

// Relative time of a panel by its number of vectors. Per vector, four and three are about as fast,
// two are slower and one is slowest.
static inline double ptn_panel_time(size_t vectors) {
    static const double time[] = {0, 1.3, 2.2, 3.05, 4};
    return time[vectors];
}

// Chooses the width with the least total time: 96 channels are better cut into 48 + 48 than into 64
// + 32.
ptn_panels ptn_panels_for(ptn_isa isa, size_t channels);

// The panels of the first `channels` channels, which keep the places that they have among all.
static inline ptn_panels ptn_panels_prefix(ptn_panels panels, size_t channels) {
    panels.count = ptn_min(panels.count, ptn_div_up(channels, panels.width));
    panels.padded = ptn_min(panels.padded, panels.count * panels.width);
    return panels;
}

// Vectors of the panel that begins at channel `column` of a group of `channels`.
static inline size_t ptn_panel_vectors(const ptn_panels *p, size_t channels, size_t column) {
    return ptn_min(p->vectors, ptn_div_up(channels - column, p->vector));
}

// Floats of the packed weights of all groups; false on overflow.
bool ptn_panels_floats(ptn_isa isa, const ptn_conv2d_shape *shape, size_t *floats);
// Number of panels of all groups.
size_t ptn_panels_parts(ptn_isa isa, const ptn_conv2d_shape *shape);
// Packs panel `part` from weights [k][c/groups][kh][kw], each output channel multiplied by its
// `scale` (NULL: 1); `packed` is the start of all packed weights.
void ptn_panels_pack(ptn_isa isa, const ptn_conv2d_shape *shape, const float *weights,
                     const float *scale, size_t part, float *packed);

#endif
