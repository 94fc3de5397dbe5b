// Bringing memory nearer before it is wanted.
#ifndef PTN_FETCH_H
#define PTN_FETCH_H

#include <stddef.h>

// Maps of more than this together hardly stay in caches from one layer to the next; of the second
// hardly any of them. Where there is much to compute, fetching pays from the first on, else from
// the second.
#define PTN_FAR_BYTES ((size_t)6 << 20)
#define PTN_FARTHEST_BYTES ((size_t)16 << 20)

// Brings floats into the second-level cache: many at once, since what is on its way into the first
// has few places, which the loads in between need.
static inline void ptn_fetch(const float *from, size_t floats) {
    for (size_t i = 0; i < floats; i += 16) __builtin_prefetch(from + i, 0, 2);
}

#endif
