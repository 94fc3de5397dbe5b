// Shared by the driver of attention and its vector code.
#ifndef PTN_ATTENTION_ATTENTION_H
#define PTN_ATTENTION_ATTENTION_H

#include "ptn_attention.h"

enum {
    PTN_ATTENTION_KEYS = 96,   // keys per block, a multiple of the tile's rows
    PTN_ATTENTION_ROWS = 6,    // rows of a register tile
    PTN_ATTENTION_VECTORS = 2, // vectors of queries: a group
    PTN_ATTENTION_GROUPS = 4,  // groups of queries per task
};

// One group of queries, one per lane, against one block of keys.
typedef struct ptn_attention_block {
    const ptn_attention_shape *shape;
    size_t first_query, queries; // of the group; lanes beyond them hold zeros
    size_t first_key, keys;      // the block's
    const float *key, *value;    // rows of the block
    size_t key_step, value_step;
    const float *mask[2]; // values for the group's first query and the first key
    size_t mask_step[2], mask_columns[2];
    ptn_attention_mask_kind mask_kind[2];
    size_t masks;
    float *query;  // [depth, group]
    float *scores; // [keys, group]
    float *state;  // [2, group]: largest score so far, sum of exponentials
    float *sums;   // [value_depth, group]
} ptn_attention_block;

#endif
