// Headers and types behind the vector vocabulary; simd_ops.h defines the operations per variant.
#ifndef PTN_SIMD_H
#define PTN_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define PTN_INLINE static inline __attribute__((always_inline, unused))

#endif
