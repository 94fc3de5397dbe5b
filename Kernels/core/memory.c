// Aligned memory and a pool of scratch blocks.
#include "checked.h"
#include "ptn_runtime.h"
#include <pthread.h>
#include <stdlib.h>

enum { ALIGNMENT = 64, HEADER = 64, POOL_BLOCKS = 16 };
static const size_t POOL_BYTES = (size_t)256 << 20;

static _Thread_local uint64_t allocations;

uint64_t ptn_allocation_count(void) { return allocations; }

void *ptn_aligned_alloc(size_t bytes) {
    size_t rounded;
    if (!ptn_add(bytes, ALIGNMENT - 1, &rounded)) return NULL;
    rounded &= ~(size_t)(ALIGNMENT - 1);
    if (rounded == 0) rounded = ALIGNMENT;
    allocations++;
    return aligned_alloc(ALIGNMENT, rounded);
}

void ptn_aligned_free(void *memory) { free(memory); }

// A block's capacity is written in front of it, so that release needs no size.
static size_t *capacity_of(void *memory) { return (size_t *)((char *)memory - HEADER); }

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static void *pool[POOL_BLOCKS];
static size_t pool_count, pool_bytes;

// The smallest kept block that is large enough, taken out of the pool; NULL when there is none.
static void *pool_take(size_t bytes) {
    size_t best = POOL_BLOCKS;
    for (size_t i = 0; i < pool_count; i++) {
        size_t capacity = *capacity_of(pool[i]);
        if (capacity >= bytes && (best == POOL_BLOCKS || capacity < *capacity_of(pool[best])))
            best = i;
    }
    if (best == POOL_BLOCKS) return NULL;
    void *memory = pool[best];
    pool[best] = pool[--pool_count];
    pool_bytes -= *capacity_of(memory);
    return memory;
}

void *ptn_scratch_acquire(size_t bytes) {
    pthread_mutex_lock(&pool_lock);
    void *memory = pool_take(bytes);
    pthread_mutex_unlock(&pool_lock);
    if (memory) return memory;

    size_t total;
    if (!ptn_add(bytes, HEADER, &total)) return NULL;
    char *block = ptn_aligned_alloc(total);
    if (!block) return NULL;
    memory = block + HEADER;
    *capacity_of(memory) = bytes;
    return memory;
}

void ptn_scratch_release(void *memory) {
    if (!memory) return;
    size_t capacity = *capacity_of(memory);
    pthread_mutex_lock(&pool_lock);
    bool kept = pool_count < POOL_BLOCKS && capacity <= POOL_BYTES - pool_bytes;
    if (kept) {
        pool[pool_count++] = memory;
        pool_bytes += capacity;
    }
    pthread_mutex_unlock(&pool_lock);
    if (!kept) ptn_aligned_free((char *)memory - HEADER);
}

void ptn_scratch_trim(void) {
    pthread_mutex_lock(&pool_lock);
    while (pool_count > 0) ptn_aligned_free((char *)pool[--pool_count] - HEADER);
    pool_bytes = 0;
    pthread_mutex_unlock(&pool_lock);
}
