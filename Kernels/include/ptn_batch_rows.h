// Copying and adding chosen rows of a batch.
#ifndef PTN_BATCH_ROWS_H
#define PTN_BATCH_ROWS_H

#include "ptn_runtime.h"

// y[rows[i]] = x[i] for i in 0 ..< count: `count` rows of `inner` floats into a batch of `batch`
// rows, whose other rows are not touched. PTN_BAD_ARGUMENT unless `rows` is ascending without
// repetition and below `batch`. x and y must not overlap.
PTN_MUST_CHECK ptn_status ptn_scatter_rows(const ptn_runtime *runtime, size_t batch, size_t inner,
                                           size_t count, const ptrdiff_t *rows, const float *x,
                                           float *y);

// y[rows[i]] += weights[i] * x[i]; without weights (NULL) y[rows[i]] += x[i]. The product and the
// sum are rounded one after the other. Otherwise as above.
PTN_MUST_CHECK ptn_status ptn_add_rows(const ptn_runtime *runtime, size_t batch, size_t inner,
                                       size_t count, const ptrdiff_t *rows, const float *weights,
                                       const float *x, float *y);

#endif
