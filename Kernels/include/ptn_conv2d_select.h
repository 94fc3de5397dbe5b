// Convolution of chosen channels, which differ from sample to sample.
#ifndef PTN_CONV2D_SELECT_H
#define PTN_CONV2D_SELECT_H

#include "ptn_conv2d.h"
#include <stdint.h>

// The chosen channels of every sample. Sample s has the channels list[offsets[s]], ...,
// list[offsets[s + 1] - 1], ascending, no channel twice.
typedef struct ptn_channel_sets {
    const size_t *offsets; // [n + 1], from 0 on; NULL: all channels of all samples
    const int32_t *list;
} ptn_channel_sets;

// How chosen channels are computed. All ways give equal bits for finite values.
typedef enum ptn_select_way {
    PTN_SELECT_AUTO = 0, // the faster of the two by an estimate
    // Chosen channels of pixels and weights are copied side by side, and the copies convolved.
    // Neither for groups of channels other than depthwise ones nor for PTN_CONV2D_NARROW: as
    // PTN_SELECT_PANELS.
    PTN_SELECT_COMPACT,
    // Panels of output channels of which none is chosen are left out, others are computed as a
    // whole.
    PTN_SELECT_PANELS,
} ptn_select_way;

// y = act(gate * sum + bias + residual) for the chosen output channels of every sample, where the
// sum runs over the sample's chosen input channels, and 0 for its other output channels. `shape` is
// that of the whole layer, whose algorithm is used, `packed` the layer's weights packed for it.
// Layouts are those of ptn_conv2d; x and y have all channels. For a depthwise convolution `inputs`
// counts as well as `outputs`: an output channel whose input channel is not chosen is computed from
// zeros. A residual must not be y.
//
// `used`: NULL, or receives the way that was used. `guard` as for ptn_conv2d. Bits do not depend on
// the number of threads or on the other samples. Scratch: copies of the chosen channels of x, of y
// and of a residual and factor, and of each sample's chosen weights, for one bucket of samples
// whose lists have equal lengths when rounded up to whole vectors. PTN_BAD_ARGUMENT for lists that
// are not ascending or pass the channels.
PTN_MUST_CHECK ptn_status ptn_conv2d_select(
    const ptn_runtime *runtime, const ptn_conv2d_shape *shape, const ptn_channel_sets *inputs,
    const ptn_channel_sets *outputs, ptn_select_way way, const float *x, const float *packed,
    const ptn_conv2d_epilogue *epilogue, float *y, ptn_conv2d_guard *guard, ptn_select_way *used);

#endif
