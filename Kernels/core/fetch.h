// Prefetching.
#ifndef PTN_FETCH_H
#define PTN_FETCH_H

#include <stddef.h>

// Size of a layer's maps from which prefetching pays: the smaller one with much arithmetic per
// byte, else the larger one. Maps above the smaller size only partly stay in the caches from one
// layer to the next, maps above the larger hardly at all.
#define PTN_FAR_BYTES ((size_t)6 << 20)
#define PTN_FARTHEST_BYTES ((size_t)16 << 20)

// Prefetches floats into the second-level cache. Not into the first: it has few fill buffers, which
// ordinary loads need too.
static inline void ptn_fetch(const float *from, size_t floats) {
    for (size_t i = 0; i < floats; i += 16) __builtin_prefetch(from + i, 0, 2);
}

#endif
