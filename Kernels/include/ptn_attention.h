// Scaled dot-product attention without a matrix of all scores. Vaswani et al., "Attention is all
// you need" (arXiv 1706.03762); the running softmax is that of Milakov and Gimelshein (arXiv
// 1805.02867).
#ifndef PTN_ATTENTION_H
#define PTN_ATTENTION_H

#include "ptn_runtime.h"

// Rows of numbers for every sample and head: row r of head h of sample s begins at
// values + s * sample_step + h * head_step + r * row_step. Steps count floats; a step of 0 repeats.
typedef struct ptn_attention_rows {
    const float *values;
    size_t sample_step, head_step, row_step;
} ptn_attention_rows;

typedef enum ptn_attention_mask_kind {
    PTN_ATTENTION_MASK_ADD = 0, // the value is added to the score
    PTN_ATTENTION_MASK_KEEP,    // 0 leaves the key out, anything else does nothing
    PTN_ATTENTION_MASK_DROP,    // 0 does nothing, anything else leaves the key out
} ptn_attention_mask_kind;

// A row per query, of `columns` values, one for each of the first keys; the others are not masked.
typedef struct ptn_attention_mask {
    ptn_attention_mask_kind kind;
    ptn_attention_rows rows;
    size_t columns;
} ptn_attention_mask;

typedef struct ptn_attention_shape {
    size_t samples, heads, queries, keys;
    size_t depth;       // of a query and a key
    size_t value_depth; // of a value
    float scale;
    bool causal;     // query i sees keys 0 ... i only
    size_t appended; // the last keys, which every query sees even so
} ptn_attention_shape;

// y[s, h, i] = sum over keys j of p[i, j] * value[j], p[i] = softmax over j of
// scale * <query[i], key[j]> + masks.
//
// y has the rows' layout of `result`, whose `values` is where it is written; its steps must keep
// its rows apart. `weights`, unless NULL, becomes p, [samples, heads, queries, keys].
//
// A query without a key, because all are masked or there are none, gives zeros in y and weights.
// NaN in a score that is not left out gives NaN. A key that is left out counts 0 times its value,
// so values must be finite there too. Scores are summed over the depth, and results over the keys,
// in order, and nothing depends on a row's place or on the number of threads.
//
// Scratch per thread: some tens of rows of queries and results and a block of scores, whatever the
// number of keys.
PTN_MUST_CHECK ptn_status ptn_attention(
    const ptn_runtime *runtime, const ptn_attention_shape *shape, const ptn_attention_rows *query,
    const ptn_attention_rows *key, const ptn_attention_rows *value, const ptn_attention_mask *masks,
    size_t mask_count, const ptn_attention_rows *result, float *weights);

#endif
