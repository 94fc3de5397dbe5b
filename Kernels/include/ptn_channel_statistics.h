// Statistics of every channel over the pixels of a map, several in one read of the map: what
// channel attention is computed from.
#ifndef PTN_CHANNEL_STATISTICS_H
#define PTN_CHANNEL_STATISTICS_H

#include "ptn_runtime.h"

// Flags; results are in this order.
enum {
    PTN_STATISTIC_MEAN = 1,
    PTN_STATISTIC_DEVIATION = 2, // sqrt(sum (x - mean)^2 / (pixels - correction) + epsilon)
    PTN_STATISTIC_MAX = 4,       // NaN if the channel holds one
    PTN_STATISTIC_L1 = 8,        // sum |x|
    PTN_STATISTIC_L2 = 16,       // sqrt(sum x^2 + epsilon)
    PTN_STATISTIC_ALL = 31,
};

// x [samples, pixels, channels], pixels at least 1, to y [samples, statistics, channels], one row
// per flag in `statistics`. With no more pixels than `correction` the variance is 0.
//
// Deviations: blocks of 128 pixels are summed relative to one of their values and combined in
// double precision, so neither the size of the map nor a mean that is large compared with the
// deviation costs precision. Other sums: blocks of 256 pixels (of 128 beside deviations) in single
// precision, 16 pixels at a time, combined in double precision. The order depends on the shape
// alone. Squares beyond the range of float give infinity in L2. Scratch: at most 6 floats per block
// and channel.
PTN_MUST_CHECK ptn_status ptn_channel_statistics(const ptn_runtime *runtime, unsigned statistics,
                                                 size_t samples, size_t pixels, size_t channels,
                                                 size_t correction, double epsilon, const float *x,
                                                 float *y);

#endif
