// Rows of a table, chosen by indices.
#ifndef PTN_EMBEDDING_H
#define PTN_EMBEDDING_H

#include "ptn_runtime.h"

// The position of the first of `count` indices that is not a whole number in 0 ..< rows (NaN is
// not); `count` if there is none.
size_t ptn_embedding_first_invalid(size_t count, const float *indices, size_t rows);

// y[i] = table[indices[i]] for `count` rows of `depth` floats. PTN_BAD_ARGUMENT, without writing
// anything, if an index is not a whole number in 0 ..< rows.
PTN_MUST_CHECK ptn_status ptn_embedding(const ptn_runtime *runtime, size_t count,
                                        const float *indices, size_t rows, size_t depth,
                                        const float *table, float *y);

#endif
