// Clears inactive pixels, or copies them from another map.
#include "inactive.h"
#include <string.h>

enum { INACTIVE_ROWS = 8 };

ptn_inactive_job ptn_inactive_for(const ptn_masked_conv2d_mask *mask, size_t k, float *y) {
    ptn_inactive_job j = {.outputs = mask->outputs->view, .y = y, .k = k};
    const bool nothing = mask->output == PTN_MASKED_COMPACT || mask->inactive == PTN_MASKED_KEEP ||
                         (mask->inactive == PTN_MASKED_COPY && mask->base == y);
    if (nothing) return j;
    if (mask->inactive == PTN_MASKED_COPY) j.base = mask->base;
    if (mask->inactive == PTN_MASKED_ZERO && mask->previous) j.previous = mask->previous->view.bits;
    j.tasks = ptn_div_up(j.outputs.n * j.outputs.h, INACTIVE_ROWS);
    return j;
}

// Clears the pixels of `bits`, one run of neighbours at a time.
static void clear_word(const ptn_inactive_job *j, uint64_t bits, size_t pixel) {
    while (bits) {
        const unsigned start = (unsigned)__builtin_ctzll(bits);
        const uint64_t rest = ~(bits >> start);
        const unsigned length = rest ? (unsigned)__builtin_ctzll(rest) : 64;
        const size_t at = (pixel + start) * j->k, bytes = length * j->k * sizeof(float);
        if (j->base)
            memcpy(j->y + at, j->base + at, bytes);
        else
            memset(j->y + at, 0, bytes);
        if (start + length >= 64) return;
        bits &= ~(uint64_t)0 << (start + length);
    }
}

void ptn_inactive_run(const ptn_inactive_job *j, size_t task) {
    const ptn_mask_view *v = &j->outputs;
    const size_t end = ptn_min((task + 1) * INACTIVE_ROWS, v->n * v->h);
    for (size_t row = task * INACTIVE_ROWS; row < end; row++)
        for (size_t i = 0; i < v->words; i++) {
            uint64_t off = ~v->bits[row * v->words + i] & ptn_mask_valid(64 * i, v->w);
            if (j->previous) off &= j->previous[row * v->words + i];
            clear_word(j, off, row * v->w + 64 * i);
        }
}
