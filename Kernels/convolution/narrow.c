// Convolution with a few output channels, as in heads that give one map of scores: a panel of
// channels would be mostly padding, so vectors run along the input channels instead. A task is one row
// of outputs. Sums run over taps row by row; within, each lane has the channels of its own, and lanes
// are added at the end.
#include "conv2d_internal.h"
#include <string.h>

enum { PTN_NARROW_PIXELS = 8, MOST_CHANNELS = 8 };

// Eight outputs.
typedef struct ptn_narrow_args {
    size_t c, k, taps;
    const float *const *pixels; // [taps][8]: where the channels begin that an output reads
    const float *weights;       // [k][taps][c, rounded up to vectors]
    float *sums;                // [k][8]
} ptn_narrow_args;

#define PTN_SOURCE "../convolution/narrow.inc"
#include "../core/foreach_isa.h"

typedef void (*narrow_fn)(const ptn_narrow_args *args);
static const narrow_fn group_variants[PTN_ISA_COUNT] = PTN_TABLE(narrow_group);

typedef struct narrow_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_epilogue *epilogue;
    narrow_fn group;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed, *zeros;
    size_t packed_stride;
    float *y;
    const float **pixels; // [threads][taps][8]
    float low, high;
} narrow_job;

static size_t padded_channels(ptn_isa isa, const ptn_conv2d_shape *s) {
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_div_up(s->c, vector) * vector;
}

// In cycles per output: products with operands from the first-level cache and the sum over lanes,
// against those of the narrowest tile.
bool ptn_conv2d_narrow_pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    if (s->groups > 1 || s->k > MOST_CHANNELS || s->c < 8) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    const double taps = (double)(s->kh * s->kw);
    const double vectors = (double)(padded_channels(isa, s) / vector);
    const double narrow = (double)s->k * (0.75 * taps * vectors + 4);
    return narrow < taps * (double)s->c * ptn_panel_time(ptn_div_up(s->k, vector)) / 2;
}

bool ptn_conv2d_narrow_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    if (s->c > (size_t)__PTRDIFF_MAX__ / 64) return false;
    return ptn_float_bytes(s->k, s->kh, s->kw, padded_channels(isa, s), floats);
}

static size_t table_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(s->kh * s->kw * PTN_NARROW_PIXELS * sizeof(float *));
}

size_t ptn_conv2d_narrow_scratch(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    return ptn_round_64(s->c * sizeof(float)) + (size_t)plan->threads * table_bytes(s);
}

void ptn_conv2d_narrow_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                            const float *scale, float *packed) {
    const size_t taps = s->kh * s->kw, padded = padded_channels(isa, s);
    memset(packed, 0, s->k * taps * padded * sizeof *packed);
    for (size_t k = 0; k < s->k; k++)
        for (size_t c = 0; c < s->c; c++)
            for (size_t t = 0; t < taps; t++)
                packed[(k * taps + t) * padded + c] =
                    weights[(k * s->c + c) * taps + t] * (scale ? scale[k] : 1);
}

// pixels[tap][p] for the outputs from (sample, oy, ox) on; those beyond the row repeat its last.
static void fill_pixels(const narrow_job *j, size_t sample, size_t oy, size_t ox,
                        const float **pixels) {
    const ptn_conv2d_shape *s = j->shape;
    const float *image = j->x + sample * s->h * s->w * s->c;
    for (size_t i = 0; i < s->kh; i++) {
        const size_t y = oy * s->stride_h + i * s->dilation_h;
        const bool row_inside = y >= s->pad_top && y - s->pad_top < s->h;
        const float *row = row_inside ? image + (y - s->pad_top) * s->w * s->c : NULL;
        for (size_t k = 0; k < s->kw; k++)
            for (size_t p = 0; p < PTN_NARROW_PIXELS; p++) {
                const size_t o = ptn_min(ox + p, j->plan->out_w - 1);
                const size_t x = o * s->stride_w + k * s->dilation_w;
                const bool inside = row && x >= s->pad_left && x - s->pad_left < s->w;
                *pixels++ = inside ? row + (x - s->pad_left) * s->c : j->zeros;
            }
    }
}

// y = act(gate * sum + bias + residual) of `count` outputs.
static void finish(const narrow_job *j, const float *sums, size_t sample, size_t at, size_t count) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const float *bias = e->bias ? e->bias + sample * e->bias_stride : NULL;
    const float *gate = e->gate ? e->gate + sample * s->k : NULL;
    for (size_t p = 0; p < count; p++)
        for (size_t k = 0; k < s->k; k++) {
            const size_t i = at + p * s->k + k;
            float v = sums[k * PTN_NARROW_PIXELS + p];
            if (gate) v *= gate[k];
            if (bias) v += bias[k];
            const float residual = e->residual ? e->residual[i] : 0;
            if (e->residual && !e->residual_after_activation) v += residual;
            // Written so that NaN stays.
            v = v < j->low ? j->low : v;
            v = v > j->high ? j->high : v;
            if (e->residual && e->residual_after_activation) v += residual;
            j->y[i] = v;
        }
}

static void activate(const narrow_job *j, float *row) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const size_t k = j->shape->k, out_w = j->plan->out_w;
    if (act->kind != PTN_ACT_PRELU) {
        j->activate(act->kind, act->slope, NULL, out_w * k, row, row);
        return;
    }
    for (size_t o = 0; o < out_w; o++)
        j->activate(act->kind, act->slope, act->slopes, k, row + o * k, row + o * k);
}

static void run_row(void *context, size_t index, int thread) {
    const narrow_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const size_t sample = index / j->plan->out_h, oy = index % j->plan->out_h;
    const size_t out_w = j->plan->out_w, row = index * out_w * s->k;
    const float **pixels = (const float **)((char *)j->pixels + (size_t)thread * table_bytes(s));
    float sums[MOST_CHANNELS * PTN_NARROW_PIXELS];
    const ptn_narrow_args a = {.c = s->c,
                               .k = s->k,
                               .taps = s->kh * s->kw,
                               .pixels = pixels,
                               .weights = j->packed + sample * j->packed_stride,
                               .sums = sums};
    for (size_t ox = 0; ox < out_w; ox += PTN_NARROW_PIXELS) {
        fill_pixels(j, sample, oy, ox, pixels);
        j->group(&a);
        finish(j, sums, sample, row + ox * s->k, ptn_min(PTN_NARROW_PIXELS, out_w - ox));
    }
    if (j->activate) activate(j, j->y + row);
}

ptn_status ptn_conv2d_narrow(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_conv2d_plan *plan, const float *x, const float *packed,
                             size_t packed_stride, const ptn_conv2d_epilogue *epilogue, float *y) {
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const size_t zeros = ptn_round_64(shape->c * sizeof(float));
    memset(scratch, 0, zeros);
    narrow_job j = {.shape = shape,
                    .plan = plan,
                    .epilogue = epilogue,
                    .group = group_variants[runtime->isa],
                    .x = x,
                    .packed = packed,
                    .zeros = (float *)scratch,
                    .packed_stride = packed_stride,
                    .y = y,
                    .pixels = (const float **)(scratch + zeros)};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    ptn_parallel(plan->threads, shape->n * plan->out_h, run_row, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
