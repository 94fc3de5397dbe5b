// Dynamic shift-max: the maximum of one or two mixtures of a channel with a channel of the next
// group. Li et al., ICCV 2021 (arXiv 2108.05894).
#ifndef PTN_SHIFT_MAX_H
#define PTN_SHIFT_MAX_H

#include "ptn_runtime.h"

enum { PTN_SHIFT_MAX_MOST_PIECES = 2 };

// y[s, p, c] = max over k of (a_k[s, c] * x[s, p, c] + b_k[s, c] * x[s, p, shifted(c)]).
//
// The channels are cut into `groups` equal groups of n channels; member m of group q is mixed with
// member (m + 1) mod n of group (q + 1) mod groups. `coefficients` is [samples, 2 * pieces,
// channels]: the rows a_1 ... a_K, then b_1 ... b_K; K is 1 or 2. PTN_BAD_ARGUMENT unless
// `channels` is a multiple of `groups`. NaN in a mixture gives NaN. x and y must not overlap.
//
// Scratch memory: 8 bytes per channel.
PTN_MUST_CHECK ptn_status ptn_shift_max(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                        size_t channels, size_t groups, size_t pieces,
                                        const float *x, const float *coefficients, float *y);

#endif
