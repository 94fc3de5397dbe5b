// First-fit allocation by lowest address, in regions that are mapped once and backed by huge pages.
//
// Few blocks are free at any time, so the free list is short. The lowest free address is usually
// memory that was used recently and is still in a cache.
#define _DEFAULT_SOURCE // anonymous mappings and madvise
#include "arena.h"
#include "checked.h"
#include <stdint.h>
#include <sys/mman.h>

struct ptn_region {
    ptn_region *next;
    size_t bytes;     // of the mapping, which begins with this struct
    char *base;       // the mapping
    ptn_block *first; // 64 bytes into it
};

enum { REGION_HEADER = 64 };
_Static_assert(sizeof(ptn_region) <= REGION_HEADER, "blocks follow the region's header");
static const size_t HUGE_PAGE = (size_t)2 << 20;
// Reserved address space; pages take memory only when they are first written.
static const size_t REGION_BYTES = (size_t)64 << 20;
// The unused part of a block becomes a free block of its own from this size on.
static const size_t SMALLEST_REST = 4096;

static ptn_block *block_after(const ptn_block *b) {
    char *end = (char *)b + b->bytes;
    return end == b->region->base + b->region->bytes ? NULL : (ptn_block *)end;
}

static void list_insert(ptn_arena *a, ptn_block *b) {
    ptn_block *previous = NULL, *next = a->free;
    while (next && next < b) previous = next, next = next->next;
    b->previous = previous;
    b->next = next;
    if (previous)
        previous->next = b;
    else
        a->free = b;
    if (next) next->previous = b;
    b->is_free = true;
}

static void list_remove(ptn_arena *a, ptn_block *b) {
    if (b->previous)
        b->previous->next = b->next;
    else
        a->free = b->next;
    if (b->next) b->next->previous = b->previous;
    b->is_free = false;
}

// Maps memory that begins at a multiple of the huge page, so that all of it can be huge pages.
static char *map_aligned(size_t bytes) {
    size_t wide;
    if (!ptn_add(bytes, HUGE_PAGE, &wide)) return NULL;
    char *base = mmap(NULL, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NULL;
    const size_t skip = -(uintptr_t)base & (HUGE_PAGE - 1);
    if (skip > 0) munmap(base, skip);
    if (skip < HUGE_PAGE) munmap(base + skip + bytes, HUGE_PAGE - skip);
#ifdef MADV_HUGEPAGE
    // A hint: failure is ignored, memory without huge pages is only slower.
    (void)madvise(base + skip, bytes, MADV_HUGEPAGE);
#endif
    return base + skip;
}

static bool add_region(ptn_arena *a, size_t bytes) {
    size_t total;
    if (!ptn_add(bytes, REGION_HEADER + HUGE_PAGE - 1, &total)) return false;
    total = ptn_max(total & ~(HUGE_PAGE - 1), REGION_BYTES);
    char *base = map_aligned(total);
    if (!base) return false;
    ptn_region *r = (ptn_region *)base;
    ptn_block *b = (ptn_block *)(base + REGION_HEADER);
    *r = (ptn_region){.next = a->regions, .bytes = total, .base = base, .first = b};
    *b = (ptn_block){.bytes = total - REGION_HEADER, .region = r};
    a->regions = r;
    a->reserved += total;
    list_insert(a, b);
    return true;
}

static void split(ptn_arena *a, ptn_block *b, size_t bytes) {
    if (b->bytes - bytes < SMALLEST_REST) return;
    ptn_block *after = block_after(b), *rest = (ptn_block *)((char *)b + bytes);
    *rest = (ptn_block){.bytes = b->bytes - bytes, .region = b->region, .before = b};
    if (after) after->before = rest;
    b->bytes = bytes;
    list_insert(a, rest);
}

// Whether a block may be taken from `b`. Small blocks are not placed in regions made for one large
// block: the next large block would not fit there and would need a new mapping, whose pages the
// kernel clears first.
static bool serves(const ptn_block *b, size_t bytes) {
    const size_t region = b->region->bytes;
    return b->bytes >= bytes && (region <= REGION_BYTES || bytes >= region / 2);
}

static ptn_block *first_fit(ptn_arena *a, size_t bytes) {
    ptn_block *b = a->free;
    while (b && !serves(b, bytes)) b = b->next;
    return b;
}

ptn_block *ptn_arena_take(ptn_arena *a, size_t bytes) {
    ptn_block *b = first_fit(a, bytes);
    if (!b && add_region(a, bytes)) b = first_fit(a, bytes);
    if (!b) return NULL;
    list_remove(a, b);
    split(a, b, bytes);
    return b;
}

// Merges `b` with the free block that follows it.
static void merge(ptn_block *b, const ptn_block *behind) {
    b->bytes += behind->bytes;
    ptn_block *after = block_after(b);
    if (after) after->before = b;
}

static bool is_empty(const ptn_region *r) {
    return r->first->is_free && r->first->bytes == r->bytes - REGION_HEADER;
}

static void remove_region(ptn_arena *a, ptn_region *r) {
    list_remove(a, r->first);
    ptn_region **link = &a->regions;
    while (*link != r) link = &(*link)->next;
    *link = r->next;
    a->reserved -= r->bytes;
    munmap(r->base, r->bytes);
}

void ptn_arena_put(ptn_arena *a, ptn_block *b, size_t keep) {
    ptn_block *behind = block_after(b), *before = b->before;
    if (behind && behind->is_free) {
        list_remove(a, behind);
        merge(b, behind);
    }
    if (before && before->is_free) {
        list_remove(a, before);
        merge(before, b);
        b = before;
    }
    list_insert(a, b);
    if (a->reserved > keep && is_empty(b->region)) remove_region(a, b->region);
}

void ptn_arena_trim(ptn_arena *a) {
    for (ptn_region *r = a->regions, *next; r; r = next) {
        next = r->next;
        if (is_empty(r)) remove_region(a, r);
    }
}
