// The phases of a transposed convolution: which taps and inputs each output is summed from.
#ifndef PTN_CONVOLUTION_TRANSPOSE_PHASES_H
#define PTN_CONVOLUTION_TRANSPOSE_PHASES_H

#include "../core/checked.h"
#include "ptn_conv_transpose2d.h"

// One axis of a transposed convolution. Tap i of input pixel v contributes to position u of the
// full result if v * stride + i * dilation = u. Taps fall into classes by i modulo `period`; for
// one output, consecutive taps of a class read inputs `jump` apart.
typedef struct ptn_transpose_axis {
    size_t in, out, kernel, stride, dilation, pad;
    size_t period; // stride / gcd(stride, dilation)
    size_t jump;   // dilation / gcd(stride, dilation)
    size_t phases; // number of different remainders of output positions
} ptn_transpose_axis;

// The outputs first, first + stride, ... of an axis: all outputs with one remainder.
typedef struct ptn_transpose_phase {
    size_t first, count;
    size_t tap_class; // the class of their taps
    size_t taps;      // number of taps; may be 0
    ptrdiff_t base;   // output number q reads the inputs q + base + t * jump, t < taps
} ptn_transpose_phase;

ptn_transpose_axis ptn_transpose_rows(const ptn_conv_transpose2d_shape *shape);
ptn_transpose_axis ptn_transpose_columns(const ptn_conv_transpose2d_shape *shape);
void ptn_transpose_phases(const ptn_transpose_axis *axis, ptn_transpose_phase *phases);

// Number of taps of a class, and of all classes before it. Tap t of a class is kernel position i =
// class + period * (taps - 1 - t): descending, so that inputs ascend.
static inline size_t ptn_transpose_taps(const ptn_transpose_axis *axis, size_t tap_class) {
    return tap_class < axis->kernel ? ptn_div_up(axis->kernel - tap_class, axis->period) : 0;
}
static inline size_t ptn_transpose_taps_before(const ptn_transpose_axis *axis, size_t tap_class) {
    return tap_class * (axis->kernel / axis->period) +
           ptn_min(tap_class, axis->kernel % axis->period);
}
static inline size_t ptn_transpose_classes(const ptn_transpose_axis *axis) {
    return ptn_min(axis->kernel, axis->period);
}

// Index of the first tap of a class of rows and one of columns among all packed taps.
static inline size_t ptn_transpose_first_tap(const ptn_transpose_axis *rows,
                                             const ptn_transpose_axis *columns, size_t row_class,
                                             size_t column_class) {
    return ptn_transpose_taps_before(rows, row_class) * columns->kernel +
           ptn_transpose_taps(rows, row_class) * ptn_transpose_taps_before(columns, column_class);
}

// The taps [*begin, *end) of a phase that are inside the image for output number `q`.
static inline void ptn_transpose_inside(const ptn_transpose_axis *axis,
                                        const ptn_transpose_phase *phase, size_t q, size_t *begin,
                                        size_t *end) {
    const ptrdiff_t at = (ptrdiff_t)q + phase->base, last = (ptrdiff_t)axis->in - at;
    *begin = at < 0 ? ptn_min(phase->taps, ptn_div_up((size_t)-at, axis->jump)) : 0;
    *end = last > 0 ? ptn_min(phase->taps, ptn_div_up((size_t)last, axis->jump)) : 0;
    *end = ptn_max(*begin, *end);
}

#endif
