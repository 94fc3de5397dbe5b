// Updates a plan to another mask, for frames that differ in few pixels.
#include "mask_plan.h"
#include <string.h>

// The changes of one sample; all of them are in the rows [first, end).
typedef struct sample_change {
    size_t first, end;
    size_t before;         // active pixels before these rows
    size_t removed, added; // active pixels in these rows in the old mask, in the new one
} sample_change;

// Words of a row that are compared at a time.
enum { PIECE = 64 };

// Number of pixels in which a row differs from the plan's; stores its bits in the plan's spare bits
// if there are any.
static size_t changes_of_row(const ptn_mask_kernels *kernels, const ptn_mask_plan *p,
                             const ptn_mask_source *source, size_t row) {
    const uint64_t *old = p->bits + row * p->view.words;
    uint64_t piece[PIECE], *bits = piece;
    size_t changed = 0;
    for (size_t x = 0; x < source->w; x += 64 * PIECE) {
        const size_t n = ptn_min(64 * PIECE, source->w - x);
        if (p->spare) bits = p->spare + row * p->view.words + x / 64;
        ptn_mask_source_bits(kernels, source, row, x, n, bits);
        for (size_t i = 0; 64 * i < n; i++) {
            const uint64_t differs = bits[i] ^ old[x / 64 + i];
            if (differs) changed += (size_t)__builtin_popcountll(differs);
        }
    }
    return changed;
}

static size_t changes_of_sample(const ptn_mask_kernels *kernels, const ptn_mask_plan *p,
                                const ptn_mask_source *source, size_t sample, sample_change *c) {
    const size_t h = p->view.h, words = p->view.words;
    *c = (sample_change){.before = p->offsets[sample + 1] - p->offsets[sample]};
    size_t all = 0;
    for (size_t y = 0; y < h; y++) {
        const size_t changed = changes_of_row(kernels, p, source, sample * h + y);
        if (changed == 0) continue;
        if (all == 0) c->first = y;
        c->end = y + 1;
        all += changed;
    }
    if (all == 0) return 0;
    const size_t from = (sample * h + c->first) * words, size = (c->end - c->first) * words;
    c->before = kernels->count(p->bits + sample * h * words, c->first * words);
    c->removed = kernels->count(p->bits + from, size);
    c->added = kernels->count(p->spare + from, size);
    return all;
}

// One of the two unchanged parts of a sample's list: before and after the changed rows.
typedef struct kept_part {
    size_t from, to, count;
} kept_part;

static kept_part part_of(const ptn_mask_plan *p, const sample_change *changes, size_t part,
                         size_t begins) {
    const sample_change *c = changes + part / 2;
    const size_t from = p->offsets[part / 2];
    if (part % 2 == 0) return (kept_part){from, begins, c->before};
    const size_t rest = p->offsets[part / 2 + 1] - from - c->before - c->removed;
    return (kept_part){from + c->before + c->removed, begins + c->before + c->added, rest};
}

// Moves the unchanged parts to their new places in `list`. If `list` is the plan's own list, parts
// that move to lower addresses are moved first, in ascending order, then parts that move to higher
// addresses in descending order, so that no part overwrites one that has not moved yet.
static void move_parts(const ptn_mask_plan *p, const sample_change *changes, const size_t *begins,
                       int32_t *list) {
    const size_t parts = 2 * p->view.n;
    for (size_t i = 0; i < parts; i++) {
        const kept_part k = part_of(p, changes, i, begins[i / 2]);
        if (list != p->pixels || k.to < k.from)
            memmove(list + k.to, p->pixels + k.from, k.count * sizeof *list);
    }
    for (size_t i = parts; list == p->pixels && i-- > 0;) {
        const kept_part k = part_of(p, changes, i, begins[i / 2]);
        if (k.to > k.from) memmove(list + k.to, list + k.from, k.count * sizeof *list);
    }
}

// Lists the active pixels of the changed rows.
static void list_rows(const ptn_mask_kernels *kernels, const ptn_mask_plan *p, size_t sample,
                      const sample_change *c, int32_t *list) {
    const uint64_t *bits = p->spare + (sample * p->view.h + c->first) * p->view.words;
    // `list` may write beyond the end, so the entries of the rows after these are saved and
    // restored.
    int32_t *mine = list + c->before, behind[PTN_MASK_LIST_SLACK];
    memcpy(behind, mine + c->added, sizeof behind);
    kernels->list(bits, c->first, c->end, p->view.w, mine);
    memcpy(mine + c->added, behind, sizeof behind);
}

static ptn_status apply(const ptn_mask_kernels *kernels, ptn_mask_plan *p,
                        const sample_change *changes, size_t *begins) {
    const size_t n = p->view.n;
    size_t count = 0;
    for (size_t s = 0; s < n; s++) {
        begins[s] = count;
        count += p->offsets[s + 1] - p->offsets[s] + changes[s].added - changes[s].removed;
    }
    begins[n] = count;
    int32_t *list = p->pixels;
    if (count + PTN_MASK_LIST_SLACK > p->capacity) {
        // With room for further growth.
        const size_t capacity = count + count / 8 + PTN_MASK_LIST_SLACK;
        list = ptn_scratch_acquire(capacity * sizeof *list);
        if (!list) return PTN_OUT_OF_MEMORY;
        p->capacity = capacity;
    }
    move_parts(p, changes, begins, list);
    for (size_t s = 0; s < n; s++)
        if (changes[s].end > 0) list_rows(kernels, p, s, changes + s, list + begins[s]);
    if (list != p->pixels) ptn_scratch_release(p->pixels);
    uint64_t *bits = p->spare;
    p->spare = p->bits;
    p->view.bits = p->bits = bits;
    p->view.pixels = p->pixels = list;
    p->view.count = count;
    memcpy(p->offsets, begins, (n + 1) * sizeof *begins);
    ptn_scratch_release(atomic_exchange(&p->index, NULL));
    ptn_scratch_release(atomic_exchange(&p->runs, NULL));
    return PTN_OK;
}

static ptn_status check(const ptn_runtime *runtime, const ptn_mask_plan *p,
                        const ptn_mask_source *source) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const bool fits = source->n == p->view.n && source->h == p->view.h && source->w == p->view.w;
    return fits && (unsigned)source->kind < PTN_MASK_KIND_COUNT ? PTN_OK : PTN_BAD_ARGUMENT;
}

ptn_status ptn_mask_plan_changes(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                 const ptn_mask_source *source, size_t *changed) {
    *changed = 0;
    const ptn_status status = check(runtime, plan, source);
    if (status != PTN_OK) return status;
    // Without spare bits: other threads may read the plan, so it must not be changed.
    ptn_mask_plan shared = {.view = plan->view, .bits = plan->bits};
    for (size_t row = 0; row < source->n * source->h; row++)
        *changed += changes_of_row(ptn_mask_kernel_tables[runtime->isa], &shared, source, row);
    return PTN_OK;
}

ptn_status ptn_mask_plan_update(const ptn_runtime *runtime, ptn_mask_plan *plan,
                                const ptn_mask_source *source, size_t *changed) {
    *changed = 0;
    ptn_status status = check(runtime, plan, source);
    if (status != PTN_OK) return status;
    const ptn_mask_kernels *kernels = ptn_mask_kernel_tables[runtime->isa];
    const size_t n = source->n, words = n * source->h * plan->view.words;
    // Spare bits, changes and starts of the samples' lists are one block. An update swaps the spare
    // bits with the plan's.
    const size_t changes_at = ptn_round_64(words * sizeof(uint64_t));
    const size_t begins_at = changes_at + n * sizeof(sample_change);
    if (!plan->block) plan->block = ptn_scratch_acquire(begins_at + (n + 1) * sizeof(size_t));
    if (!plan->block) return PTN_OUT_OF_MEMORY;
    if (!plan->spare) plan->spare = (uint64_t *)plan->block;
    sample_change *changes = (sample_change *)(plan->block + changes_at);
    for (size_t s = 0; s < n; s++)
        *changed += changes_of_sample(kernels, plan, source, s, changes + s);
    if (*changed > 0) status = apply(kernels, plan, changes, (size_t *)(plan->block + begins_at));
    return status;
}
