// Depthwise convolution: one task is a few rows of one sample, all channels.
#include "conv2d_internal.h"

#define PTN_SOURCE "../conv/depthwise.inc"
#include "../core/foreach_isa.h"

const ptn_depthwise_fn ptn_depthwise_rows[PTN_ISA_COUNT] = PTN_TABLE(dw_row);

typedef struct depthwise_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_epilogue *epilogue;
    ptn_depthwise_fn row;
    ptn_activate_row_fn activate;
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    const float **rows; // [threads][kh]
    float low, high;
} depthwise_job;

static void activate_row(const depthwise_job *j, float *row) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const size_t c = j->shape->c;
    if (act->kind != PTN_ACT_PRELU) {
        j->activate(act->kind, act->slope, NULL, j->plan->out_w * c, row, row);
        return;
    }
    for (size_t ox = 0; ox < j->plan->out_w; ox++)
        j->activate(act->kind, act->slope, act->slopes, c, row + ox * c, row + ox * c);
}

static void run_row(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t sample = index / j->plan->out_h, oy = index % j->plan->out_h;
    const float **rows = j->rows + (size_t)thread * s->kh;
    for (size_t i = 0; i < s->kh; i++) {
        size_t position = oy * s->stride_h + i * s->dilation_h;
        bool inside = position >= s->pad_top && position - s->pad_top < s->h;
        rows[i] = inside ? j->x + (sample * s->h + position - s->pad_top) * s->w * s->c : NULL;
    }
    const size_t at = index * j->plan->out_w * s->c;
    ptn_depthwise_args a = {
        .w = s->w,
        .c = s->c,
        .out_w = j->plan->out_w,
        .kh = s->kh,
        .kw = s->kw,
        .stride = s->stride_w,
        .dilation = s->dilation_w,
        .pad_left = s->pad_left,
        .rows = rows,
        .weights = j->packed + sample * j->packed_stride,
        .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
        .gate = e->gate ? e->gate + sample * s->k : NULL,
        .residual = e->residual ? e->residual + at : NULL,
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
        .out = j->y + at,
    };
    j->row(&a);
    if (j->activate) activate_row(j, a.out);
}

ptn_status ptn_conv2d_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const float *x, const float *packed,
                                size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                                float *y) {
    const float **rows = ptn_scratch_acquire(plan->scratch_bytes);
    if (!rows) return PTN_OUT_OF_MEMORY;
    depthwise_job j = {.shape = shape,
                       .plan = plan,
                       .epilogue = epilogue,
                       .row = ptn_depthwise_rows[runtime->isa],
                       .x = x,
                       .packed = packed,
                       .packed_stride = packed_stride,
                       .y = y,
                       .rows = rows};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    ptn_parallel(plan->threads, shape->n * plan->out_h, run_row, &j);
    ptn_scratch_release(rows);
    return PTN_OK;
}
