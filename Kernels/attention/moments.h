// First and second moments of every channel of a map, in blocks of pixels: what deviations and
// variances are made of.
#ifndef PTN_ATTENTION_MOMENTS_H
#define PTN_ATTENTION_MOMENTS_H

#include "../core/checked.h"
#include "ptn_runtime.h"

enum {
    PTN_MOMENTS_PIXELS = 128, // of a block; the last one may have fewer
    PTN_MOMENTS_PLANES = 3,   // numbers per block and channel
};

// Reads `pixels` pixels of `channels` channels, `step` floats apart, and writes for each block
// three rows that are `plane` floats apart: an approximate mean m, the sum of x - m, and the sum of
// (x - m)^2. Blocks of the result are `block` floats apart. The numbers of a block do not depend on
// the blocks that are computed in the same call.
typedef void (*ptn_moments_fn)(size_t pixels, size_t step, size_t channels, const float *x,
                               size_t plane, size_t block, float *part);

// Blocks per task: at least `floats` floats of x, or whatever there is.
static inline size_t ptn_moments_blocks(size_t channels, size_t floats) {
    return ptn_max(1, floats / ptn_max(1, PTN_MOMENTS_PIXELS * channels));
}

// Indexed by ptn_isa.
extern const ptn_moments_fn ptn_moments_blocks_of[PTN_ISA_COUNT];

typedef struct ptn_moments {
    double mean;
    double squares; // sum of (x - mean)^2
} ptn_moments;

// Combines the blocks of one channel of a sample of `pixels` pixels. `part` is the first block's m,
// the next rows are `plane` floats apart, and the next blocks `block` floats.
static inline ptn_moments ptn_moments_of(size_t pixels, size_t plane, size_t block,
                                         const float *part) {
    double sum = 0, squares = 0;
    for (size_t p = 0, b = 0; p < pixels; p += PTN_MOMENTS_PIXELS, b += block) {
        const double n = (double)ptn_min(PTN_MOMENTS_PIXELS, pixels - p);
        sum += n * (double)part[b] + (double)part[b + plane];
    }
    const double mean = sum / (double)pixels;
    for (size_t p = 0, b = 0; p < pixels; p += PTN_MOMENTS_PIXELS, b += block) {
        const double n = (double)ptn_min(PTN_MOMENTS_PIXELS, pixels - p);
        // sum (x - mean)^2 = sum (x - m)^2 + 2 (m - mean) sum (x - m) + n (m - mean)^2
        const double off = (double)part[b] - mean;
        squares += (double)part[b + 2 * plane] + off * (2 * (double)part[b + plane] + n * off);
    }
    return (ptn_moments){mean, squares};
}

#endif
