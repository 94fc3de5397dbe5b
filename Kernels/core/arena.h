// An allocator of large blocks over regions of huge pages.
#ifndef PTN_ARENA_H
#define PTN_ARENA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct ptn_region ptn_region;

// The header of a block, 64 bytes before the memory that the user gets.
typedef struct ptn_block {
    size_t bytes;               // including this header, up to the next block
    size_t asked;               // requested by the user
    ptn_region *region;         // NULL: from the C library
    struct ptn_block *before;   // the block before this one in memory; NULL at a region's start
    struct ptn_block *previous; // free blocks of the arena, in order of address
    struct ptn_block *next;
    int kind;
    bool is_free;
} ptn_block;
_Static_assert(sizeof(ptn_block) <= 64, "a header is one cache line");
#define PTN_BLOCK_HEADER ((size_t)64)

typedef struct ptn_arena {
    pthread_mutex_t lock;
    ptn_region *regions;
    ptn_block *free;
    size_t live, peak, reserved;
} ptn_arena;

// A block of at least `bytes`, a multiple of 64 including the header; NULL if memory is short. The
// caller holds the lock.
ptn_block *ptn_arena_take(ptn_arena *arena, size_t bytes);
// Returns a block to the arena. Empty regions are unmapped while more than `keep` bytes are
// reserved.
void ptn_arena_put(ptn_arena *arena, ptn_block *block, size_t keep);
// Unmaps every empty region.
void ptn_arena_trim(ptn_arena *arena);

#endif
