// Rectangles cut out of the samples of a batch.
#ifndef PTN_CROP_H
#define PTN_CROP_H

#include "ptn_runtime.h"

// Where a rectangle lies: its sample, and its first row and column, which may lie outside the map.
typedef struct ptn_crop_place {
    size_t sample;
    ptrdiff_t row, column;
} ptn_crop_place;

enum {
    // Rows and columns of a place are at most this far from 0.
    PTN_CROP_FARTHEST = 1 << 30
};

// y[i][r][q][k] = x[places[i].sample][places[i].row + r][places[i].column + q][k], and 0 where
// that is outside the map: x is [samples][height][width][channels], y is
// [count][crop_height][crop_width][channels]. Copies bits. A rectangle that lies outside as a
// whole is zero. x and y must not overlap.
//
// PTN_BAD_ARGUMENT when a sample is not in 0 ..< samples, a place is farther than
// PTN_CROP_FARTHEST, or a pointer to something is NULL.
PTN_MUST_CHECK ptn_status ptn_crop(const ptn_runtime *runtime, size_t samples, size_t height,
                                   size_t width, size_t channels, size_t count,
                                   const ptn_crop_place *places, size_t crop_height,
                                   size_t crop_width, const float *x, float *y);

#endif
