// The transposed convolution with a few output channels: dot products along the input channels, for
// eight outputs of one phase at a time. A task is one row of outputs.
#include "narrow_group.h"
#include "transpose_algorithm.h"
#include <string.h>

typedef struct narrow_job {
    const ptn_transpose_call *call;
    ptn_narrow_fn group;
} narrow_job;

static bool pays(ptn_isa isa, const ptn_conv_transpose2d_shape *s) {
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    // Mean number of taps of a phase.
    const double taps = (double)(s->kh * s->kw) /
                        (double)(ptn_transpose_classes(&rows) * ptn_transpose_classes(&columns));
    return s->groups == 1 && ptn_narrow_pays(isa, s->c, s->k, taps);
}

static bool floats(ptn_isa isa, const ptn_conv_transpose2d_shape *s, size_t *count) {
    if (s->c > (size_t)__PTRDIFF_MAX__ / 64) return false;
    return ptn_float_bytes(s->k, s->kh, s->kw, ptn_narrow_padded(isa, s->c), count);
}

// Scratch bytes for the addresses of eight outputs at all taps of a phase; class 0 has the most
// taps.
static size_t scratch_bytes(ptn_isa isa, const ptn_conv_transpose2d_shape *s) {
    (void)isa;
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    const size_t taps = ptn_transpose_taps(&rows, 0) * ptn_transpose_taps(&columns, 0);
    return ptn_round_64(taps * PTN_NARROW_PIXELS * sizeof(float *));
}

// Packs the taps of one class of rows and one of columns: [k][tap][c, rounded up to vectors].
static void pack_class(ptn_isa isa, const ptn_conv_transpose2d_shape *s,
                       const ptn_transpose_axis *rows, const ptn_transpose_axis *columns,
                       size_t row_class, size_t column_class, const float *weights,
                       const float *scale, float *packed) {
    const size_t high = ptn_transpose_taps(rows, row_class);
    const size_t wide = ptn_transpose_taps(columns, column_class);
    const size_t padded = ptn_narrow_padded(isa, s->c);
    for (size_t k = 0; k < s->k; k++)
        for (size_t t = 0; t < high * wide; t++, packed += padded) {
            const size_t i = row_class + rows->period * (high - 1 - t / wide);
            const size_t j = column_class + columns->period * (wide - 1 - t % wide);
            memset(packed, 0, padded * sizeof *packed);
            for (size_t c = 0; c < s->c; c++)
                packed[c] =
                    weights[((c * s->k + k) * s->kh + i) * s->kw + j] * (scale ? scale[k] : 1);
        }
}

static void pack(ptn_isa isa, const ptn_conv_transpose2d_shape *s, const float *weights,
                 const float *scale, float *packed) {
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    const size_t tap_floats = s->k * ptn_narrow_padded(isa, s->c);
    for (size_t a = 0; a < ptn_transpose_classes(&rows); a++)
        for (size_t b = 0; b < ptn_transpose_classes(&columns); b++)
            pack_class(isa, s, &rows, &columns, a, b, weights, scale,
                       packed + ptn_transpose_first_tap(&rows, &columns, a, b) * tap_floats);
}

// Fills pixels[tap][p] for eight outputs from number `q` of a row's phase on; beyond its end the
// last output is repeated.
static void fill_pixels(const ptn_transpose_call *call, const float *image, size_t line,
                        const ptn_transpose_phase *rows, const ptn_transpose_phase *columns,
                        size_t q, const float **pixels) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    for (size_t t = 0; t < rows->taps; t++) {
        const ptrdiff_t y = (ptrdiff_t)(line + t * call->row_axis.jump) + rows->base;
        const bool row_inside = y >= 0 && (size_t)y < s->h;
        const float *row = row_inside ? image + (size_t)y * s->w * s->c : NULL;
        for (size_t u = 0; u < columns->taps; u++)
            for (size_t p = 0; p < PTN_NARROW_PIXELS; p++) {
                const size_t o = ptn_min(q + p, columns->count - 1);
                const ptrdiff_t x = (ptrdiff_t)(o + u * call->column_axis.jump) + columns->base;
                const bool inside = row && x >= 0 && (size_t)x < s->w;
                *pixels++ = inside ? row + (size_t)x * s->c : call->zeros;
            }
    }
}

static void run_row(void *context, size_t index, int thread) {
    const narrow_job *j = context;
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t sample = index / s->out_h, y = index % s->out_h;
    const ptn_transpose_phase *rows = &call->rows[y % s->stride_h];
    const ptn_epilogue_part end = ptn_epilogue_at(&call->epilogue, sample, 0);
    const float *image = call->x + sample * s->h * s->w * s->c;
    const float **pixels =
        (const float **)(call->thread_scratch + (size_t)thread * call->thread_bytes);
    const size_t tap_floats = s->k * ptn_narrow_padded(call->isa, s->c);
    float sums[PTN_NARROW_MOST_CHANNELS * PTN_NARROW_PIXELS];
    float *line = call->y + index * s->out_w * s->k;
    for (size_t phase = 0; phase < call->column_axis.phases; phase++) {
        const ptn_transpose_phase *columns = &call->columns[phase];
        const size_t taps = rows->taps * columns->taps;
        const size_t first = taps > 0 ? ptn_transpose_first_tap(&call->row_axis, &call->column_axis,
                                                                rows->tap_class, columns->tap_class)
                                      : 0;
        const ptn_narrow_args args = {.c = s->c,
                                      .k = s->k,
                                      .taps = taps,
                                      .pixels = pixels,
                                      .weights = call->packed + first * tap_floats,
                                      .sums = sums};
        for (size_t q = 0; q < columns->count; q += PTN_NARROW_PIXELS) {
            if (taps > 0) fill_pixels(call, image, y / s->stride_h, rows, columns, q, pixels);
            j->group(&args);
            ptn_narrow_finish(&end, sums, s->k, ptn_min(PTN_NARROW_PIXELS, columns->count - q),
                              s->stride_w * s->k, line + (columns->first + q * s->stride_w) * s->k);
        }
    }
    if (call->epilogue.activate)
        ptn_epilogue_activate_pixels(&call->epilogue, 0, s->k, s->out_w, s->k, line);
}

static void run(const ptn_transpose_call *call) {
    narrow_job j = {.call = call, .group = ptn_narrow_group_for(call->isa)};
    ptn_parallel(call->threads, call->shape->n * call->shape->out_h, run_row, &j);
}

const ptn_transpose_functions ptn_transpose_narrow = {.pays = pays,
                                                      .floats = floats,
                                                      .scratch = scratch_bytes,
                                                      .pack = pack,
                                                      .run = run,
                                                      .slowness = 8};
