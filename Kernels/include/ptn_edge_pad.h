// Padding of maps with their own values.
#ifndef PTN_EDGE_PAD_H
#define PTN_EDGE_PAD_H

#include "ptn_runtime.h"

typedef enum ptn_edge_mode {
    PTN_EDGE_REPLICATE = 0, // ... a a a b c d d d ...
    PTN_EDGE_REFLECT,       // ... c b a b c d c b ...: the edge itself is not repeated
} ptn_edge_mode;

// Rows and columns added on each side.
typedef struct ptn_edge_sizes {
    size_t top, bottom, left, right;
} ptn_edge_sizes;

// x [n, h, w, c] to y [n, top + h + bottom, left + w + right, c]. h and w must be at least 1 and,
// with reflection, greater than the padding on each side. x and y must not overlap.
PTN_MUST_CHECK ptn_status ptn_edge_pad(const ptn_runtime *runtime, ptn_edge_mode mode,
                                       const ptn_edge_sizes *sizes, size_t n, size_t h, size_t w,
                                       size_t c, const float *x, float *y);

#endif
