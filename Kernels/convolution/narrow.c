// Convolution with few output channels, for example one map of scores: a panel would be mostly
// padding, so vectors run along the input channels instead. A task is one row of outputs. Sums run
// over taps row by row; each lane sums a subset of the input channels, and the lanes are added at
// the end.
#include "../core/tuning.h"
#include "algorithm.h"
#include "cost.h"
#include "narrow_group.h"
#include <string.h>

// Copies each tap's vector of channels, for every chosen output channel.
static void select_channels(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                            const float *packed, const ptn_conv2d_shape *part,
                            const ptn_channel_lists *lists, float *selected) {
    (void)algorithm;
    const size_t taps = s->kh * s->kw, padded = ptn_narrow_padded(isa, s->c);
    const size_t to = ptn_narrow_padded(isa, part->c);
    memset(selected, 0, part->k * taps * to * sizeof *selected);
    for (size_t k = 0; k < lists->output_count; k++) {
        const float *filter = packed + ptn_channel_at(lists->outputs, k) * taps * padded;
        float *chosen = selected + k * taps * to;
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < lists->input_count; c++)
                chosen[t * to + c] = filter[t * padded + ptn_channel_at(lists->inputs, c)];
    }
}

typedef struct narrow_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_epilogue epilogue;
    ptn_narrow_fn group;
    ptn_sample_places places;
    const float *x, *packed, *zeros;
    size_t packed_stride;
    float *y;
    const float **pixels; // [threads][taps][8]
} narrow_job;

static bool applies(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return s->groups == 1 && s->k <= PTN_NARROW_MOST_CHANNELS && !ptn_conv2d_is_depthwise(s);
}

static bool pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    return s->groups == 1 && ptn_narrow_pays(isa, s->c, s->k, (double)(s->kh * s->kw));
}

static bool floats(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                   size_t *count) {
    (void)algorithm;
    if (s->c > (size_t)__PTRDIFF_MAX__ / 64) return false;
    return ptn_float_bytes(s->k, s->kh, s->kw, ptn_narrow_padded(isa, s->c), count);
}

static size_t table_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(s->kh * s->kw * PTN_NARROW_PIXELS * sizeof(float *));
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    (void)isa;
    return ptn_round_64(s->c * sizeof(float)) + (size_t)plan->threads * table_bytes(s);
}

static double nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    (void)s;
    return ptn_with_weights_nanoseconds(8 * ptn_product_nanoseconds(isa, plan->multiply_adds),
                                        plan);
}

static size_t parts(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return s->k;
}

// Packs output channel `part` of [k][tap][c, rounded up to vectors].
static void pack(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed) {
    (void)algorithm;
    const size_t taps = s->kh * s->kw, padded = ptn_narrow_padded(isa, s->c);
    const float factor = scale ? scale[part] : 1, *filter = weights + part * s->c * taps;
    packed += part * taps * padded;
    memset(packed, 0, taps * padded * sizeof *packed);
    for (size_t c = 0; c < s->c; c++)
        for (size_t t = 0; t < taps; t++) packed[t * padded + c] = filter[c * taps + t] * factor;
}

// Fills pixels[p] with the addresses that the outputs from `ox` on read at column `k` of the
// kernel; `row` is the input row, NULL outside the image.
static void fill_tap(const narrow_job *j, const float *row, size_t ox, size_t k,
                     const float **pixels) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t first = ox * s->stride_w + k * s->dilation_w;
    const size_t last = first + (PTN_NARROW_PIXELS - 1) * s->stride_w;
    if (row && ox + PTN_NARROW_PIXELS <= j->plan->out_w && first >= s->pad_left &&
        last - s->pad_left < s->w) {
        const float *at = row + (first - s->pad_left) * s->c;
        const size_t step = s->stride_w * s->c;
        for (size_t p = 0; p < PTN_NARROW_PIXELS; p++) pixels[p] = at + p * step;
        return;
    }
    for (size_t p = 0; p < PTN_NARROW_PIXELS; p++) {
        const size_t o = ptn_min(ox + p, j->plan->out_w - 1);
        const size_t x = o * s->stride_w + k * s->dilation_w;
        const bool inside = row && x >= s->pad_left && x - s->pad_left < s->w;
        pixels[p] = inside ? row + (x - s->pad_left) * s->c : j->zeros;
    }
}

// Fills pixels[tap][p] for eight outputs from (sample, oy, ox) on; beyond the end of the row the
// last output is repeated.
static void fill_pixels(const narrow_job *j, size_t sample, size_t oy, size_t ox,
                        const float **pixels) {
    const ptn_conv2d_shape *s = j->shape;
    const float *image = j->x + ptn_sample_at(j->places.inputs, sample) * s->h * s->w * s->c;
    for (size_t i = 0; i < s->kh; i++) {
        const size_t y = oy * s->stride_h + i * s->dilation_h;
        const bool row_inside = y >= s->pad_top && y - s->pad_top < s->h;
        const float *row = row_inside ? image + (y - s->pad_top) * s->w * s->c : NULL;
        for (size_t k = 0; k < s->kw; k++, pixels += PTN_NARROW_PIXELS)
            fill_tap(j, row, ox, k, pixels);
    }
}

static void run_row(void *context, size_t index, int thread) {
    const narrow_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const size_t sample = index / j->plan->out_h, oy = index % j->plan->out_h;
    const size_t out_w = j->plan->out_w, to = ptn_sample_at(j->places.outputs, sample);
    const size_t row = (to * j->plan->out_h + oy) * out_w * s->k;
    const float **pixels = (const float **)((char *)j->pixels + (size_t)thread * table_bytes(s));
    const ptn_epilogue_part end = ptn_epilogue_at(&j->epilogue, sample, 0);
    float sums[PTN_NARROW_MOST_CHANNELS * PTN_NARROW_PIXELS];
    const ptn_narrow_args a = {.c = s->c,
                               .k = s->k,
                               .taps = s->kh * s->kw,
                               .pixels = pixels,
                               .weights = j->packed + sample * j->packed_stride,
                               .sums = sums};
    for (size_t ox = 0; ox < out_w; ox += PTN_NARROW_PIXELS) {
        fill_pixels(j, sample, oy, ox, pixels);
        j->group(&a);
        ptn_narrow_finish(&end, sums, s->k, ptn_min(PTN_NARROW_PIXELS, out_w - ox), s->k,
                          j->y + row + ox * s->k);
    }
    if (j->epilogue.activate)
        ptn_epilogue_activate_pixels(&j->epilogue, 0, s->k, out_w, s->k, j->y + row);
}

static ptn_status run(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    const ptn_conv2d_plan *plan = call->plan;
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const size_t zeros = ptn_round_64(s->c * sizeof(float));
    memset(scratch, 0, zeros);
    narrow_job j = {.shape = s,
                    .plan = plan,
                    .epilogue = ptn_epilogue_for(call->epilogue, call->runtime->isa, s->k, call->y),
                    .group = ptn_narrow_group_for(call->runtime->isa),
                    .places = call->places,
                    .x = call->input.maps[0],
                    .packed = call->packed,
                    .zeros = (float *)scratch,
                    .packed_stride = call->packed_stride,
                    .y = call->y,
                    .pixels = (const float **)(scratch + zeros)};
    ptn_parallel(plan->threads, s->n * plan->out_h, run_row, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

const ptn_conv2d_functions ptn_conv2d_narrow = {
    .applies = applies,
    .pays = pays,
    .floats = floats,
    .scratch = scratch_bytes,
    .nanoseconds = nanoseconds,
    .parts = parts,
    .pack = pack,
    .run = run,
    .select = select_channels,
    .joined_pixels = 1,
};
