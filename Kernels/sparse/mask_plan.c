// Builds mask plans: bits from a mask, the list of active pixels from the bits.
#include "mask_plan.h"
#include <string.h>

// Positions of the set bits of a number below 16, then their number.
static const uint8_t mask_places[16][5] = {
    {0, 0, 0, 0, 0}, {0, 0, 0, 0, 1}, {1, 0, 0, 0, 1}, {0, 1, 0, 0, 2},
    {2, 0, 0, 0, 1}, {0, 2, 0, 0, 2}, {1, 2, 0, 0, 2}, {0, 1, 2, 0, 3},
    {3, 0, 0, 0, 1}, {0, 3, 0, 0, 2}, {1, 3, 0, 0, 2}, {0, 1, 3, 0, 3},
    {2, 3, 0, 0, 2}, {0, 2, 3, 0, 3}, {1, 2, 3, 0, 3}, {0, 1, 2, 3, 4},
};

#define PTN_SOURCE "../sparse/mask_plan.inc"
#include "../core/foreach_isa.h"

const ptn_mask_kernels *const ptn_mask_kernel_tables[PTN_ISA_COUNT] = PTN_POINTERS(mask_kernels);

// Plan, offsets and bits are one block of memory, since their sizes follow from the map's.
ptn_mask_plan *ptn_mask_plan_allocate(ptn_isa isa, size_t n, size_t h, size_t w,
                                      ptn_status *status) {
    size_t count, words, offsets;
    *status = PTN_SIZE_OVERFLOW;
    if (!ptn_mul(h, w, &count) || !ptn_mul(count, n, &count) || count >= (size_t)1 << 31)
        return NULL;
    // Each size is bounded on its own, since the product does not show overflow if one size is 0.
    if (!ptn_mul(ptn_mask_words(w), h, &words) || !ptn_mul(words, n, &words) ||
        words > (size_t)1 << 48 || n > (size_t)1 << 48 || h > (size_t)1 << 48)
        return NULL;
    offsets = ptn_round_64((n + 1) * sizeof(size_t));
    const size_t head = ptn_round_64(sizeof(ptn_mask_plan));
    char *block = ptn_scratch_acquire(head + offsets + words * sizeof(uint64_t));
    *status = block ? PTN_OK : PTN_OUT_OF_MEMORY;
    if (!block) return NULL;
    ptn_mask_plan *p = (ptn_mask_plan *)block;
    *p = (ptn_mask_plan){.isa = isa};
    p->offsets = (size_t *)(block + head);
    p->bits = (uint64_t *)(block + head + offsets);
    p->view = (ptn_mask_view){
        .n = n, .h = h, .w = w, .words = ptn_mask_words(w), .bits = p->bits, .offsets = p->offsets};
    atomic_init(&p->index, NULL);
    atomic_init(&p->runs, NULL);
    return p;
}

ptn_status ptn_mask_plan_finish(ptn_mask_plan *p) {
    const ptn_mask_kernels *kernels = ptn_mask_kernel_tables[p->isa];
    const size_t image = p->view.h * p->view.words;
    size_t count = 0;
    for (size_t s = 0; s < p->view.n; s++) {
        p->offsets[s] = count;
        count += kernels->count(p->bits + s * image, image);
    }
    p->offsets[p->view.n] = p->view.count = count;
    p->capacity = count + PTN_MASK_LIST_SLACK;
    p->pixels = ptn_scratch_acquire(p->capacity * sizeof(int32_t));
    if (!p->pixels) return PTN_OUT_OF_MEMORY;
    p->view.pixels = p->pixels;
    // In ascending order of samples, because `list` may write beyond its end, into the next
    // sample's part.
    for (size_t s = 0; s < p->view.n; s++)
        kernels->list(p->bits + s * image, 0, p->view.h, p->view.w, p->pixels + p->offsets[s]);
    return PTN_OK;
}

// Bits [at, at + n) of a packed mask, n <= 64. Touches no byte outside of them.
static uint64_t packed_word(const uint8_t *data, size_t at, size_t n) {
    const size_t first = at / 8, last = (at + n + 7) / 8, shift = at % 8;
    uint64_t bits = 0;
    memcpy(&bits, data + first, ptn_min(8, last - first));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bits = __builtin_bswap64(bits);
#endif
    bits >>= shift;
    if (last - first > 8) bits |= (uint64_t)data[first + 8] << (64 - shift);
    return n == 64 ? bits : bits & (((uint64_t)1 << n) - 1);
}

void ptn_mask_source_bits(const ptn_mask_kernels *kernels, const ptn_mask_source *source,
                          size_t row, size_t x, size_t n, uint64_t *bits) {
    const size_t at = row * source->w + x;
    const float threshold =
        source->thresholds ? source->thresholds[row / source->h] : source->threshold;
    if (source->kind == PTN_MASK_BYTES)
        kernels->bytes((const uint8_t *)source->data + at, n, bits);
    else if (source->kind == PTN_MASK_BITS)
        for (size_t i = 0; i < n; i += 64)
            bits[i / 64] = packed_word(source->data, at + i, ptn_min(64, n - i));
    else
        kernels->floats((const float *)source->data + at, n, source->kind, threshold, bits);
}

ptn_status ptn_mask_plan_create(const ptn_runtime *runtime, const ptn_mask_source *source,
                                ptn_mask_plan **plan) {
    *plan = NULL;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if ((unsigned)source->kind >= PTN_MASK_KIND_COUNT) return PTN_BAD_ARGUMENT;
    ptn_status status;
    ptn_mask_plan *p =
        ptn_mask_plan_allocate(runtime->isa, source->n, source->h, source->w, &status);
    if (!p) return status;
    for (size_t row = 0; row < source->n * source->h; row++)
        ptn_mask_source_bits(ptn_mask_kernel_tables[p->isa], source, row, 0, source->w,
                             p->bits + row * p->view.words);
    status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *plan = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

void ptn_mask_plan_destroy(ptn_mask_plan *plan) {
    if (!plan) return;
    ptn_scratch_release(plan->pixels);
    ptn_scratch_release(plan->block);
    ptn_scratch_release(atomic_load(&plan->index));
    ptn_scratch_release(atomic_load(&plan->runs));
    ptn_scratch_release(plan);
}

ptn_mask_view ptn_mask_plan_view(const ptn_mask_plan *plan) { return plan->view; }

ptn_mask_statistics ptn_mask_plan_statistics(const ptn_mask_plan *plan) {
    ptn_mask_statistics sums = {0};
    const ptn_mask_view *v = &plan->view;
    for (size_t s = 0; s < v->n; s++)
        ptn_mask_kernel_tables[plan->isa]->statistics(v->bits + s * v->h * v->words, v->h, v->words,
                                                      &sums);
    return sums;
}

static int32_t *make_index(const ptn_mask_plan *plan) {
    const ptn_mask_view *v = &plan->view;
    const size_t image = v->h * v->w;
    int32_t *index = ptn_scratch_acquire(v->n * image * sizeof *index);
    if (!index) return NULL;
    memset(index, -1, v->n * image * sizeof *index);
    for (size_t s = 0; s < v->n; s++)
        for (size_t i = v->offsets[s]; i < v->offsets[s + 1]; i++)
            index[s * image + (size_t)v->pixels[i]] = (int32_t)i;
    return index;
}

const int32_t *ptn_mask_plan_index(const ptn_mask_plan *plan) {
    _Atomic(int32_t *) *kept = &((ptn_mask_plan *)plan)->index;
    int32_t *index = atomic_load_explicit(kept, memory_order_acquire);
    if (index) return index;
    int32_t *made = make_index(plan);
    // Two threads may build it concurrently; the first one published is kept.
    if (!made || atomic_compare_exchange_strong(kept, &index, made)) return made;
    ptn_scratch_release(made);
    return index;
}

// Entry 0 of the result is a header: its `first` is the number of runs after it.
static ptn_mask_run *make_runs(const ptn_mask_plan *plan) {
    const ptn_mask_view *v = &plan->view;
    const size_t count = ptn_mask_plan_statistics(plan).runs;
    ptn_mask_run *runs = ptn_scratch_acquire((count + 1) * sizeof *runs);
    if (!runs) return NULL;
    ptn_mask_run *next = runs;
    *next++ = (ptn_mask_run){.first = (int32_t)count};
    size_t first = 0;
    for (size_t row = 0; row < v->n * v->h; row++) {
        const uint64_t *bits = v->bits + row * v->words;
        for (size_t x = ptn_mask_next(bits, 0, v->w, true); x < v->w;) {
            const size_t end = ptn_mask_next(bits, x, v->w, false);
            *next++ = (ptn_mask_run){.row = (int32_t)row,
                                     .start = (int32_t)x,
                                     .length = (int32_t)(end - x),
                                     .first = (int32_t)first};
            first += end - x;
            x = ptn_mask_next(bits, end, v->w, true);
        }
    }
    return runs;
}

const ptn_mask_run *ptn_mask_plan_runs(const ptn_mask_plan *plan, size_t *count) {
    _Atomic(ptn_mask_run *) *kept = &((ptn_mask_plan *)plan)->runs;
    ptn_mask_run *runs = atomic_load_explicit(kept, memory_order_acquire);
    if (!runs) {
        ptn_mask_run *made = make_runs(plan);
        if (!made) return NULL;
        // Two threads may build it concurrently; the first one published is kept, the other is
        // freed.
        if (atomic_compare_exchange_strong(kept, &runs, made))
            runs = made;
        else
            ptn_scratch_release(made);
    }
    *count = (size_t)runs[0].first;
    return runs + 1;
}

void ptn_mask_plan_paint(const ptn_mask_plan *plan, float *mask) {
    const ptn_mask_view *v = &plan->view;
    const size_t image = v->h * v->w;
    memset(mask, 0, v->n * image * sizeof *mask);
    for (size_t s = 0; s < v->n; s++)
        for (size_t i = v->offsets[s]; i < v->offsets[s + 1]; i++)
            mask[s * image + (size_t)v->pixels[i]] = 1;
}
