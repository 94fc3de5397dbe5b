// The depthwise transposed convolution: a task is a row of outputs, vectors run along the channels.
#include "transpose_algorithm.h"

// Consecutive outputs of one phase that have the same taps inside the image.
typedef struct transpose_run {
    size_t taps, channels, count;
    const float *const *x;       // [taps]: input pixels of the first output
    const float *const *weights; // [taps]: weights
    size_t x_step, y_step;       // floats to the next output's input pixels, to the next output
    ptn_epilogue_part end;
    float *y;
} transpose_run;

#define PTN_SOURCE "../convolution/transpose_depthwise.inc"
#include "../core/foreach_isa.h"

typedef void (*run_fn)(const transpose_run *run);
static const run_fn transpose_run_depthwise[PTN_ISA_COUNT] = PTN_TABLE(transpose_run_depthwise);

typedef struct depthwise_job {
    const ptn_transpose_call *call;
    run_fn run;
} depthwise_job;

static size_t list_bytes(const ptn_conv_transpose2d_shape *s) {
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    // Class 0 has the most taps.
    const size_t taps = ptn_transpose_taps(&rows, 0) * ptn_transpose_taps(&columns, 0);
    return ptn_round_64(taps * sizeof(float *));
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv_transpose2d_shape *shape) {
    (void)isa;
    return 2 * list_bytes(shape);
}

static bool floats(ptn_isa isa, const ptn_conv_transpose2d_shape *s, size_t *count) {
    (void)isa;
    return ptn_float_bytes(s->kh, s->kw, s->c, 1, count);
}

static void pack(ptn_isa isa, const ptn_conv_transpose2d_shape *shape, const float *weights,
                 const float *scale, float *packed) {
    (void)isa;
    const ptn_conv_transpose2d_shape *s = shape;
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    for (size_t i = 0; i < s->kh; i++)
        for (size_t j = 0; j < s->kw; j++) {
            const size_t a = i % rows.period, b = j % columns.period;
            const size_t high = ptn_transpose_taps(&rows, a);
            const size_t wide = ptn_transpose_taps(&columns, b);
            const size_t tap = ptn_transpose_first_tap(&rows, &columns, a, b) +
                               (high - 1 - i / rows.period) * wide + wide - 1 - j / columns.period;
            for (size_t c = 0; c < s->c; c++)
                packed[tap * s->c + c] =
                    weights[(c * s->kh + i) * s->kw + j] * (scale ? scale[c] : 1);
        }
}

// A row of outputs: its sample, number and phase, and its rows of taps [top, bottom) inside the
// image.
typedef struct output_row {
    size_t sample, index, top, bottom, line;
    const ptn_transpose_phase *phase;
} output_row;

static output_row row_at(const ptn_transpose_call *call, size_t index) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t y = index % s->out_h;
    output_row row = {.sample = index / s->out_h,
                      .index = index,
                      .line = y / s->stride_h,
                      .phase = &call->rows[y % s->stride_h]};
    ptn_transpose_inside(&call->row_axis, row.phase, row.line, &row.top, &row.bottom);
    return row;
}

// Lists the input pixels and weights of output number `q` of a row and phase; returns their number.
static size_t list_taps(const ptn_transpose_call *call, const output_row *row,
                        const ptn_transpose_phase *columns, size_t q, const float **x,
                        const float **weights) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const ptn_transpose_axis *ya = &call->row_axis, *xa = &call->column_axis;
    size_t left, right, count = 0;
    ptn_transpose_inside(xa, columns, q, &left, &right);
    if (row->top == row->bottom || left == right) return 0;
    const size_t first_tap =
        ptn_transpose_first_tap(ya, xa, row->phase->tap_class, columns->tap_class);
    const float *first = call->packed + first_tap * s->c;
    for (size_t t = row->top; t < row->bottom; t++) {
        const size_t iy = (size_t)((ptrdiff_t)(row->line + t * ya->jump) + row->phase->base);
        const float *line = call->x + (row->sample * s->h + iy) * s->w * s->c;
        for (size_t u = left; u < right; u++, count++) {
            x[count] = line + (size_t)((ptrdiff_t)(q + u * xa->jump) + columns->base) * s->c;
            weights[count] = first + (t * columns->taps + u) * s->c;
        }
    }
    return count;
}

// Computes outputs [begin, begin + run->count) of a row and phase, which have the same taps.
static void run_outputs(const depthwise_job *j, const output_row *row,
                        const ptn_transpose_phase *columns, size_t begin, transpose_run *run,
                        const float **x, const float **weights) {
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t column = columns->first + begin * s->stride_w;
    const size_t at = (row->index * s->out_w + column) * s->k;
    run->taps = list_taps(call, row, columns, begin, x, weights);
    run->y = call->y + at;
    j->run(run);
    if (call->epilogue.activate)
        ptn_epilogue_activate_pixels(&call->epilogue, 0, s->k, run->count, run->y_step, run->y);
}

// The outputs [*begin, *end) of a phase for which all columns of taps are inside the image.
static void inside_range(const ptn_transpose_axis *axis, const ptn_transpose_phase *phase,
                         size_t *begin, size_t *end) {
    if (phase->taps == 0) {
        *begin = 0;
        *end = phase->count;
        return;
    }
    const ptrdiff_t last =
        (ptrdiff_t)axis->in - phase->base - (ptrdiff_t)((phase->taps - 1) * axis->jump);
    *begin = ptn_min(phase->count, phase->base < 0 ? (size_t)-phase->base : 0);
    *end = ptn_max(*begin, last > 0 ? ptn_min(phase->count, (size_t)last) : 0);
}

static void run_row(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const output_row row = row_at(call, index);
    char *scratch = call->thread_scratch + (size_t)thread * call->thread_bytes;
    const float **x = (const float **)scratch;
    const float **weights = (const float **)(scratch + list_bytes(s));
    transpose_run run = {.channels = s->c,
                         .x = x,
                         .weights = weights,
                         .x_step = s->c,
                         .y_step = s->stride_w * s->k,
                         .end = ptn_epilogue_at(&call->epilogue, row.sample, 0)};
    for (size_t phase = 0; phase < call->column_axis.phases; phase++) {
        const ptn_transpose_phase *columns = &call->columns[phase];
        size_t begin, end;
        inside_range(&call->column_axis, columns, &begin, &end);
        for (size_t q = 0; q < columns->count; q += run.count) {
            const bool inside = q >= begin && q < end;
            run.count = inside ? end - q : 1;
            run_outputs(j, &row, columns, q, &run, x, weights);
        }
    }
}

static void run(const ptn_transpose_call *call) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    depthwise_job j = {.call = call, .run = transpose_run_depthwise[call->isa]};
    ptn_parallel(call->threads, s->n * s->out_h, run_row, &j);
}

static bool pays(ptn_isa isa, const ptn_conv_transpose2d_shape *s) {
    (void)isa;
    return s->groups == s->c && s->k == s->c;
}

const ptn_transpose_functions ptn_transpose_depthwise = {.pays = pays,
                                                         .floats = floats,
                                                         .scratch = scratch_bytes,
                                                         .pack = pack,
                                                         .run = run,
                                                         .slowness = 3};
