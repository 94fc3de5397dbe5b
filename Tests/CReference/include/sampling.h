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

// The core of DCNv3: z[n, oy, ox, g, c] = sum of mask[.., g, p] * x[n, :, :, g, c] sampled at point
// p, points column by column, offsets (x, y). Square kernels; `remove_center` leaves a point out.
typedef struct reference_aggregate {
    long n, h, w, c, groups, k, stride, pad, dilation, oh, ow, remove_center;
    double scale;
} reference_aggregate;
void reference_deform_aggregate(const reference_aggregate *p, const float *x, const float *offset,
                                const float *mask, double *y);

#endif
