// The arithmetic of sums and extremes of rows and of columns, per instruction set.
#include "reduce.h"
#include <string.h>

// Vectors wider than registers are passed only to inlined functions, so the warning about their
// calling convention does not apply.
#pragma clang diagnostic ignored "-Wpsabi"
#define PTN_SOURCE "../tensor/reduce.inc"
#include "../core/foreach_isa.h"

#define FUNCTIONS(isa)                                                                             \
    {reduce_row_##isa,      reduce_columns_##isa, largest_row_##isa,                               \
     largest_columns_##isa, first_rows_##isa,     turn_##isa}

const ptn_reduce_table ptn_reduce_functions[PTN_ISA_COUNT] = {
    [PTN_ISA_SCALAR] = FUNCTIONS(scalar),
#if defined(__x86_64__)
    [PTN_ISA_AVX2] = FUNCTIONS(avx2),
    [PTN_ISA_AVX512] = FUNCTIONS(avx512),
#elif defined(__aarch64__)
    [PTN_ISA_NEON] = FUNCTIONS(neon),
#endif
};
