// Plain loops in double precision: what the kernels are tested against. Written for the eye, in the
// order of the formulas, without any of the kernels' tricks. A C target, because loops in a debug
// build of the tests would take minutes.
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>

typedef struct reference_conv2d {
    long n, h, w, c, k, kh, kw, sh, sw, dh, dw, top, left, oh, ow, groups;
} reference_conv2d;

// y[n, oy, ox, k] = sum of x[n, oy*sh - top + i*dh, ox*sw - left + j*dw, g*C/G + c]
//                   * weights[s][k, c, i, j] over taps inside the image and channels of k's group;
// s = n when `per_sample`, else 0. magnitude: the same sum of absolute values, for tolerances.
void reference_conv2d_run(const reference_conv2d *p, const float *x, const double *weights,
                          int per_sample, double *y, double *magnitude);

// The transposed convolution: every x[n, iy, ix, c] times weights[c, k, i, j] is added to
// y[n, iy*sh + i*dh - top, ix*sw + j*dw - left, k] where that is inside the output, k in c's group.
// magnitude: the same sum of absolute values.
void reference_conv_transpose2d_run(const reference_conv2d *p, const float *x,
                                    const double *weights, double *y, double *magnitude);

// Unpacks deflated data (as in zip members) or a gzip file into exactly `target_size` bytes; 1 when
// that succeeds. For reading published test data.
int reference_inflate(const unsigned char *source, size_t source_size, int gzip,
                      unsigned char *target, size_t target_size);

// Leaves the calling thread, and those that it starts later, the first of the CPUs that it may use.
// 1 when that succeeds; 0 where there is no way to, as outside Linux.
int reference_keep_one_cpu(void);

#endif
