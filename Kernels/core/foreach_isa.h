// Compiles one source once per instruction set.
//
// Usage, in a kernel's .c file:
//
//     #define PTN_SOURCE "../convolution/tile.inc"
//     #include "../core/foreach_isa.h"
//
// The file named by PTN_SOURCE is included once per variant that this build contains, each time
// with the compiler's target set, with `PTN_NAME(f)` giving `f_avx2` and so on, and with the vector
// vocabulary of simd_ops.h. It must not contain OpenMP pragmas (see parallel.c). It may include
// only vmath.h and .inc files such as deformable/corners.inc; other headers belong in the .c file,
// before this one. Afterwards `PTN_TABLE(f)` lists the variants of `f` in the order of `ptn_isa`,
// NULL for variants that this build does not contain; `PTN_POINTERS(v)` lists the addresses of
// constants in the same way.
#include "simd.h"
#include <stddef.h>

#define PTN_GLUE2(a, b) a##_##b
#define PTN_GLUE(a, b) PTN_GLUE2(a, b)
#define PTN_NAME(f) PTN_GLUE(f, PTN_SUFFIX)

#define PTN_SUFFIX scalar
#define PTN_V_LEN 4
#define PTN_IS_SCALAR 1
#include "simd_ops.h"
#include PTN_SOURCE
#include "simd_undef.h"
#undef PTN_IS_SCALAR

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define PTN_SUFFIX avx2
#define PTN_V_LEN 8
#define PTN_IS_AVX2 1
#include "simd_ops.h"
#include PTN_SOURCE
#include "simd_undef.h"
#undef PTN_IS_AVX2
#pragma clang attribute pop

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#define PTN_SUFFIX avx512
#define PTN_V_LEN 16
#define PTN_IS_AVX512 1
#include "simd_ops.h"
#include PTN_SOURCE
#include "simd_undef.h"
#undef PTN_IS_AVX512
#pragma clang attribute pop
#define PTN_TABLE(f) {f##_scalar, f##_avx2, f##_avx512, NULL}
#define PTN_POINTERS(v) {&v##_scalar, &v##_avx2, &v##_avx512, NULL}
#elif defined(__aarch64__)
#define PTN_SUFFIX neon
#define PTN_V_LEN 4
#define PTN_IS_NEON 1
#include "simd_ops.h"
#include PTN_SOURCE
#include "simd_undef.h"
#undef PTN_IS_NEON
#define PTN_TABLE(f) {f##_scalar, NULL, NULL, f##_neon}
#define PTN_POINTERS(v) {&v##_scalar, NULL, NULL, &v##_neon}
#else
#define PTN_TABLE(f) {f##_scalar, NULL, NULL, NULL}
#define PTN_POINTERS(v) {&v##_scalar, NULL, NULL, NULL}
#endif
#undef PTN_SOURCE
