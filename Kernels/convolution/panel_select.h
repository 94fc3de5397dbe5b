// Chosen channels of packed panels, as panels of their own.
#ifndef PTN_CONVOLUTION_PANEL_SELECT_H
#define PTN_CONVOLUTION_PANEL_SELECT_H

#include "algorithm.h"
#include "panels.h"

// Copies chosen channels from the packed panels of `shape`, each [planes][channel][width], to
// panels of `part`; one group. Channels beyond the lists are zeros.
void ptn_panels_select(ptn_isa isa, size_t planes, const ptn_conv2d_shape *shape,
                       const float *packed, const ptn_conv2d_shape *part,
                       const ptn_channel_lists *lists, float *selected);

#endif
