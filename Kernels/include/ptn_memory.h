// Memory for tensors, packed weights and scratch.
//
// Large blocks are cut from regions of huge pages and used again at once, lowest address first: a
// network's activations live in as little memory as their overlap allows, stay in the caches, and
// cost neither page faults nor address translations.
#ifndef PTN_MEMORY_H
#define PTN_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// What a block is for. Kinds are kept apart, so that weights that stay do not break up the space of
// activations that come and go.
typedef enum ptn_memory_kind {
    PTN_MEMORY_TENSORS = 0,
    PTN_MEMORY_WEIGHTS = 1, // packed weights
    PTN_MEMORY_SCRATCH = 2, // also what the scratch pool keeps for later
} ptn_memory_kind;
#define PTN_MEMORY_KINDS 3

// 64-byte aligned memory with undefined contents; NULL when it cannot be had, or when more than the
// limit would be in use. Thread-safe.
void *ptn_memory_acquire(ptn_memory_kind kind, size_t bytes);
// Frees a block of any kind; NULL is allowed.
void ptn_memory_release(void *memory);

// All in bytes, over the whole process.
typedef struct ptn_memory_usage {
    size_t live;     // in blocks that are in use
    size_t peak;     // the most that `live` has been since the start or the last reset
    size_t reserved; // taken from the system for large blocks; part of it may never be touched
} ptn_memory_usage;
ptn_memory_usage ptn_memory_usage_of(ptn_memory_kind kind);
// Lets every kind's peak begin again at what is live.
void ptn_memory_reset_peaks(void);
// The most bytes that blocks of all kinds together may have: at first the number in the
// environment's PROTEAN_MEMORY_LIMIT, without one three quarters of the machine's memory, or of the
// control group's.
size_t ptn_memory_limit(void);
// Sets it, at least 1; blocks in use stay.
void ptn_memory_set_limit(size_t bytes);
// How often the calling thread acquired a block.
uint64_t ptn_memory_acquisitions(void);

// Scratch memory, kept and handed out again: a repeated call of the same size acquires nothing.
// At most 16 blocks and 256 MiB are kept. Thread-safe.
void *ptn_scratch_acquire(size_t bytes);
void ptn_scratch_release(void *memory);

// Gives back to the system what is kept for later: scratch blocks and free regions.
void ptn_memory_trim(void);

#endif
