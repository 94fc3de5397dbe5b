// Sampling of NHWC maps at given positions, and grids of positions from affine maps.
#ifndef PTN_GRID_SAMPLE_H
#define PTN_GRID_SAMPLE_H

#include "ptn_runtime.h"

typedef enum ptn_grid_mode {
    PTN_GRID_BILINEAR = 0,
    PTN_GRID_NEAREST, // halves to the even pixel
    PTN_GRID_BICUBIC, // cubic convolution with a = -0.75, four pixels along each axis
} ptn_grid_mode;

// Values of pixels outside the map.
typedef enum ptn_grid_padding {
    PTN_GRID_ZEROS = 0,  // a pixel outside of the map is 0
    PTN_GRID_BORDER,     // the nearest pixel of the edge
    PTN_GRID_REFLECTION, // reflected at the centres of the edge pixels (corners aligned), or at
                         // their outer edges
} ptn_grid_padding;

typedef struct ptn_grid_sample_shape {
    size_t n, h, w, c; // input; h and w at least 1, at most 2^22, h * w below 2^31
    size_t out_h, out_w;
    ptn_grid_mode mode;
    ptn_grid_padding padding;
    // Whether -1 and 1 are the centres of the edge pixels, p = (g + 1) / 2 * (size - 1), or their
    // outer edges, p = ((g + 1) * size - 1) / 2.
    bool align_corners;
} ptn_grid_sample_shape;

// y[n, oy, ox, :] = x[n] at the position grid[n, oy, ox, :] = (x, y), where x runs along w. Border
// and reflection are applied to the position (bicubic: to each of the 16 pixels). A NaN position
// gives NaN with zeros (nearest: 0) and with bicubic, otherwise pixel 0 along that axis. An
// infinite position gives NaN with bicubic, 0 with zeros, the last or first pixel with border and
// pixel 0 with reflection. Scratch: 16 KiB per thread and a row of zeros.
PTN_MUST_CHECK ptn_status ptn_grid_sample(const ptn_runtime *runtime,
                                          const ptn_grid_sample_shape *shape, const float *x,
                                          const float *grid, float *y);

// grid[n, oy, ox, :] = theta[n] * (bx, by, 1), theta [n][2][3]. bx runs from -1 to 1 over the
// columns, which are the centres of the edge pixels if corners are aligned; otherwise it is
// multiplied by (out_w - 1) / out_w. With one column it is 0. by follows the same rule over the
// rows.
PTN_MUST_CHECK ptn_status ptn_affine_grid(const ptn_runtime *runtime, size_t n, size_t out_h,
                                          size_t out_w, bool align_corners, const float *theta,
                                          float *grid);

#endif
