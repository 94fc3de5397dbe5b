// The last step of attention: a map multiplied by gates of a few kinds at once, in one read and one
// write of the map.
#ifndef PTN_MAP_GATE_H
#define PTN_MAP_GATE_H

#include "ptn_activation.h"
#include "ptn_runtime.h"

// How the gates g1, g2, ... of an element become the factor of this element.
typedef enum ptn_gate_kind {
    PTN_GATE_PRODUCT = 0,      // x * g1 * g2 ..., multiplied from the left
    PTN_GATE_SUM,              // x * (g1 + g2 ...)
    PTN_GATE_MEAN,             // x * ((g1 + g2 ...) / their count)
    PTN_GATE_MAXIMUM,          // x * max(g1, g2 ...); NaN if one of them is
    PTN_GATE_SIGMOID_OF_SUM,   // x * sigmoid(g1 + g2 ...)
    PTN_GATE_ONE_PLUS_SIGMOID, // x * (1 + sigmoid(g1 * g2 ...))
} ptn_gate_kind;

// Gates of a map [n, h, w, c]; each may be NULL, but not all, and not both of the first two. They
// are combined in this order.
typedef struct ptn_map_gates {
    ptn_gate_kind kind;
    const float *samples; // [n, c]: one per channel
    const float *rows;    // [n, h, c]: one per channel and row
    const float *columns; // [n, w, c]: one per channel and column
    const float *pixels;  // [n, h, w]: one per pixel
} ptn_map_gates;

// y = act(x * gates + residual) for x, y and residual [n, h, w, c]; residual may be NULL. Products
// are rounded before the residual is added. y may be x or residual.
PTN_MUST_CHECK ptn_status ptn_gate_map(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                       size_t c, const float *x, const ptn_map_gates *gates,
                                       const float *residual, const ptn_activation_spec *activation,
                                       float *y);

// The same with one gate per pixel and group of size / groups channels: gates [pixels, groups], x
// [pixels, channels], where `groups` divides `channels`.
PTN_MUST_CHECK ptn_status ptn_gate_groups(const ptn_runtime *runtime, size_t pixels,
                                          size_t channels, size_t groups, const float *x,
                                          const float *gates, const float *residual,
                                          const ptn_activation_spec *activation, float *y);

#endif
