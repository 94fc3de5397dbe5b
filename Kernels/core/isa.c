// Detects instruction sets. The compiler's CPU support code also checks that the operating system
// saves the wide registers, so a supported instruction set is safe to use.
#include "ptn_runtime.h"

bool ptn_isa_supported(ptn_isa isa) {
    switch (isa) {
    case PTN_ISA_SCALAR: return true;
#if defined(__x86_64__)
    case PTN_ISA_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case PTN_ISA_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__)
    case PTN_ISA_NEON: return true; // part of the base architecture
#endif
    default: return false;
    }
}

ptn_isa ptn_isa_best(void) {
    static const ptn_isa widest_first[] = {PTN_ISA_AVX512, PTN_ISA_AVX2, PTN_ISA_NEON};
    for (size_t i = 0; i < sizeof widest_first / sizeof *widest_first; i++)
        if (ptn_isa_supported(widest_first[i])) return widest_first[i];
    return PTN_ISA_SCALAR;
}

const char *ptn_isa_name(ptn_isa isa) {
    switch (isa) {
    case PTN_ISA_SCALAR: return "scalar";
    case PTN_ISA_AVX2: return "avx2";
    case PTN_ISA_AVX512: return "avx512";
    case PTN_ISA_NEON: return "neon";
    }
    return NULL;
}

size_t ptn_isa_vector_floats(ptn_isa isa) {
    switch (isa) {
    case PTN_ISA_AVX512: return 16;
    case PTN_ISA_AVX2: return 8;
    default: return 4;
    }
}
