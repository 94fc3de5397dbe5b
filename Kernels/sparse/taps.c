// Input addresses of scattered outputs.
#include "taps.h"
#include <string.h>

// The outputs [*begin, *end) along one axis whose taps are all inside the image.
static void inner(size_t size, size_t pad, size_t taps, size_t stride, size_t dilation,
                  size_t outputs, size_t *begin, size_t *end) {
    const size_t reach = (taps - 1) * dilation;
    *begin = ptn_min(ptn_div_up(pad, stride), outputs);
    *end = size + pad > reach ? ptn_min((size + pad - reach - 1) / stride + 1, outputs) : 0;
    *end = ptn_max(*begin, *end);
}

ptn_taps ptn_taps_for(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan, ptrdiff_t *pixels) {
    ptn_taps t = {.shape = s,
                  .out_w = plan->out_w,
                  .by_width = ptn_divider_for(plan->out_w),
                  .pixels = pixels,
                  .taps = s->kh * s->kw};
    inner(s->h, s->pad_top, s->kh, s->stride_h, s->dilation_h, plan->out_h, &t.top, &t.bottom);
    inner(s->w, s->pad_left, s->kw, s->stride_w, s->dilation_w, plan->out_w, &t.left, &t.right);
    for (size_t i = 0; i < s->kh; i++)
        for (size_t j = 0; j < s->kw; j++)
            pixels[i * s->kw + j] = (ptrdiff_t)(i * s->dilation_h * s->w + j * s->dilation_w);
    return t;
}

// Fills the entries of one output at the border, checking each tap.
static void fill_border(const ptn_taps *t, const float *image, const int32_t *index, size_t oy,
                        size_t ox, size_t step, const float **entry) {
    const ptn_conv2d_shape *s = t->shape;
    for (size_t i = 0; i < s->kh; i++)
        for (size_t j = 0; j < s->kw; j++, entry += step) {
            // Above or left of the image this wraps around to a large number.
            const size_t iy = oy * s->stride_h + i * s->dilation_h - s->pad_top;
            const size_t ix = ox * s->stride_w + j * s->dilation_w - s->pad_left;
            *entry = t->zeros;
            if (iy >= s->h || ix >= s->w) continue;
            const size_t at = iy * s->w + ix;
            if (!index || index[at] >= 0)
                *entry = image + (t->layout == PTN_MASKED_COMPACT ? (size_t)index[at] : at) * s->c;
        }
}

// Fills the table for a dense map: the first tap of every output, then the other taps, which have
// the same distance from the first for all outputs. Outputs at the border are filled last.
static void fill_map(const ptn_taps *t, const float *image, const int32_t *pixels, size_t count,
                     size_t step, const float **table) {
    const ptn_conv2d_shape *s = t->shape;
    const size_t height = t->bottom - t->top, width = t->right - t->left;
    const uintptr_t pixel_bytes = s->c * sizeof(float), first = (uintptr_t)image;
    size_t borders = 0;
    for (size_t m = 0; m < count; m++) {
        const size_t p = (size_t)pixels[m], oy = ptn_divide(t->by_width, p);
        const size_t ox = p - oy * t->out_w;
        borders += (oy - t->top >= height) | (ox - t->left >= width);
        // Modulo the address space: at the border the first tap may be outside the image.
        const size_t at = (oy * s->stride_h - s->pad_top) * s->w + ox * s->stride_w - s->pad_left;
        table[m] = (const float *)(first + at * pixel_bytes);
    }
    for (size_t tap = 1; tap < t->taps; tap++) {
        const uintptr_t distance = (uintptr_t)t->pixels[tap] * pixel_bytes;
        const float **entries = table + tap * step;
        for (size_t m = 0; m < count; m++)
            entries[m] = (const float *)((uintptr_t)table[m] + distance);
    }
    for (size_t m = 0; m < count && borders > 0; m++) {
        const size_t p = (size_t)pixels[m], oy = ptn_divide(t->by_width, p);
        const size_t ox = p - oy * t->out_w;
        if (oy - t->top < height && ox - t->left < width) continue;
        fill_border(t, image, NULL, oy, ox, step, table + m);
        borders--;
    }
}

// The loop over outputs. Callers pass a constant number of taps and layout for common cases.
static inline __attribute__((always_inline)) void fill(const ptn_taps *t, const float *image,
                                                       const int32_t *index, const int32_t *pixels,
                                                       size_t count, size_t step, const size_t taps,
                                                       const ptn_masked_layout layout,
                                                       const float **table) {
    const ptn_conv2d_shape *s = t->shape;
    const size_t c = s->c, height = t->bottom - t->top, width = t->right - t->left;
    for (size_t m = 0; m < count; m++) {
        const size_t p = (size_t)pixels[m], oy = ptn_divide(t->by_width, p);
        const size_t ox = p - oy * t->out_w;
        const float **entry = table + m;
        if (oy - t->top >= height || ox - t->left >= width) {
            fill_border(t, image, index, oy, ox, step, entry);
            continue;
        }
        const size_t at = (oy * s->stride_h - s->pad_top) * s->w + ox * s->stride_w - s->pad_left;
        for (size_t tap = 0; tap < taps; tap++, entry += step) {
            const size_t pixel = at + (size_t)t->pixels[tap];
            const int32_t found = index[pixel];
            const size_t place = layout == PTN_MASKED_COMPACT ? (size_t)found : pixel;
            *entry = found < 0 ? t->zeros : image + place * c;
        }
    }
}

void ptn_taps_fill(const ptn_taps *t, size_t sample, const int32_t *pixels, size_t count,
                   size_t step, const float **table) {
    const size_t image_pixels = t->shape->h * t->shape->w;
    const float *image = t->x;
    if (t->layout != PTN_MASKED_COMPACT) image += sample * image_pixels * t->shape->c;
    const int32_t *index = t->index ? t->index + sample * image_pixels : NULL;
    const bool nine = t->taps == 9;
    if (t->layout == PTN_MASKED_MAP) {
        fill_map(t, image, pixels, count, step, table);
    } else if (t->layout == PTN_MASKED_COMPACT) {
        if (nine)
            fill(t, image, index, pixels, count, step, 9, PTN_MASKED_COMPACT, table);
        else
            fill(t, image, index, pixels, count, step, t->taps, PTN_MASKED_COMPACT, table);
    } else {
        fill(t, image, index, pixels, count, step, t->taps, PTN_MASKED_ACTIVE_MAP, table);
    }
}

void ptn_taps_append_segments(const ptn_taps *t, const int32_t *pixels, size_t count,
                              ptn_chunk *ch) {
    const size_t kw = t->shape->kw, segments = ch->segment_count;
    const size_t before = segments > 0 ? ch->segments[segments - 1].end : 0;
    for (size_t at = 0; at < count;) {
        const size_t oy = ptn_divide(t->by_width, (size_t)pixels[at]);
        const bool whole = oy >= t->top && oy < t->bottom;
        const int32_t limit = (int32_t)((whole ? t->bottom : oy + 1) * t->out_w);
        while (at < count && pixels[at] < limit) at++;
        size_t begin, end;
        ptn_tap_rows(t->shape, oy, &begin, &end);
        ptn_chunk_append(ch, before + at, begin * kw, end * kw);
    }
}
