// How well the channels of a pixel fit a vector, group by group: the similarity of spatial
// group-wise enhancement.
#ifndef PTN_GROUP_DOT_H
#define PTN_GROUP_DOT_H

#include "ptn_runtime.h"

// y[s, p, g] = sum over the channels c of group g of x[s, p, c] * factors[s, c]: x [samples,
// pixels, channels], factors [samples, channels], y [samples, pixels, groups]. `groups` divides
// `channels`; a group's channels follow each other. Sums are in single precision, in an order that
// depends on the size of a group only.
PTN_MUST_CHECK ptn_status ptn_group_dot(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                        size_t channels, size_t groups, const float *x,
                                        const float *factors, float *y);

#endif
