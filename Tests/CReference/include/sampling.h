// Sampling at positions that depend on the input, as plain loops in double precision. Positions are
// rounded to float where the kernels round them: next to an edge or between two pixels that decides
// what is read.
#ifndef SAMPLING_REFERENCE_H
#define SAMPLING_REFERENCE_H

#include "reference.h"

// y[n, oy, ox, k] = sum of weights[k, c, i, j] * mask * x sampled at the displaced tap; `mask` may
// be NULL. magnitude: the same sum of absolute values.
void reference_deform_conv2d(const reference_conv2d *p, long offset_groups, const float *x,
                             const float *offset, const float *mask, const float *weights,
                             double *y, double *magnitude);

// x[:, :, channel] of one sample [h][w][c] at (y, x), bilinear, zeros outside; NaN for NaN.
double reference_bilinear(const float *x, long h, long w, long c, long channel, float py, float px);

#endif
