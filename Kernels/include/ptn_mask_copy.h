// Copies between dense maps and compact forms: rows of active pixels, and blocks of pixels as in
// SBNet (Ren, Pokrovsky, Yang, Urtasun, arXiv 1801.02108).
#ifndef PTN_MASK_COPY_H
#define PTN_MASK_COPY_H

#include "ptn_mask_plan.h"

// rows[i] = map[the i-th active pixel]: [count][c] from [n][h][w][c].
PTN_MUST_CHECK ptn_status ptn_mask_gather(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                          size_t c, const float *map, float *rows);
// The other way; other pixels of the map stay as they are.
PTN_MUST_CHECK ptn_status ptn_mask_scatter(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                           size_t c, const float *rows, float *map);
// map[p] = base[p] where `plan` is not active, 0 where there is no base.
PTN_MUST_CHECK ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *plan, size_t c,
                                                 const float *base, float *map);

// A grid of blocks over a map: block (i, j) has its top left pixel at
// (i * step_h - pad_top, j * step_w - pad_left) and may reach beyond the map.
typedef struct ptn_mask_blocks {
    size_t height, width;     // of a block, at least 1
    size_t step_h, step_w;    // at least 1
    size_t pad_top, pad_left;
    size_t down, across;      // blocks of one sample
} ptn_mask_blocks;

// Blocks that hold an active pixel: index i * across + j within the sample, ascending in each, the
// samples' lists one after the other. `indices` has room for n * down * across; offsets[s] blocks
// come before sample s, s = 0 ... n.
PTN_MUST_CHECK ptn_status ptn_mask_active_blocks(const ptn_mask_plan *plan,
                                                 const ptn_mask_blocks *blocks, int32_t *indices,
                                                 size_t *offsets);
// stack[b] = the pixels of block b, 0 outside the map: [blocks][height][width][c].
PTN_MUST_CHECK ptn_status ptn_mask_gather_blocks(const ptn_runtime *runtime, size_t n, size_t h,
                                                 size_t w, size_t c, const ptn_mask_blocks *blocks,
                                                 const int32_t *indices, const size_t *offsets,
                                                 const float *map, float *stack);
// The other way: later blocks win where blocks overlap, what lies outside the map is dropped, and
// pixels in no block stay as they are. With `adds`, blocks are added to the map, in their order.
PTN_MUST_CHECK ptn_status ptn_mask_scatter_blocks(const ptn_runtime *runtime, size_t n, size_t h,
                                                  size_t w, size_t c,
                                                  const ptn_mask_blocks *blocks,
                                                  const int32_t *indices, const size_t *offsets,
                                                  bool adds, const float *stack, float *map);

#endif
