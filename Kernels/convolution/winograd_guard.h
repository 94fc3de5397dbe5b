// Which of Winograd's tiles would be computed too inexactly.
#ifndef PTN_CONVOLUTION_WINOGRAD_GUARD_H
#define PTN_CONVOLUTION_WINOGRAD_GUARD_H

#include "winograd_forms.h"

// What is measured of a tile's values: up to nine sums of absolute values of blocks of pixels, the
// largest absolute value, the sum of all squares.
#define PTN_GUARD_SUMS 16
#define PTN_GUARD_LARGEST 14
#define PTN_GUARD_SQUARES 15

// Adds what some channels of a tile's pixels come to, to `sums`, 0 before the first.
void ptn_winograd_measure(const ptn_winograd_form *form, ptn_isa isa, const float *const *pixels,
                          size_t channels, float sums[PTN_GUARD_SUMS]);
// Whether a tile of which this was measured over all its channels is to be computed by the defining
// sums instead. `outputs` are those that count, bit (outputs * row + column), of the rows and
// columns that lie in the image.
bool ptn_winograd_is_uneven(const ptn_winograd_form *form, const float sums[PTN_GUARD_SUMS],
                            uint64_t outputs, size_t rows, size_t columns, size_t channels);
// The bits of the outputs of a tile of which only `rows` x `columns` are inside the image.
static inline uint64_t ptn_winograd_outputs_inside(const ptn_winograd_form *form, size_t rows,
                                                   size_t columns) {
    const uint64_t row = ((uint64_t)1 << columns) - 1;
    uint64_t bits = 0;
    for (size_t i = 0; i < rows; i++) bits |= row << i * form->outputs;
    return bits;
}

#endif
