// Groups no wider than a vector: one vector of outputs, a block, spans several groups. Shared by
// the ordinary and the deformable convolution of such groups.
#ifndef PTN_CONVOLUTION_GROUPED_H
#define PTN_CONVOLUTION_GROUPED_H

#include "shape.h"

enum { PTN_GROUPED_LANES = 16 };

// The inputs of a block: `from` is the first channel of its first group, `span` - 1 the distance to
// the first channel of its last group, and `lanes` the distance to that of each lane's group.
typedef struct ptn_grouped_block {
    size_t from, span;
    int32_t lanes[PTN_GROUPED_LANES];
} ptn_grouped_block;

static inline ptn_grouped_block ptn_grouped_block_at(const ptn_conv2d_shape *s, size_t vector,
                                                     size_t block) {
    const size_t in = s->c / s->groups, out = s->k / s->groups, begin = block * vector;
    const size_t lanes = ptn_min(vector, s->k - begin);
    ptn_grouped_block b = {.from = begin / out * in, .span = 1};
    for (size_t l = 0; l < lanes; l++) {
        const size_t distance = (begin + l) / out * in - b.from;
        b.lanes[l] = (int32_t)distance;
        b.span = distance + 1;
    }
    return b;
}

// Channels from the first to the last group of block `block`, + 1.
static inline size_t ptn_grouped_span(const ptn_conv2d_shape *s, size_t vector, size_t block) {
    const size_t in = s->c / s->groups, out = s->k / s->groups, begin = block * vector;
    return ((ptn_min(begin + vector, s->k) - 1) / out - begin / out) * in + 1;
}

// Whether blocks can compute the shape and are estimated to be faster than the direct convolution.
bool ptn_grouped_pays(ptn_isa isa, const ptn_conv2d_shape *shape);

// Most outputs of a tile: one register each, besides the registers for inputs and weights.
#define PTN_GROUPED_OUTPUTS 14
static inline size_t ptn_grouped_outputs(ptn_isa isa) {
    return isa == PTN_ISA_SCALAR ? 7 : isa == PTN_ISA_AVX2 ? 10 : PTN_GROUPED_OUTPUTS;
}

#endif
