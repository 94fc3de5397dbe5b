// Decides which of Winograd's tiles would be computed too inexactly.
#ifndef PTN_CONVOLUTION_WINOGRAD_GUARD_H
#define PTN_CONVOLUTION_WINOGRAD_GUARD_H

#include "winograd_forms.h"

// Statistics of a tile's input values: up to nine sums of absolute values of blocks of pixels, the
// largest absolute value, and the sum of all squares.
#define PTN_GUARD_SUMS 16
#define PTN_GUARD_LARGEST 14
#define PTN_GUARD_SQUARES 15

// Accumulates the statistics of some channels of a tile into `sums`, which is zero before the first
// call.
void ptn_winograd_measure(const ptn_winograd_form *form, ptn_isa isa, const float *const *pixels,
                          size_t channels, float sums[PTN_GUARD_SUMS]);
// Whether a tile must be left to the direct sums, from the statistics of all its channels. Bit
// (form->outputs * row + column) of `outputs` is set for the outputs that count; `rows` x `columns`
// outputs are inside the image.
bool ptn_winograd_is_uneven(const ptn_winograd_form *form, const float sums[PTN_GUARD_SUMS],
                            uint64_t outputs, size_t rows, size_t columns, size_t channels);
// The bits of all outputs of a tile with `rows` x `columns` outputs inside the image.
static inline uint64_t ptn_winograd_outputs_inside(const ptn_winograd_form *form, size_t rows,
                                                   size_t columns) {
    const uint64_t row = ((uint64_t)1 << columns) - 1;
    uint64_t bits = 0;
    for (size_t i = 0; i < rows; i++) bits |= row << i * form->outputs;
    return bits;
}

#endif
