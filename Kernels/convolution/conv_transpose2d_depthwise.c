// The transposed convolution of single channels: a task is a row of outputs, vectors run along the
// channels.
#include "conv2d_internal.h"
#include "conv_transpose2d.h"

typedef struct transpose_pixel {
    size_t taps, channels;
    const float *const *x;       // [taps]: input pixels ...
    const float *const *weights; // ... and the weights of their taps
    const float *bias, *gate, *residual; // may be NULL
    bool residual_last;
    float low, high;
    float *y;
} transpose_pixel;

#define PTN_SOURCE "../convolution/conv_transpose2d_depthwise.inc"
#include "../core/foreach_isa.h"

typedef void (*pixel_fn)(const transpose_pixel *pixel);
static const pixel_fn transpose_depthwise_pixel[PTN_ISA_COUNT] =
    PTN_TABLE(transpose_depthwise_pixel);

typedef struct depthwise_job {
    const ptn_transpose_call *call;
    pixel_fn run;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    float low, high;
} depthwise_job;

static size_t list_bytes(const ptn_conv_transpose2d_shape *s) {
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    // Class 0 has as many taps as any.
    const size_t taps = ptn_transpose_taps(&rows, 0) * ptn_transpose_taps(&columns, 0);
    return ptn_round_64(taps * sizeof(float *));
}

size_t ptn_transpose_depthwise_scratch(const ptn_conv_transpose2d_shape *shape) {
    return 2 * list_bytes(shape);
}

void ptn_transpose_depthwise_pack(const ptn_conv_transpose2d_shape *shape, const float *weights,
                                  const float *scale, float *packed) {
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

// Lists the input pixels and weights that output (row, column) of a sample meets.
static size_t list_taps(const ptn_transpose_call *call, size_t sample, size_t row, size_t column,
                        const float **x, const float **weights) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const ptn_transpose_axis *ya = &call->row_axis, *xa = &call->column_axis;
    const ptn_transpose_phase *ys = &call->rows[row % s->stride_h];
    const ptn_transpose_phase *xs = &call->columns[column % s->stride_w];
    const size_t qy = row / s->stride_h, qx = column / s->stride_w;
    size_t top, bottom, left, right, count = 0;
    ptn_transpose_inside(ya, ys, qy, &top, &bottom);
    ptn_transpose_inside(xa, xs, qx, &left, &right);
    if (top == bottom || left == right) return 0;
    const float *first =
        call->packed +
        ptn_transpose_first_tap(ya, xa, ys->tap_class, xs->tap_class) * s->c;
    for (size_t t = top; t < bottom; t++) {
        const size_t iy = (size_t)((ptrdiff_t)(qy + t * ya->jump) + ys->base);
        const float *line = call->x + (sample * s->h + iy) * s->w * s->c;
        for (size_t u = left; u < right; u++, count++) {
            x[count] = line + (size_t)((ptrdiff_t)(qx + u * xa->jump) + xs->base) * s->c;
            weights[count] = first + (t * xs->taps + u) * s->c;
        }
    }
    return count;
}

static void run_row(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const ptn_conv2d_epilogue *e = call->epilogue;
    const size_t sample = index / s->out_h, row = index % s->out_h;
    char *scratch = call->thread_scratch + (size_t)thread * call->thread_bytes;
    const float **x = (const float **)scratch;
    const float **weights = (const float **)(scratch + list_bytes(s));
    transpose_pixel pixel = {.channels = s->c,
                             .x = x,
                             .weights = weights,
                             .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
                             .gate = e->gate ? e->gate + sample * s->k : NULL,
                             .residual_last = e->residual_after_activation,
                             .low = j->low,
                             .high = j->high};
    for (size_t column = 0; column < s->out_w; column++) {
        const size_t at = (index * s->out_w + column) * s->k;
        pixel.taps = list_taps(call, sample, row, column, x, weights);
        pixel.residual = e->residual ? e->residual + at : NULL;
        pixel.y = call->y + at;
        j->run(&pixel);
        if (j->activate)
            j->activate(e->activation.kind, e->activation.slope, e->activation.slopes, s->k,
                        pixel.y, pixel.y);
    }
}

void ptn_transpose_depthwise(const ptn_transpose_call *call) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    depthwise_job j = {.call = call, .run = transpose_depthwise_pixel[call->runtime->isa]};
    if (!ptn_clamp_of(call->epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[call->runtime->isa];
    ptn_parallel(call->threads, s->n * s->out_h, run_row, &j);
}
