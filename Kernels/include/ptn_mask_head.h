// Masks of instances by small networks of their own (Tian, Shen, Chen, "Conditional Convolutions
// for Instance Segmentation", arXiv 2003.05664): per instance and pixel a few fully connected
// layers with ReLU between them, whose weights are an input.
//
//     input of the first layer   [rel_x, rel_y, features of the pixel], or the features alone
//     rel_x                      (location_x - (stride * x + stride / 2)) / size, likewise rel_y
//     outputs of the layers      channels, ..., channels, 1
#ifndef PTN_MASK_HEAD_H
#define PTN_MASK_HEAD_H

#include "ptn_runtime.h"

enum { PTN_MASK_HEAD_MOST_CHANNELS = 64, PTN_MASK_HEAD_MOST_LAYERS = 8 };

typedef struct ptn_mask_head_shape {
    size_t n, h, w, c;       // of the features [n][h][w][c]; c at most PTN_MASK_HEAD_MOST_CHANNELS
    size_t instances;        // of all samples
    size_t channels, layers; // 1 ... MOST_CHANNELS, 2 ... MOST_LAYERS
    bool coordinates;        // whether the relative coordinates are inputs
    size_t stride;           // of the features, in the units of locations
} ptn_mask_head_shape;

// Numbers of one instance: the weights of all layers, each [out][in], then their biases.
size_t ptn_mask_head_parameters(const ptn_mask_head_shape *shape);

// parameters [instances][ptn_mask_head_parameters]; samples [instances], below n; locations
// [instances][2], x and y, and sizes [instances], both read only with coordinates; logits
// [instances][h][w]. Scratch: the weights of all instances once more, and (c + 4) * 2 KiB per
// thread. PTN_BAD_ARGUMENT when a number is out of its range.
PTN_MUST_CHECK ptn_status ptn_mask_head(const ptn_runtime *runtime,
                                        const ptn_mask_head_shape *shape, const float *features,
                                        const float *parameters, const int32_t *samples,
                                        const float *locations, const float *sizes, float *logits);

// Enlarges maps [maps][h][w] by a whole factor, so that pixel i of the input lies at pixel factor *
// i + factor / 2 of the result: linear interpolation between neighbours, the edge repeated beyond.
// y [maps][factor * h][factor * w].
PTN_MUST_CHECK ptn_status ptn_mask_enlarge(const ptn_runtime *runtime, size_t maps, size_t h,
                                           size_t w, size_t factor, const float *x, float *y);

#endif
