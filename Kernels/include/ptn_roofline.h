// Measures the machine's limits for every kernel. Benchmarks report a kernel's speed as a share of
// these.
#ifndef PTN_ROOFLINE_H
#define PTN_ROOFLINE_H

#include "ptn_runtime.h"

// Multiply-add peak of `runtime->threads` threads together in GFLOP/s, with the vectors of
// `runtime->isa`; a multiply-add counts as two operations. Independent chains in registers, no
// memory traffic. The scalar variant multiplies and adds separately, as its kernels do.
// Best of several runs that fill about `seconds` of wall time.
PTN_MUST_CHECK ptn_status ptn_measure_fma_peak(const ptn_runtime *runtime, double seconds,
                                               double *gflops);

// Bytes per second that multiply-adds of `runtime->threads` threads together read from the
// first-level cache, in GB/s: one operand of each is a whole, aligned vector in memory. Best of
// several runs that fill about `seconds` of wall time.
PTN_MUST_CHECK ptn_status ptn_measure_load_rate(const ptn_runtime *runtime, double seconds,
                                                double *gigabytes_per_second);

// Copy bandwidth of `runtime->threads` threads together in GB/s (1e9 bytes per second): bytes read
// plus bytes written. Source and destination are `bytes` each (at least 4096 times the number of
// threads), so `bytes` well above the last-level cache measures main memory. The better of a plain
// vector loop and the C library's memcpy (which may bypass the cache).
// Best of several runs that fill about `seconds` of wall time.
PTN_MUST_CHECK ptn_status ptn_measure_copy_bandwidth(const ptn_runtime *runtime, size_t bytes,
                                                     double seconds, double *gigabytes_per_second);

#endif
