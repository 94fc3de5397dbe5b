// Reads and transforms the inputs of Winograd's tiles, in every layout of masked convolutions.
//
// If only a plan's pixels count as inputs, the addresses of other pixels are replaced by that of a
// row of zeros, or by those of the pixels of `rest`, so that no map has to be cleared first.
#include "masked_tile_inputs.h"
#include "../convolution/winograd_guard.h"
#include "../convolution/winograd_pixels.h"
#include <string.h>

// Channels per block where a block takes its channels partly from one map, partly from the other.
enum { BLOCK = 16 };

ptn_tile_inputs ptn_tile_inputs_for(const ptn_conv2d_shape *shape, const ptn_winograd_form *form,
                                    ptn_isa isa, const ptn_masked_conv2d_mask *mask,
                                    const float *x) {
    ptn_tile_inputs in = {.shape = shape,
                          .rest = *shape,
                          .form = form,
                          .isa = isa,
                          .transform = ptn_winograd_input_for(form, isa),
                          .mask = mask,
                          .x = x};
    in.rest.c = mask->rest_channels;
    return in;
}

// The `count` <= 8 bits of a row from column `first` on; bits outside the row are 0.
static uint64_t row_bits(const uint64_t *row, size_t words, ptrdiff_t first, size_t count) {
    const uint64_t wanted = ((uint64_t)1 << count) - 1;
    if (first <= -(ptrdiff_t)count) return 0;
    if (first < 0) return row[0] << -first & wanted;
    const size_t word = (size_t)first / 64, shift = (size_t)first % 64;
    uint64_t bits = word < words ? row[word] >> shift : 0;
    if (shift + count > 64 && word + 1 < words) bits |= row[word + 1] << (64 - shift);
    return bits & wanted;
}

// Bit (side * row + column) is set for each active pixel of the tile; pixels outside the image are
// inactive.
static uint64_t active_bits(const ptn_tile_inputs *in, const ptn_tile_place *at) {
    const ptn_mask_view *v = &in->mask->inputs->view;
    const size_t side = in->form->side;
    const ptrdiff_t left = (ptrdiff_t)at->left - (ptrdiff_t)in->shape->pad_left;
    uint64_t active = 0;
    for (size_t i = 0; i < side; i++) {
        // Above the image this wraps around to a number larger than h.
        const size_t y = at->top + i - in->shape->pad_top;
        if (y >= v->h) continue;
        const uint64_t *row = v->bits + (at->sample * v->h + y) * v->words;
        active |= row_bits(row, v->words, left, side) << side * i;
    }
    return active;
}

// Addresses of a tile's pixels in compact inputs.
static void compact_pixels(const ptn_tile_inputs *in, const ptn_tile_place *at,
                           const float **pixels) {
    const ptn_conv2d_shape *s = in->shape;
    const size_t side = in->form->side;
    const int32_t *index = in->index + at->sample * s->h * s->w;
    for (size_t i = 0; i < side; i++)
        for (size_t k = 0; k < side; k++, pixels++) {
            // Rows and columns outside the image wrap around to large numbers.
            const size_t y = at->top + i - s->pad_top, x = at->left + k - s->pad_left;
            const int32_t found = y < s->h && x < s->w ? index[y * s->w + x] : -1;
            *pixels = found < 0 ? in->zeros : in->x + (size_t)found * s->c;
        }
}

// Copies fewer than BLOCK floats without calling memcpy.
static void copy_few(float *to, const float *from, size_t count) {
#pragma clang loop unroll(full)
    for (size_t part = BLOCK / 2; part > 0; part /= 2)
        if (count & part) {
            for (size_t i = 0; i < part; i++) to[i] = from[i];
            to += part;
            from += part;
        }
}

static void transform(const ptn_tile_inputs *in, const float *const *pixels, size_t channels,
                      size_t step, float *u, float *sums) {
    in->transform(pixels, channels, step, u);
    if (sums) ptn_winograd_measure(in->form, in->isa, pixels, channels, sums);
}

// Transforms some channels: active pixels from the table `map`, others from the table `others`.
static void transform_part(const ptn_tile_inputs *in, uint64_t active, const float *const *map,
                           size_t from, const float *const *others, size_t channels, size_t step,
                           float *u, float *sums) {
    const float *pixels[PTN_WINOGRAD_MAX_PLANES];
    for (size_t i = 0; i < in->form->planes; i++)
        pixels[i] = active >> i & 1 ? map[i] + from : others ? others[i] : in->zeros;
    transform(in, pixels, channels, step, u + from, sums);
}

// Transforms the block of channels from `from` on in which the channels of `rest` end; the other
// channels of inactive pixels are 0.
static void transform_border(const ptn_tile_inputs *in, uint64_t active, const float *const *map,
                             size_t from, const float *const *rest, size_t step, float *u,
                             float *sums) {
    float values[PTN_WINOGRAD_MAX_PLANES][BLOCK] = {0};
    const float *others[PTN_WINOGRAD_MAX_PLANES];
    for (size_t i = 0; i < in->form->planes; i++) {
        others[i] = values[i];
        if (active >> i & 1 || rest[i] == in->zeros) continue;
        copy_few(values[i], rest[i] + from, in->rest.c - from);
    }
    transform_part(in, active, map, from, others, ptn_min(BLOCK, in->shape->c - from), step, u,
                   sums);
}

static void transform_both(const ptn_tile_inputs *in, const ptn_tile_place *at, uint64_t active,
                           const float *const *map, size_t step, float *u, float *sums) {
    const size_t c = in->shape->c, some = in->rest.c, whole = some / BLOCK * BLOCK;
    const float *rest[PTN_WINOGRAD_MAX_PLANES];
    ptn_winograd_pixels(&in->rest, in->form->side, at->top, at->left,
                        in->mask->rest + at->sample * in->rest.h * in->rest.w * some, in->zeros,
                        rest);
    if (whole > 0) transform_part(in, active, map, 0, rest, whole, step, u, sums);
    if (whole < some) transform_border(in, active, map, whole, rest, step, u, sums);
    const size_t end = ptn_min(c, ptn_div_up(some, BLOCK) * BLOCK);
    if (end < c) transform_part(in, active, map, end, NULL, c - end, step, u, sums);
}

void ptn_tile_inputs_fetch(const ptn_tile_inputs *in, const ptn_tile_place *at) {
    const ptn_conv2d_shape *s = in->shape;
    if (in->mask->input == PTN_MASKED_COMPACT) return;
    ptn_winograd_fetch_pixels(s, in->form->side, at->top, at->left,
                              in->x + at->sample * s->h * s->w * s->c);
}

void ptn_tile_inputs_transform(const ptn_tile_inputs *in, const ptn_tile_place *at, size_t step,
                               float *u, float *sums) {
    const ptn_conv2d_shape *s = in->shape;
    const float *pixels[PTN_WINOGRAD_MAX_PLANES];
    if (in->mask->input == PTN_MASKED_COMPACT) {
        compact_pixels(in, at, pixels);
        transform(in, pixels, s->c, step, u, sums);
        return;
    }
    ptn_winograd_pixels(s, in->form->side, at->top, at->left,
                        in->x + at->sample * s->h * s->w * s->c, in->zeros, pixels);
    const uint64_t every = ~(uint64_t)0 >> (64 - in->form->planes);
    const uint64_t active = in->mask->input == PTN_MASKED_MAP ? every : active_bits(in, at);
    if (active == every)
        transform(in, pixels, s->c, step, u, sums);
    else if (in->rest.c > 0)
        transform_both(in, at, active, pixels, step, u, sums);
    else
        transform_part(in, active, pixels, 0, NULL, s->c, step, u, sums);
}
