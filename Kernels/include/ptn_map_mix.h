// A sum of maps, each multiplied by one number per sample and channel: the last step of selective
// kernels (Li et al., arXiv 1903.06586) and of split attention (Zhang et al., arXiv 2004.08955).
#ifndef PTN_MAP_MIX_H
#define PTN_MAP_MIX_H

#include "ptn_runtime.h"

enum { PTN_MAP_MIX_MOST = 8 };

// y[s, p, c] = sum over k of weights[s, k, c] * maps[k][(s * pixels + p) * map_step + c].
//
// `count` maps, 1 ... PTN_MAP_MIX_MOST, of `samples` x `pixels` rows of `channels` floats, the rows
// `map_step` floats apart: `channels` for separate maps, more for parts of one wider map. `weights`
// is [samples, count, channels]. y is [samples, pixels, channels] and must not overlap the maps.
// Summed in the order of the maps. NaN in a map or a weight gives NaN.
PTN_MUST_CHECK ptn_status ptn_map_mix(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                      size_t channels, size_t count, const float *const *maps,
                                      size_t map_step, const float *weights, float *y);

#endif
