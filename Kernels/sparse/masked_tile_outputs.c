// Stores the active outputs of Winograd's tiles, in maps and in compact rows.
#include "masked_tile_outputs.h"
#include "../core/fetch.h"
#include <string.h>

uint64_t ptn_tile_outputs_active(const ptn_tile_outputs *o, const ptn_tile_place *at) {
    const ptn_mask_view *v = o->mask;
    const size_t word = at->left / 64, shift = at->left % 64;
    const uint64_t columns = ((uint64_t)1 << at->columns) - 1;
    uint64_t active = 0;
    for (size_t i = 0; i < at->rows; i++) {
        const uint64_t *row = v->bits + ((at->sample * v->h) + at->top + i) * v->words;
        uint64_t bits = row[word] >> shift;
        if (shift + at->columns > 64) bits |= row[word + 1] << (64 - shift);
        active |= (bits & columns) << i * o->form->outputs;
    }
    return active;
}

// Offset of an active output in y, in floats.
static size_t output_at(const ptn_tile_outputs *o, const ptn_tile_place *at, size_t i, size_t k) {
    const size_t pixel = (at->sample * o->out_h + at->top + i) * o->out_w + at->left + k;
    return o->index ? (size_t)o->index[pixel] * o->k : pixel * o->y_step;
}

void ptn_tile_outputs_fetch(const ptn_tile_outputs *o, const ptn_winograd_panel *p,
                            const ptn_tile_place *at) {
    const size_t m = o->form->outputs;
    for (uint64_t rest = ptn_tile_outputs_active(o, at); rest; rest &= rest - 1) {
        const size_t bit = (size_t)__builtin_ctzll(rest);
        const size_t out = output_at(o, at, bit / m, bit % m) + p->channel;
        ptn_fetch(o->y + out, p->channels);
        if (o->residual) ptn_fetch(o->residual + out, p->channels);
    }
}

// Stores compact outputs directly to their rows.
static void store_compact(const ptn_tile_outputs *o, ptn_winograd_output *a,
                          const ptn_winograd_panel *p, const ptn_tile_place *at, uint64_t active,
                          float *values) {
    const size_t m = o->form->outputs;
    float *places[PTN_WINOGRAD_MAX_OUTPUTS], *const inactive = values;
    for (size_t i = 0; i < at->rows; i++)
        for (size_t k = 0; k < at->columns; k++) {
            const bool is_active = active >> (i * m + k) & 1;
            places[i * m + k] = is_active ? o->y + output_at(o, at, i, k) + p->channel : inactive;
        }
    a->out = inactive;
    a->places = places;
    o->output(a);
    if (!o->epilogue.activate) return;
    for (uint64_t rest = active; rest; rest &= rest - 1)
        ptn_epilogue_activate(&o->epilogue, p->channel, p->channels, places[__builtin_ctzll(rest)]);
}

// Stores compact outputs with residuals, through a small buffer in which both have the layout of a
// map.
static void store_compact_residual(const ptn_tile_outputs *o, ptn_winograd_output *a,
                                   const ptn_winograd_panel *p, const ptn_tile_place *at,
                                   uint64_t active, float *values) {
    const size_t m = o->form->outputs, bytes = p->channels * sizeof(float);
    float *residuals = values + m * m * o->panel_width;
    a->out = values;
    a->out_row = m * p->width;
    a->out_pixel = p->width;
    a->end.residual = (ptrdiff_t)((uintptr_t)residuals - (uintptr_t)values);
    for (uint64_t rest = active; rest; rest &= rest - 1) {
        const size_t bit = (size_t)__builtin_ctzll(rest);
        const size_t from = output_at(o, at, bit / m, bit % m) + p->channel;
        memcpy(residuals + bit * p->width, o->residual + from, bytes);
    }
    o->output(a);
    for (uint64_t rest = active; rest; rest &= rest - 1) {
        const size_t bit = (size_t)__builtin_ctzll(rest);
        float *to = o->y + output_at(o, at, bit / m, bit % m) + p->channel;
        memcpy(to, values + bit * p->width, bytes);
        if (o->epilogue.activate) ptn_epilogue_activate(&o->epilogue, p->channel, p->channels, to);
    }
}

// Stores outputs directly into the map.
static void store_map(const ptn_tile_outputs *o, ptn_winograd_output *a,
                      const ptn_winograd_panel *p, const ptn_tile_place *at, uint64_t active,
                      float *values) {
    const size_t m = o->form->outputs;
    a->out = o->y + output_at(o, at, 0, 0) + p->channel;
    a->out_row = o->out_w * o->y_step;
    a->out_pixel = o->y_step;
    a->end.residual = (ptrdiff_t)((uintptr_t)o->residual - (uintptr_t)o->y);
    float *places[PTN_WINOGRAD_MAX_OUTPUTS];
    if ((size_t)__builtin_popcountll(active) < at->rows * at->columns) {
        float *const inactive = values;
        for (size_t i = 0; i < at->rows; i++)
            for (size_t k = 0; k < at->columns; k++) {
                const bool is_active = active >> (i * m + k) & 1;
                float *out = a->out + i * a->out_row + k * a->out_pixel;
                places[i * m + k] = is_active ? out : inactive;
            }
        a->places = places;
    }
    o->output(a);
    if (!o->epilogue.activate) return;
    for (uint64_t rest = active; rest; rest &= rest - 1) {
        const size_t bit = (size_t)__builtin_ctzll(rest);
        ptn_epilogue_activate(&o->epilogue, p->channel, p->channels,
                              a->out + bit / m * a->out_row + bit % m * a->out_pixel);
    }
}

void ptn_tile_outputs_store(const ptn_tile_outputs *o, const ptn_winograd_panel *p,
                            const ptn_tile_place *at, const float *products, size_t step,
                            float *values) {
    ptn_winograd_output a = {
        .products = products,
        .step = step,
        .channels = p->channels,
        .rows = at->rows,
        .columns = at->columns,
        .end = ptn_epilogue_at(&o->epilogue, at->sample, p->channel),
    };
    const uint64_t active = ptn_tile_outputs_active(o, at);
    if (o->index && o->residual)
        store_compact_residual(o, &a, p, at, active, values);
    else if (o->index)
        store_compact(o, &a, p, at, active, values);
    else
        store_map(o, &a, p, at, active, values);
}
