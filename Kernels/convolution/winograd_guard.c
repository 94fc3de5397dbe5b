// Decides which tiles Winograd's forms would compute too inexactly.
//
// The rounding errors of all outputs of a tile are proportional to the tile's largest values, while
// a single output may be a sum of small values only. Every 3 x 3 window contains one of the aligned
// blocks of 2 x 2 pixels from (1, 1) on, so the smallest block sum of absolute values is a lower
// bound for the values of a window. The root of the sum of all squares measures the errors.
#include "winograd_guard.h"
#include <float.h>
#include <string.h>

#define PTN_SOURCE "../convolution/winograd_guard.inc"
#include "../core/foreach_isa.h"

// Pixels in groups of four: the blocks row by row, then the border in a circle.
static const unsigned char order_6[36] = {7,  8,  13, 14, 9,  10, 15, 16, 19, 20, 25, 26,
                                          21, 22, 27, 28, 0,  1,  2,  3,  4,  5,  11, 17,
                                          23, 29, 35, 34, 33, 32, 31, 30, 24, 18, 12, 6};
static const unsigned char order_8[64] = {
    9,  10, 17, 18, 11, 12, 19, 20, 13, 14, 21, 22, 25, 26, 33, 34, 27, 28, 35, 36, 29, 30,
    37, 38, 41, 42, 49, 50, 43, 44, 51, 52, 45, 46, 53, 54, 0,  1,  2,  3,  4,  5,  6,  7,
    15, 23, 31, 39, 47, 55, 63, 62, 61, 60, 59, 58, 57, 56, 48, 40, 32, 24, 16, 8};

// Evenness of a tile: smallest block sum divided by the root of the sum of squares, normalised so
// that it is 1 if all values come from one normal distribution; with scattered zeros it is about
// the root of the share of values that are not 0. A tile with evenness below LEAST is left to the
// direct sums. If a single value contributes more than GOOD_PART of the sum of squares, its errors
// do not average out and the bound is EVEN instead. See Docs/Numerics.md.
static const float LEAST = 0.1f, EVEN = 0.5f, GOOD_PART = 0.2f;
// The normalising factor: blocks of four values with mean absolute value 0.8 against 36 or 64
// squares of mean 1.
static float scale_of(const ptn_winograd_form *form) { return form->side == 6 ? 1.875f : 2.5f; }

typedef void (*measure_fn)(const float *const *pixels, const unsigned char *order, size_t blocks,
                           size_t groups, size_t channels, float *sums);
static const measure_fn measure[PTN_ISA_COUNT] = PTN_TABLE(guard_measure);

void ptn_winograd_measure(const ptn_winograd_form *form, ptn_isa isa, const float *const *pixels,
                          size_t channels, float sums[PTN_GUARD_SUMS]) {
    const size_t side = form->outputs / 2;
    measure[isa](pixels, form->side == 6 ? order_6 : order_8, side * side, form->planes / 4,
                 channels, sums);
}

// Weight of a block at the lower or right edge of the image: its window has two rows of pixels
// inside, of which the block holds one.
static float at_edge(size_t block, size_t outputs) {
    return 2 * block + 1 == outputs ? 4.0f / 3 : 1;
}

// The smallest block sum among the blocks that belong to the outputs in `outputs`.
static float smallest_block(const ptn_winograd_form *form, const float *sums, uint64_t outputs,
                            size_t rows, size_t columns) {
    const size_t m = form->outputs, blocks = m / 2;
    const uint64_t four = (uint64_t)3 << m | 3, all = ~(uint64_t)0 >> (64 - m * m);
    float least = FLT_MAX;
    if (outputs == all) { // most tiles
        for (size_t i = 0; i < blocks * blocks; i++) least = sums[i] < least ? sums[i] : least;
        return least;
    }
    for (size_t i = 0; i < blocks; i++)
        for (size_t k = 0; k < blocks; k++) {
            const float sum = sums[i * blocks + k] * at_edge(i, rows) * at_edge(k, columns);
            const bool counts = outputs >> (2 * i * m + 2 * k) & four;
            least = counts && sum < least ? sum : least;
        }
    return least;
}

bool ptn_winograd_is_uneven(const ptn_winograd_form *form, const float sums[PTN_GUARD_SUMS],
                            uint64_t outputs, size_t rows, size_t columns, size_t channels) {
    const float squares = sums[PTN_GUARD_SQUARES];
    const float least = smallest_block(form, sums, outputs, rows, columns) * scale_of(form);
    const float largest = sums[PTN_GUARD_LARGEST];
    const bool dominated = largest * largest > GOOD_PART * squares;
    const float evenness = dominated ? EVEN : LEAST;
    const float needed = evenness * evenness * (float)channels * squares;
    // The comparison is false for NaN and infinity, so such tiles are left out.
    return !(least * least >= needed && squares <= FLT_MAX);
}
