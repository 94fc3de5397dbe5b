// clock_gettime is POSIX, not C11.
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "../core/checked.h"
#include "ptn_roofline.h"
#include <time.h>

// 12 KiB: a third of a small first-level cache.
#define LOADED_FLOATS 3072

#define PTN_SOURCE "../bench/roofline_loops.inc"
#include "../core/foreach_isa.h"

typedef double (*fma_burst_fn)(size_t rounds, const float *values, float *sink);
typedef void (*copy_fn)(float *to, const float *from, size_t count);
static const fma_burst_fn fma_burst[PTN_ISA_COUNT] = PTN_TABLE(fma_burst);
static const fma_burst_fn load_burst[PTN_ISA_COUNT] = PTN_TABLE(load_burst);
static const copy_fn copy_floats[PTN_ISA_COUNT] = PTN_TABLE(copy_floats);

// Long enough for the time to wake threads not to matter, short enough that one of several runs is
// likely to be undisturbed.
static const double RUN_SECONDS = 0.004;
enum { LEAST_RUNS = 5 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static ptn_status check(const ptn_runtime *runtime, double seconds, const double *result) {
    if (!runtime || !result || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    // Written so that NaN is refused as well.
    if (!(seconds > 0 && seconds <= 60)) return PTN_BAD_ARGUMENT;
    return ptn_isa_supported(runtime->isa) ? PTN_OK : PTN_UNSUPPORTED_ISA;
}

// One run on all threads; returns operations, or bytes, per second.
typedef double (*run_fn)(const ptn_runtime *runtime, void *context);

static double best_of(run_fn run, const ptn_runtime *runtime, void *context, double seconds) {
    const double end = now() + seconds;
    double best = 0;
    for (int runs = 0; runs < LEAST_RUNS || now() < end; runs++) {
        double rate = run(runtime, context);
        if (rate > best) best = rate;
    }
    return best;
}

typedef struct fma_job {
    fma_burst_fn burst;
    size_t rounds;
    double operations; // of one task
} fma_job;

static void fma_task(void *context, size_t index, int thread) {
    (void)thread;
    fma_job *job = context;
    // The factors are volatile, so that the compiler does not know them; they keep every chain near
    // 1.
    _Alignas(64) float values[LOADED_FLOATS] = {0};
    volatile float source[2] = {0.999f, 0.001f};
    values[0] = source[0];
    values[1] = source[1];
    float sink;
    double operations = job->burst(job->rounds, values, &sink);
    volatile float consumed = sink;
    (void)consumed;
    if (index == 0) job->operations = operations;
}

static double fma_run(const ptn_runtime *runtime, void *context) {
    fma_job *job = context;
    const double start = now();
    ptn_parallel(runtime->threads, (size_t)runtime->threads, fma_task, job);
    const double elapsed = now() - start;
    return elapsed > 0 ? job->operations * runtime->threads / elapsed : 0;
}

// Best rate of a burst in 1e9 per second.
static double burst_rate(const ptn_runtime *runtime, fma_burst_fn burst, double seconds) {
    fma_job job = {.burst = burst, .rounds = 1};
    for (double elapsed = 0; elapsed < RUN_SECONDS / 2;) {
        job.rounds *= 2;
        const double start = now();
        fma_task(&job, 0, 0);
        elapsed = now() - start;
    }
    return 1e-9 * best_of(fma_run, runtime, &job, seconds);
}

ptn_status ptn_measure_fma_peak(const ptn_runtime *runtime, double seconds, double *gflops) {
    ptn_status status = check(runtime, seconds, gflops);
    if (status == PTN_OK) *gflops = burst_rate(runtime, fma_burst[runtime->isa], seconds);
    return status;
}

ptn_status ptn_measure_load_rate(const ptn_runtime *runtime, double seconds,
                                 double *gigabytes_per_second) {
    ptn_status status = check(runtime, seconds, gigabytes_per_second);
    if (status == PTN_OK)
        *gigabytes_per_second = burst_rate(runtime, load_burst[runtime->isa], seconds);
    return status;
}

typedef struct copy_job {
    copy_fn copy; // NULL: memcpy
    float *to;
    float *from;
    size_t count, slices, passes;
} copy_job;

static size_t slice_start(const copy_job *job, size_t slice) {
    // Whole cache lines, so that no two threads write the same one.
    const size_t length = ptn_div_up(ptn_div_up(job->count, job->slices), 16) * 16;
    return ptn_min(slice * length, job->count);
}

static void fill_task(void *context, size_t index, int thread) {
    (void)thread;
    copy_job *job = context;
    // Writes both arrays once: pages never written would all map to the same page of zeros.
    for (size_t i = slice_start(job, index), end = slice_start(job, index + 1); i < end; i++) {
        job->from[i] = (float)i;
        job->to[i] = 0;
    }
}

static void copy_task(void *context, size_t index, int thread) {
    (void)thread;
    copy_job *job = context;
    const size_t start = slice_start(job, index), end = slice_start(job, index + 1);
    for (size_t pass = 0; pass < job->passes; pass++) {
        if (job->copy)
            job->copy(job->to + start, job->from + start, end - start);
        else
            memcpy(job->to + start, job->from + start, (end - start) * sizeof(float));
        // Keeps the compiler from merging passes.
        __asm__ volatile("" ::: "memory");
    }
}

static double copy_run(const ptn_runtime *runtime, void *context) {
    copy_job *job = context;
    const double start = now();
    ptn_parallel(runtime->threads, job->slices, copy_task, job);
    const double elapsed = now() - start;
    const double bytes = 2.0 * (double)job->count * sizeof(float) * (double)job->passes;
    return elapsed > 0 ? bytes / elapsed : 0;
}

// Chooses the number of passes that makes a run long enough to time.
static void choose_passes(copy_job *job, const ptn_runtime *runtime) {
    for (job->passes = 1;; job->passes *= 2) {
        const double start = now();
        ptn_parallel(runtime->threads, job->slices, copy_task, job);
        if (now() - start >= RUN_SECONDS / 2) return;
    }
}

ptn_status ptn_measure_copy_bandwidth(const ptn_runtime *runtime, size_t bytes, double seconds,
                                      double *gigabytes_per_second) {
    ptn_status status = check(runtime, seconds, gigabytes_per_second);
    if (status != PTN_OK) return status;
    size_t least, both;
    if (!ptn_mul(4096, (size_t)runtime->threads, &least) || !ptn_mul(bytes, 2, &both))
        return PTN_SIZE_OVERFLOW;
    if (bytes < least) return PTN_BAD_ARGUMENT;
    copy_job job = {.count = bytes / sizeof(float), .slices = (size_t)runtime->threads};
    job.from = ptn_memory_acquire(PTN_MEMORY_SCRATCH, bytes);
    job.to = ptn_memory_acquire(PTN_MEMORY_SCRATCH, bytes);
    if (job.from && job.to) {
        ptn_parallel(runtime->threads, job.slices, fill_task, &job);
        choose_passes(&job, runtime);
        const double library = best_of(copy_run, runtime, &job, seconds / 2);
        job.copy = copy_floats[runtime->isa];
        const double loop = best_of(copy_run, runtime, &job, seconds / 2);
        *gigabytes_per_second = 1e-9 * (library > loop ? library : loop);
    } else {
        status = PTN_OUT_OF_MEMORY;
    }
    ptn_memory_release(job.from);
    ptn_memory_release(job.to);
    return status;
}
