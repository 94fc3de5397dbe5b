// Positions of a grid along one axis, shared by the sampling of maps and of volumes.
#ifndef PTN_GRID_H
#define PTN_GRID_H

#include "ptn_grid_sample.h"
#include <math.h>

// How grid values become pixel positions along one axis.
typedef struct ptn_grid_axis {
    float scale, shift; // position = (g + 1) * scale + shift
    float last;         // the last pixel
    float low, span;    // positions are reflected at low and low + span
} ptn_grid_axis;

static inline ptn_grid_axis ptn_axis_rule(size_t size, bool align_corners) {
    const float n = (float)size;
    if (align_corners)
        return (ptn_grid_axis){.scale = (n - 1) / 2, .last = n - 1, .low = 0, .span = n - 1};
    return (ptn_grid_axis){.scale = n / 2, .shift = -0.5f, .last = n - 1, .low = -0.5f, .span = n};
}

// Position i of `count` between -1 and 1, computed from the nearer end.
static inline float ptn_base_position(size_t i, size_t count, bool align_corners) {
    if (count <= 1) return 0;
    const float step = 2.0f / (float)(count - 1);
    const float p = i < count / 2 ? step * (float)i - 1 : 1 - step * (float)(count - 1 - i);
    return align_corners ? p : p * ((float)(count - 1) / (float)count);
}

#endif
