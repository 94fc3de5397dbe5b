// Shared by the drivers of reductions and of arg extremes; not visible outside Kernels/tensor.
#ifndef PTN_TENSOR_REDUCE_H
#define PTN_TENSOR_REDUCE_H

#include "../core/checked.h"
#include "ptn_reduce.h"

enum {
    PTN_REDUCE_LANES = 16,
    PTN_REDUCE_COLUMNS = 256,     // columns of a block: its sums take 2 KiB
    PTN_REDUCE_WIDE = 128,        // several rows shorter than half of this are treated as one
    PTN_REDUCE_BLOCK = 1 << 14,   // floats of a block: 64 KiB stay in the second-level cache
    PTN_REDUCE_MOST_PARTS = 1024, // most parts of one result
};

typedef float reduce_floats __attribute__((vector_size(PTN_REDUCE_LANES * 4), aligned(4)));
typedef int32_t reduce_ints __attribute__((vector_size(PTN_REDUCE_LANES * 4), aligned(4)));
typedef double reduce_doubles __attribute__((vector_size(PTN_REDUCE_LANES * 8), aligned(8)));

// The terms of a sum.
typedef enum ptn_reduce_terms {
    PTN_REDUCE_TERM_SUM = 0,
    PTN_REDUCE_TERM_SQUARES,
    PTN_REDUCE_TERM_DEVIATIONS, // squared, from a mean
    PTN_REDUCE_TERM_PRODUCT,    // multiplied instead of added
} ptn_reduce_terms;

typedef struct ptn_reduce_table {
    double (*row)(ptn_reduce_terms form, size_t n, const float *x, double mean);
    void (*columns)(ptn_reduce_terms form, size_t rows, size_t stride, size_t n, const float *x,
                    const double *means, double *sums);
    float (*largest_row)(bool negated, size_t n, const float *x);
    void (*largest_columns)(bool negated, size_t rows, size_t stride, size_t n, const float *x,
                            float *best);
    void (*first_rows)(size_t rows, size_t stride, size_t n, const float *x, const float *values,
                       float *y);
    void (*turn)(size_t rows, size_t columns, const float *x, float *y, size_t stride);
} ptn_reduce_table;

// Indexed by ptn_isa; defined in reduce_rows.c.
extern const ptn_reduce_table ptn_reduce_functions[PTN_ISA_COUNT];

#endif
