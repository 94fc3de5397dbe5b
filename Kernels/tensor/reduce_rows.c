// The arithmetic of sums and extremes of rows and of columns, per instruction set.
#include "reduce.h"
#include <string.h>

// Vectors wider than the variant's registers are arguments of inlined functions only.
#pragma clang diagnostic ignored "-Wpsabi"
#define PTN_SOURCE "../tensor/reduce.inc"
#include "../core/foreach_isa.h"

#define FUNCTIONS(isa)                                                                             \
    {reduce_row_##isa,      reduce_columns_##isa, largest_row_##isa,                               \
     largest_columns_##isa, first_rows_##isa,     turn_##isa}

const reduce_functions ptn_reduce_functions[PTN_ISA_COUNT] = {
    [PTN_ISA_SCALAR] = FUNCTIONS(scalar),
#if defined(__x86_64__)
    [PTN_ISA_AVX2] = FUNCTIONS(avx2),
    [PTN_ISA_AVX512] = FUNCTIONS(avx512),
#elif defined(__aarch64__)
    [PTN_ISA_NEON] = FUNCTIONS(neon),
#endif
};
