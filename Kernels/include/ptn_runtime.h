// Which instruction set a call uses, on how many threads, and with what scratch memory. There are
// no global settings: every driver has a `ptn_runtime` argument, so calls with different settings
// may run at the same time.
#ifndef PTN_RUNTIME_H
#define PTN_RUNTIME_H

#include "ptn_memory.h"
#include "ptn_status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Instruction-set variants. `PTN_ISA_SCALAR` is portable C and exists in every build.
typedef enum ptn_isa {
    PTN_ISA_SCALAR = 0,
    PTN_ISA_AVX2 = 1,   // AVX2 and FMA
    PTN_ISA_AVX512 = 2, // AVX-512 F, VL, DQ, BW
    PTN_ISA_NEON = 3,   // AArch64 Advanced SIMD
} ptn_isa;
#define PTN_ISA_COUNT 4

typedef struct ptn_runtime {
    ptn_isa isa;
    int threads; // at least 1; an upper bound: small work stays on the calling thread
} ptn_runtime;

// Whether this build contains the variant and this CPU and operating system can run it.
bool ptn_isa_supported(ptn_isa isa);
// The widest supported variant.
ptn_isa ptn_isa_best(void);
// "scalar", "avx2", "avx512", "neon"; NULL for a value outside the enum.
const char *ptn_isa_name(ptn_isa isa);
// Floats per vector register: 4, 8, 16, 4.
size_t ptn_isa_vector_floats(ptn_isa isa);

// Physical cores in the process's affinity mask, at least 1; a container's CPU quota, where there
// is one, is the upper bound. Hyper-threads of one core count once.
int ptn_physical_cores(void);

// Runs `body(context, index, thread)` for every index in [0, tasks) on at most `threads` threads,
// the caller among them. Each thread begins with its own contiguous part of the tasks, in order of
// index, and then takes from the others' parts, so a body must not depend on which thread runs it;
// `thread` is in [0, threads) and names private scratch. If drivers number tasks from the top of
// the map down, each core reads rows of the previous layer that are still in its own cache. Returns
// the number of threads that took part. Re-entrant.
typedef void (*ptn_task)(void *context, size_t index, int thread);
int ptn_parallel(int threads, size_t tasks, ptn_task body, void *context);

// Number of threads to use for work estimated at `nanoseconds` on one thread: 1 if splitting would
// cost more than it gains, never more than `budget`.
int ptn_threads_worth(int budget, double nanoseconds);

#endif
