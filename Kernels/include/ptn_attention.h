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
    PTN_ATTENTION_MASK_KEEP,    // 0 leaves the key out, other values change nothing
    PTN_ATTENTION_MASK_DROP,    // 0 changes nothing, other values leave the key out
} ptn_attention_mask_kind;

// One row per query, of `columns` values for the first `columns` keys; other keys are not masked.
typedef struct ptn_attention_mask {
    ptn_attention_mask_kind kind;
    ptn_attention_rows rows;
    size_t columns;
} ptn_attention_mask;

typedef struct ptn_attention_shape {
    size_t samples, heads, queries, keys;
    size_t depth;       // floats of a query and of a key
    size_t value_depth; // floats of a value
    float scale;
    bool causal;     // query i sees keys 0 ... i only
    size_t appended; // number of last keys, which every query sees despite `causal`
} ptn_attention_shape;

// y[s, h, i] = sum over keys j of p[i, j] * value[j], p[i] = softmax over j of scale * <query[i],
// key[j]> + masks.
//
// y is written to `result`: its `values` is the address, its steps the layout, in which rows must
// not overlap. `weights`, unless NULL, receives p, [samples, heads, queries, keys].
//
// A query without a key, because all are masked or there are none, gives zeros in y and weights.
// NaN in a score that is not left out gives NaN. The value of a key that is left out is multiplied
// by 0, so it must be finite too. Scores are summed over the depth, and results over the keys, in
// order; results do not depend on a row's position or on the number of threads.
//
// Scratch per thread: some tens of rows of queries and results and a block of scores, independent
// of the number of keys.
PTN_MUST_CHECK ptn_status ptn_attention(
    const ptn_runtime *runtime, const ptn_attention_shape *shape, const ptn_attention_rows *query,
    const ptn_attention_rows *key, const ptn_attention_rows *value, const ptn_attention_mask *masks,
    size_t mask_count, const ptn_attention_rows *result, float *weights);

#endif
