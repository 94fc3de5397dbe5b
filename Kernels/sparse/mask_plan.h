// A mask plan from the inside; not visible outside Kernels/sparse.
#ifndef PTN_MASK_PLAN_INTERNAL_H
#define PTN_MASK_PLAN_INTERNAL_H

#include "../core/checked.h"
#include "ptn_mask_plan.h"
#include <stdatomic.h>

struct ptn_mask_plan {
    ptn_mask_view view;
    ptn_isa isa;
    uint64_t *bits;
    uint64_t *spare; // bits of the next mask during an update
    char *block;     // memory that updates work in, `spare` included; NULL until the first update
    size_t *offsets;
    int32_t *pixels; // a block of its own, since its size is known only when the bits are
    size_t capacity; // entries that fit into `pixels`, including the slack
    _Atomic(int32_t *) index;
    _Atomic(ptn_mask_run *) runs;
};

typedef struct ptn_mask_kernels ptn_mask_kernels;

// A plan without active pixels, whose bits the caller sets; NULL on failure.
ptn_mask_plan *ptn_mask_plan_allocate(ptn_isa isa, size_t n, size_t h, size_t w,
                                      ptn_status *status);
// Makes offsets and list from the bits.
ptn_status ptn_mask_plan_finish(ptn_mask_plan *plan);
// Bits of the pixels [x, x + n) of a row of the whole batch; x is a multiple of 64.
void ptn_mask_source_bits(const ptn_mask_kernels *kernels, const ptn_mask_source *source,
                          size_t row, size_t x, size_t n, uint64_t *bits);

// Operations on bits, compiled per instruction set.
struct ptn_mask_kernels {
    // Bits of one row of `w` pixels from bytes or floats.
    void (*bytes)(const uint8_t *mask, size_t w, uint64_t *bits);
    void (*floats)(const float *mask, size_t w, ptn_mask_kind kind, float threshold,
                   uint64_t *bits);
    size_t (*count)(const uint64_t *bits, size_t words);
    // Lists the active pixels of an image's rows [first, end) in order; `bits` begins with row
    // `first`. May write up to PTN_MASK_LIST_SLACK entries beyond the last.
    void (*list)(const uint64_t *bits, size_t first, size_t end, size_t w, int32_t *pixels);
    // Adds one image's pixels, runs and cells to `sums`.
    void (*statistics)(const uint64_t *bits, size_t h, size_t words, ptn_mask_statistics *sums);
};
extern const ptn_mask_kernels *const ptn_mask_kernel_tables[PTN_ISA_COUNT];
enum { PTN_MASK_LIST_SLACK = 16 };

static inline size_t ptn_mask_words(size_t w) { return ptn_div_up(w, 64); }
// The bits of a word that are pixels of the row; x is the word's first pixel.
static inline uint64_t ptn_mask_valid(size_t x, size_t w) {
    return w - x >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (w - x)) - 1;
}

// Position of the first bit from `x` on whose value is `set`; `w` if there is none.
static inline size_t ptn_mask_next(const uint64_t *bits, size_t x, size_t w, bool set) {
    while (x < w) {
        const uint64_t word = (set ? bits[x / 64] : ~bits[x / 64]) >> x % 64;
        if (word) return ptn_min(w, x + (size_t)__builtin_ctzll(word));
        x = x / 64 * 64 + 64;
    }
    return w;
}

#endif
