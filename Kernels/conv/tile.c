// Micro-kernels of the indirect GEMM for every instruction set.
#include "conv2d_internal.h"
#include <stdint.h>

#define PTN_SOURCE "../conv/tile.inc"
#include "../core/foreach_isa.h"

#if defined(__x86_64__)
const ptn_tile_table *const ptn_tile_tables[PTN_ISA_COUNT] = {&tiles_scalar, &tiles_avx2,
                                                             &tiles_avx512, NULL};
#elif defined(__aarch64__)
const ptn_tile_table *const ptn_tile_tables[PTN_ISA_COUNT] = {&tiles_scalar, NULL, NULL,
                                                             &tiles_neon};
#else
const ptn_tile_table *const ptn_tile_tables[PTN_ISA_COUNT] = {&tiles_scalar};
#endif
