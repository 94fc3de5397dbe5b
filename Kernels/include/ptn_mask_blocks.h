// Blocks of pixels: lists of active blocks, and copies between maps and stacks of blocks, as in
// SBNet (Ren, Pokrovsky, Yang, Urtasun, arXiv 1801.02108).
#ifndef PTN_MASK_BLOCKS_H
#define PTN_MASK_BLOCKS_H

#include "ptn_mask_plan.h"

// A grid of blocks over a map: block (i, j) has its top left pixel at
// (i * step_h - pad_top, j * step_w - pad_left) and may reach beyond the map.
typedef struct ptn_mask_blocks {
    size_t height, width;  // of a block, at least 1
    size_t step_h, step_w; // at least 1
    size_t pad_top, pad_left;
    size_t down, across; // blocks of one sample; down * across is below 2^31
} ptn_mask_blocks;

// In the following functions a list of blocks has the indices i * across + j within the sample, in
// ascending order, one sample after the other; offsets[s] blocks come before sample s, s = 0 ... n.
// A list to be written must have room for n * down * across entries.

// Blocks that hold an active pixel.
PTN_MUST_CHECK ptn_status ptn_mask_active_blocks(const ptn_mask_plan *plan,
                                                 const ptn_mask_blocks *blocks, int32_t *indices,
                                                 size_t *offsets);
// Blocks over which the mean of `mask` [n][h][w] is above `threshold`; outside the map the mask is
// 0. Summed in double precision; a NaN mean is not above the threshold.
PTN_MUST_CHECK ptn_status ptn_mask_average_blocks(size_t n, size_t h, size_t w, const float *mask,
                                                  float threshold, const ptn_mask_blocks *blocks,
                                                  int32_t *indices, size_t *offsets);

// stack[b] = the pixels of block b, 0 outside the map: [blocks][height][width][c].
PTN_MUST_CHECK ptn_status ptn_mask_gather_blocks(const ptn_runtime *runtime, size_t n, size_t h,
                                                 size_t w, size_t c, const ptn_mask_blocks *blocks,
                                                 const int32_t *indices, const size_t *offsets,
                                                 const float *map, float *stack);
// The inverse copy, from the stack to the map: where blocks overlap, the later block is kept;
// pixels outside the map are dropped, and pixels in no block keep their values. With `adds`, blocks
// are added to the map, in order.
PTN_MUST_CHECK ptn_status ptn_mask_scatter_blocks(const ptn_runtime *runtime, size_t n, size_t h,
                                                  size_t w, size_t c, const ptn_mask_blocks *blocks,
                                                  const int32_t *indices, const size_t *offsets,
                                                  bool adds, const float *stack, float *map);

#endif
