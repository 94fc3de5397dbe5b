// Mask plans computed from mask plans: input pixels that a convolution reads, outputs that read an
// input pixel, set operations, active tiles.
#include "mask_plan.h"
#include <string.h>

// to |= from << by, for rows of bits; bits shifted out of the row are dropped.
static void or_shifted(const uint64_t *from, size_t from_words, ptrdiff_t by, uint64_t *to,
                       size_t to_words) {
    const ptrdiff_t words = by >= 0 ? by / 64 : -((63 - by) / 64);
    const unsigned bits = (unsigned)(by - words * 64);
    for (size_t i = 0; i < from_words; i++) {
        if (!from[i]) continue;
        const ptrdiff_t at = (ptrdiff_t)i + words;
        if (at >= 0 && at < (ptrdiff_t)to_words) to[at] |= from[i] << bits;
        if (bits > 0 && at + 1 >= 0 && at + 1 < (ptrdiff_t)to_words)
            to[at + 1] |= from[i] >> (64 - bits);
    }
}

// Sets bit x * stride of `to` for each bit x of `from`.
static void spread(const uint64_t *from, size_t words, size_t stride, uint64_t *to,
                   size_t to_words) {
    memset(to, 0, to_words * sizeof *to);
    for (size_t i = 0; i < words; i++)
        for (uint64_t rest = from[i]; rest; rest &= rest - 1) {
            const size_t x = (64 * i + (size_t)__builtin_ctzll(rest)) * stride;
            to[x / 64] |= (uint64_t)1 << x % 64;
        }
}

// The union of all shifts of a row of at most 64 pixels, which is one word; most maps' rows are.
static uint64_t reach_word(const ptn_conv2d_shape *s, uint64_t row) {
    uint64_t sum = 0;
    for (size_t j = 0; j < s->kw && row; j++) {
        const ptrdiff_t by = (ptrdiff_t)(j * s->dilation_w) - (ptrdiff_t)s->pad_left;
        if (by >= 0 && by < 64) sum |= row << by;
        if (by < 0 && by > -64) sum |= row >> -by;
    }
    return sum;
}

// The input pixels that the active outputs of a row read with one row of taps.
static void reach(const ptn_conv2d_shape *s, const uint64_t *row, size_t row_words,
                  uint64_t *spread_row, size_t spread_words, uint64_t *to, size_t words) {
    const uint64_t *from = row;
    if (s->stride_w > 1) {
        spread(row, row_words, s->stride_w, spread_row, spread_words);
        from = spread_row;
        row_words = spread_words;
    }
    if (row_words == 1 && words == 1) {
        to[0] = reach_word(s, from[0]);
    } else {
        memset(to, 0, words * sizeof *to);
        for (size_t j = 0; j < s->kw; j++)
            or_shifted(from, row_words, (ptrdiff_t)(j * s->dilation_w) - (ptrdiff_t)s->pad_left, to,
                       words);
    }
    to[words - 1] &= ptn_mask_valid((words - 1) * 64, s->w);
}

static void dilate_image(const ptn_conv2d_shape *s, const ptn_mask_view *v, const uint64_t *image,
                         uint64_t *scratch, size_t spread_words, uint64_t *to) {
    const size_t words = ptn_mask_words(s->w);
    memset(to, 0, s->h * words * sizeof *to);
    uint64_t *row = scratch + spread_words;
    for (size_t oy = 0; oy < v->h; oy++) {
        reach(s, image + oy * v->words, v->words, scratch, spread_words, row, words);
        for (size_t i = 0; i < s->kh; i++) {
            const size_t position = oy * s->stride_h + i * s->dilation_h;
            if (position < s->pad_top || position - s->pad_top >= s->h) continue;
            uint64_t *target = to + (position - s->pad_top) * words;
            for (size_t x = 0; x < words; x++) target[x] |= row[x];
        }
    }
}

ptn_status ptn_mask_plan_dilate(const ptn_runtime *runtime, const ptn_mask_plan *outputs,
                                const ptn_conv2d_shape *shape, ptn_mask_plan **inputs) {
    *inputs = NULL;
    const ptn_mask_view *v = &outputs->view;
    ptn_conv2d_shape s = *shape;
    s.n = v->n;
    s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    ptn_status status = ptn_conv2d_outline_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    if (plan.out_h != v->h || plan.out_w != v->w || s.h == 0 || s.w == 0) return PTN_BAD_ARGUMENT;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, s.n, s.h, s.w, &status);
    if (!p) return status;
    // No overflow: the last output's position is within the padded input.
    const size_t spread_words = ptn_mask_words((v->w - 1) * s.stride_w + 1);
    uint64_t *scratch = ptn_scratch_acquire((spread_words + p->view.words) * sizeof *scratch);
    status = scratch ? PTN_OK : PTN_OUT_OF_MEMORY;
    for (size_t n = 0; scratch && n < s.n; n++)
        dilate_image(&s, v, v->bits + n * v->h * v->words, scratch, spread_words,
                     p->bits + n * s.h * p->view.words);
    ptn_scratch_release(scratch);
    if (status == PTN_OK) status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *inputs = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

// The outputs of one row that read a pixel of `from`, the union of the input rows that the output
// row reads.
static void affected_row(const ptn_conv2d_shape *s, const uint64_t *from, size_t words,
                         uint64_t *to, size_t out_w) {
    const size_t to_words = ptn_mask_words(out_w);
    for (size_t j = 0; j < s->kw; j++) {
        const ptrdiff_t by = (ptrdiff_t)s->pad_left - (ptrdiff_t)(j * s->dilation_w);
        if (s->stride_w == 1) {
            or_shifted(from, words, by, to, to_words);
            continue;
        }
        for (size_t i = 0; i < words; i++)
            for (uint64_t rest = from[i]; rest; rest &= rest - 1) {
                const ptrdiff_t at = (ptrdiff_t)(64 * i + (size_t)__builtin_ctzll(rest)) + by;
                const size_t x = at < 0 ? out_w : (size_t)at / s->stride_w;
                if (x < out_w && (size_t)at % s->stride_w == 0) to[x / 64] |= (uint64_t)1 << x % 64;
            }
    }
    to[to_words - 1] &= ptn_mask_valid((to_words - 1) * 64, out_w);
}

static void affected_image(const ptn_conv2d_shape *s, const ptn_mask_view *v, const uint64_t *image,
                           uint64_t *row, ptn_mask_plan *outputs, uint64_t *to) {
    for (size_t oy = 0; oy < outputs->view.h; oy++) {
        memset(row, 0, v->words * sizeof *row);
        for (size_t i = 0; i < s->kh; i++) {
            const size_t position = oy * s->stride_h + i * s->dilation_h;
            if (position < s->pad_top || position - s->pad_top >= v->h) continue;
            const uint64_t *from = image + (position - s->pad_top) * v->words;
            for (size_t x = 0; x < v->words; x++) row[x] |= from[x];
        }
        uint64_t *bits = to + oy * outputs->view.words;
        memset(bits, 0, outputs->view.words * sizeof *bits);
        affected_row(s, row, v->words, bits, outputs->view.w);
    }
}

ptn_status ptn_mask_plan_affected(const ptn_runtime *runtime, const ptn_mask_plan *inputs,
                                  const ptn_conv2d_shape *shape, ptn_mask_plan **outputs) {
    *outputs = NULL;
    const ptn_mask_view *v = &inputs->view;
    ptn_conv2d_shape s = *shape;
    s.n = v->n;
    s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    ptn_status status = ptn_conv2d_outline_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    if (s.h != v->h || s.w != v->w || s.h == 0 || s.w == 0) return PTN_BAD_ARGUMENT;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, s.n, plan.out_h, plan.out_w, &status);
    if (!p) return status;
    uint64_t *row = ptn_scratch_acquire(v->words * sizeof *row);
    status = row ? PTN_OK : PTN_OUT_OF_MEMORY;
    for (size_t n = 0; row && n < s.n; n++)
        affected_image(&s, v, v->bits + n * v->h * v->words, row, p,
                       p->bits + n * p->view.h * p->view.words);
    ptn_scratch_release(row);
    if (status == PTN_OK) status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *outputs = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

typedef enum set_operation { SUBTRACT, INTERSECT, UNITE, INVERT } set_operation;

static ptn_status combine(const ptn_runtime *runtime, const ptn_mask_plan *a,
                          const ptn_mask_plan *b, set_operation operation, ptn_mask_plan **plan) {
    *plan = NULL;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &a->view, *o = &b->view;
    if (v->n != o->n || v->h != o->h || v->w != o->w) return PTN_BAD_ARGUMENT;
    ptn_status status;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, v->n, v->h, v->w, &status);
    if (!p) return status;
    const size_t words = v->n * v->h * v->words;
    if (operation == INVERT)
        for (size_t i = 0; i < words; i++)
            p->bits[i] = ~v->bits[i] & ptn_mask_valid(i % v->words * 64, v->w);
    else if (operation == SUBTRACT)
        for (size_t i = 0; i < words; i++) p->bits[i] = v->bits[i] & ~o->bits[i];
    else if (operation == INTERSECT)
        for (size_t i = 0; i < words; i++) p->bits[i] = v->bits[i] & o->bits[i];
    else
        for (size_t i = 0; i < words; i++) p->bits[i] = v->bits[i] | o->bits[i];
    status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *plan = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

ptn_status ptn_mask_plan_subtract(const ptn_runtime *runtime, const ptn_mask_plan *a,
                                  const ptn_mask_plan *b, ptn_mask_plan **difference) {
    return combine(runtime, a, b, SUBTRACT, difference);
}

ptn_status ptn_mask_plan_intersect(const ptn_runtime *runtime, const ptn_mask_plan *a,
                                   const ptn_mask_plan *b, ptn_mask_plan **both) {
    return combine(runtime, a, b, INTERSECT, both);
}

ptn_status ptn_mask_plan_unite(const ptn_runtime *runtime, const ptn_mask_plan *a,
                               const ptn_mask_plan *b, ptn_mask_plan **either) {
    return combine(runtime, a, b, UNITE, either);
}

ptn_status ptn_mask_plan_invert(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                ptn_mask_plan **inverse) {
    return combine(runtime, plan, plan, INVERT, inverse);
}

// Whether any of the bits [x, x + n) is set, n > 0.
static inline bool any_bit(const uint64_t *bits, size_t x, size_t n) {
    if (x % 64 + n <= 64) return (bits[x / 64] >> x % 64 & ~(uint64_t)0 >> (64 - n)) != 0;
    for (size_t end = x + n; x < end;) {
        const size_t part = ptn_min(64 - x % 64, end - x);
        if (bits[x / 64] >> x % 64 & ~(uint64_t)0 >> (64 - part)) return true;
        x += part;
    }
    return false;
}

ptn_status ptn_mask_plan_tiles(const ptn_mask_plan *plan, size_t height, size_t width,
                               int32_t *tiles, size_t *offsets) {
    if (height == 0 || width == 0) return PTN_BAD_ARGUMENT;
    const ptn_mask_view *v = &plan->view;
    uint64_t *rows = ptn_scratch_acquire((v->words + 1) * sizeof *rows);
    if (!rows) return PTN_OUT_OF_MEMORY;
    size_t count = 0;
    for (size_t s = 0; s < v->n; s++) {
        offsets[s] = count;
        size_t tile = 0;
        for (size_t y = 0; y < v->h; y += height) {
            const uint64_t *image = v->bits + s * v->h * v->words;
            const size_t end = ptn_min(y + height, v->h);
            for (size_t k = 0; k < v->words; k++) {
                rows[k] = 0;
                for (size_t i = y; i < end; i++) rows[k] |= image[i * v->words + k];
            }
            for (size_t x = 0; x < v->w; x += width, tile++) {
                tiles[count] = (int32_t)tile;
                count += any_bit(rows, x, ptn_min(width, v->w - x));
            }
        }
    }
    offsets[v->n] = count;
    ptn_scratch_release(rows);
    return PTN_OK;
}
