// Memory for tensors, packed weights and scratch.
//
// Large blocks are cut from regions of huge pages and reused at once, lowest address first. So a
// network's activations take as little memory as their lifetimes allow, stay in the caches, and
// cause hardly any page faults or TLB misses.
#ifndef PTN_MEMORY_H
#define PTN_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Use of a block. Kinds have separate regions, so that long-lived weights do not fragment the
// memory of short-lived activations.
typedef enum ptn_memory_kind {
    PTN_MEMORY_TENSORS = 0,
    PTN_MEMORY_WEIGHTS = 1, // packed weights
    PTN_MEMORY_SCRATCH = 2, // including blocks that the scratch pool keeps for reuse
} ptn_memory_kind;
#define PTN_MEMORY_KINDS 3

// 64-byte aligned memory with undefined contents; NULL if there is none, or if the limit would be
// exceeded. Thread-safe.
void *ptn_memory_acquire(ptn_memory_kind kind, size_t bytes);
// Frees a block of any kind; NULL is allowed.
void ptn_memory_release(void *memory);

// All in bytes, over the whole process.
typedef struct ptn_memory_usage {
    size_t live;     // in blocks that are in use
    size_t peak;     // the most that `live` has been since the start or the last reset
    size_t reserved; // mapped for large blocks; part of it may never be written
} ptn_memory_usage;
ptn_memory_usage ptn_memory_usage_of(ptn_memory_kind kind);
// Resets every kind's peak to its live bytes.
void ptn_memory_reset_peaks(void);
// The most bytes that blocks of all kinds together may take. Initially the number in the
// environment variable PROTEAN_MEMORY_LIMIT, or, without it, three quarters of the memory of the
// machine or the control group.
size_t ptn_memory_limit(void);
// Sets the limit, at least 1; blocks in use are kept.
void ptn_memory_set_limit(size_t bytes);
// Number of blocks that the calling thread has acquired.
uint64_t ptn_memory_acquisitions(void);

// Scratch memory, kept for reuse: a repeated call of the same size acquires no new block. At most
// 16 blocks and 256 MiB are kept. Thread-safe.
void *ptn_scratch_acquire(size_t bytes);
void ptn_scratch_release(void *memory);

// Returns memory kept for reuse to the system: scratch blocks and free regions.
void ptn_memory_trim(void);

#endif
