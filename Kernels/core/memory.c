// Blocks of memory, counted by kind, and the pool of scratch blocks.
#define _DEFAULT_SOURCE // sysconf's names for memory
#include "arena.h"
#include "checked.h"
#include "memory_limit.h"
#include "ptn_memory.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { POOL_BLOCKS = 16 };
static const size_t POOL_BYTES = (size_t)256 << 20;
// Bounds for the reserved memory above which empty regions are unmapped: an eighth of the machine's
// memory, clamped to these. Below, regions are kept, since clearing new pages for every call takes
// as long as computing on them.
static const size_t LEAST_KEPT_BYTES = (size_t)256 << 20, MOST_KEPT_BYTES = (size_t)2 << 30;

// Smallest block taken from an arena; smaller ones come from the C library. For scratch it is
// larger: scratch is kept for reuse, so a few hundred kilobytes would occupy a whole huge page for
// good. With the address sanitizer, which cannot see the borders of blocks within a region, all
// blocks come from the library.
#ifndef __has_feature
#define __has_feature(x) 0
#endif
static size_t arena_bytes(ptn_memory_kind kind) {
    if (__has_feature(address_sanitizer)) return SIZE_MAX;
    return kind == PTN_MEMORY_SCRATCH ? (size_t)512 << 10 : 4096;
}

static ptn_arena arenas[PTN_MEMORY_KINDS] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
};

static _Thread_local uint64_t acquisitions;

uint64_t ptn_memory_acquisitions(void) { return acquisitions; }

static size_t kept_bytes(void) {
    static atomic_size_t known;
    size_t kept = atomic_load_explicit(&known, memory_order_relaxed);
    if (kept == 0) {
        const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
        const size_t eighth = pages > 0 && page > 0 ? (size_t)pages / 8 * (size_t)page : 0;
        kept = ptn_max(LEAST_KEPT_BYTES, ptn_min(eighth, MOST_KEPT_BYTES));
        atomic_store_explicit(&known, kept, memory_order_relaxed);
    }
    return kept;
}

static ptn_block *block_of(void *memory) {
    return (ptn_block *)((char *)memory - PTN_BLOCK_HEADER);
}

static ptn_block *library_block(size_t bytes) {
    ptn_block *b = aligned_alloc(64, bytes);
    if (b) b->region = NULL;
    return b;
}

void *ptn_memory_acquire(ptn_memory_kind kind, size_t asked) {
    size_t bytes;
    if (!ptn_add(asked, PTN_BLOCK_HEADER + 63, &bytes)) return NULL;
    bytes &= ~(size_t)63;
    if (!ptn_memory_charge(asked)) {
        // Cached free blocks count towards the limit: release them and try again.
        ptn_memory_trim();
        if (!ptn_memory_charge(asked)) return NULL;
    }
    acquisitions++;
    const bool small = bytes < arena_bytes(kind);
    ptn_block *b = small ? library_block(bytes) : NULL;
    ptn_arena *a = &arenas[kind];
    pthread_mutex_lock(&a->lock);
    if (!small) b = ptn_arena_take(a, bytes);
    if (b) {
        b->asked = asked;
        b->kind = (int)kind;
        a->live += asked;
        a->peak = ptn_max(a->peak, a->live);
    }
    pthread_mutex_unlock(&a->lock);
    if (!b) ptn_memory_discharge(asked);
    return b ? (char *)b + PTN_BLOCK_HEADER : NULL;
}

void ptn_memory_release(void *memory) {
    if (!memory) return;
    ptn_block *b = block_of(memory);
    ptn_arena *a = &arenas[b->kind];
    ptn_memory_discharge(b->asked);
    pthread_mutex_lock(&a->lock);
    a->live -= b->asked;
    const bool small = b->region == NULL;
    if (!small) ptn_arena_put(a, b, kept_bytes());
    pthread_mutex_unlock(&a->lock);
    if (small) free(b);
}

ptn_memory_usage ptn_memory_usage_of(ptn_memory_kind kind) {
    ptn_arena *a = &arenas[kind];
    pthread_mutex_lock(&a->lock);
    const ptn_memory_usage usage = {.live = a->live, .peak = a->peak, .reserved = a->reserved};
    pthread_mutex_unlock(&a->lock);
    return usage;
}

void ptn_memory_reset_peaks(void) {
    for (size_t kind = 0; kind < PTN_MEMORY_KINDS; kind++) {
        pthread_mutex_lock(&arenas[kind].lock);
        arenas[kind].peak = arenas[kind].live;
        pthread_mutex_unlock(&arenas[kind].lock);
    }
}

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static void *pool[POOL_BLOCKS];
static size_t pool_count, pool_bytes;

static size_t capacity_of(void *memory) { return block_of(memory)->asked; }

// Takes the smallest block that is large enough out of the pool; NULL if there is none.
static void *pool_take(size_t bytes) {
    size_t best = POOL_BLOCKS;
    for (size_t i = 0; i < pool_count; i++) {
        size_t capacity = capacity_of(pool[i]);
        if (capacity >= bytes && (best == POOL_BLOCKS || capacity < capacity_of(pool[best])))
            best = i;
    }
    if (best == POOL_BLOCKS) return NULL;
    void *memory = pool[best];
    pool[best] = pool[--pool_count];
    pool_bytes -= capacity_of(memory);
    return memory;
}

void *ptn_scratch_acquire(size_t bytes) {
    pthread_mutex_lock(&pool_lock);
    void *memory = pool_take(bytes);
    pthread_mutex_unlock(&pool_lock);
    return memory ? memory : ptn_memory_acquire(PTN_MEMORY_SCRATCH, bytes);
}

// Takes the smallest block out of a full pool if it is smaller than `bytes`, so that the pool does
// not stay full of small blocks.
static void *pool_give_way(size_t bytes) {
    size_t least = 0;
    for (size_t i = 1; i < pool_count; i++)
        if (capacity_of(pool[i]) < capacity_of(pool[least])) least = i;
    if (capacity_of(pool[least]) >= bytes) return NULL;
    void *memory = pool[least];
    pool[least] = pool[--pool_count];
    pool_bytes -= capacity_of(memory);
    return memory;
}

void ptn_scratch_release(void *memory) {
    if (!memory) return;
    const size_t capacity = capacity_of(memory);
    void *dropped = NULL;
    pthread_mutex_lock(&pool_lock);
    if (pool_count == POOL_BLOCKS) dropped = pool_give_way(capacity);
    const bool kept = pool_count < POOL_BLOCKS && capacity <= POOL_BYTES - pool_bytes;
    if (kept) {
        pool[pool_count++] = memory;
        pool_bytes += capacity;
    }
    pthread_mutex_unlock(&pool_lock);
    ptn_memory_release(dropped);
    if (!kept) ptn_memory_release(memory);
}

void ptn_memory_trim(void) {
    pthread_mutex_lock(&pool_lock);
    while (pool_count > 0) ptn_memory_release(pool[--pool_count]);
    pool_bytes = 0;
    pthread_mutex_unlock(&pool_lock);
    for (size_t kind = 0; kind < PTN_MEMORY_KINDS; kind++) {
        pthread_mutex_lock(&arenas[kind].lock);
        ptn_arena_trim(&arenas[kind]);
        pthread_mutex_unlock(&arenas[kind].lock);
    }
}
