// Sampling of volumes [n][d][h][w][c] at given positions, and grids of positions in them.
#ifndef PTN_GRID_VOLUME_H
#define PTN_GRID_VOLUME_H

#include "ptn_grid_sample.h"

typedef struct ptn_grid_volume_shape {
    size_t n, d, h, w, c; // input; each side at least 1, at most 2^22
    size_t out_d, out_h, out_w;
    ptn_grid_mode mode; // PTN_GRID_BILINEAR: the eight voxels around; PTN_GRID_NEAREST
    ptn_grid_padding padding;
    bool align_corners; // as in ptn_grid_sample_shape
} ptn_grid_volume_shape;

// y[n, oz, oy, ox, :] = x[n] at the position grid[n, oz, oy, ox, :] = (x, y, z), where x runs along
// w, y along h and z along d. Padding along each axis, and NaN positions, as for ptn_grid_sample.
// PTN_GRID_BICUBIC is PTN_BAD_ARGUMENT. Scratch: 14 KiB per thread and a row of zeros.
PTN_MUST_CHECK ptn_status ptn_grid_sample_volume(const ptn_runtime *runtime,
                                                 const ptn_grid_volume_shape *shape, const float *x,
                                                 const float *grid, float *y);

// grid[n, oz, oy, ox, :] = theta[n] * (bx, by, bz, 1), theta [n][3][4]; bx, by and bz as for
// ptn_affine_grid.
PTN_MUST_CHECK ptn_status ptn_affine_grid_volume(const ptn_runtime *runtime, size_t n, size_t out_d,
                                                 size_t out_h, size_t out_w, bool align_corners,
                                                 const float *theta, float *grid);

#endif
