// What the drivers of sums and of places share; not visible outside Kernels/tensor.
#ifndef PTN_REDUCE_INTERNAL_H
#define PTN_REDUCE_INTERNAL_H

#include "../core/checked.h"
#include "ptn_reduce.h"

enum {
    REDUCE_LANES = 16,
    REDUCE_COLUMNS = 256,     // of a block: its sums are 2 KiB
    REDUCE_WIDE = 128,        // rows shorter than half of this are taken several at once
    REDUCE_BLOCK = 1 << 14,   // floats of a block: 64 KiB stay in the second-level cache
    REDUCE_MOST_PARTS = 1024, // that one result is cut into
};

typedef float reduce_floats __attribute__((vector_size(REDUCE_LANES * 4), aligned(4)));
typedef int32_t reduce_ints __attribute__((vector_size(REDUCE_LANES * 4), aligned(4)));
typedef double reduce_doubles __attribute__((vector_size(REDUCE_LANES * 8), aligned(8)));

// What is added up.
typedef enum reduce_form {
    REDUCE_SUM = 0,
    REDUCE_SQUARES,
    REDUCE_DEVIATIONS, // squared, from a mean
    REDUCE_PRODUCT,    // multiplied instead
} reduce_form;

typedef struct reduce_functions {
    double (*row)(reduce_form form, size_t n, const float *x, double mean);
    void (*columns)(reduce_form form, size_t rows, size_t stride, size_t n, const float *x,
                    const double *means, double *sums);
    float (*largest_row)(bool negated, size_t n, const float *x);
    void (*largest_columns)(bool negated, size_t rows, size_t stride, size_t n, const float *x,
                            float *best);
    void (*first_rows)(size_t rows, size_t stride, size_t n, const float *x, const float *values,
                       float *y);
    void (*turn)(size_t rows, size_t columns, const float *x, float *y, size_t stride);
} reduce_functions;

// Indexed by ptn_isa; defined in reduce_rows.c.
extern const reduce_functions ptn_reduce_functions[PTN_ISA_COUNT];

#endif
