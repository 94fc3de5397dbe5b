// The only file that starts threads.
//
// The parallel region lives here, in code compiled for the baseline: a pragma inside a function
// with a target attribute would lose that attribute in its outlined body. Kernels are reached
// through the task pointer.
#include "ptn_runtime.h"
#include <stdatomic.h>
#include <stdlib.h>

#if defined(_OPENMP)
// The compiler that Swift brings has no omp.h; these are the functions that are used.
extern int omp_get_thread_num(void);
extern void kmp_set_blocktime(int milliseconds);
#elif defined(__APPLE__)
#include <dispatch/dispatch.h>
#endif

typedef struct job {
    ptn_task body;
    void *context;
    size_t tasks;
    atomic_size_t next;
    atomic_int joined;
} job;

// Takes tasks until none is left. A counter rather than a static split: on a shared machine one
// core is often slower, and no result depends on who computes it.
static void work(job *j, int thread) {
    for (bool first = true;; first = false) {
        size_t index = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
        if (index >= j->tasks) return;
        if (first) atomic_fetch_add_explicit(&j->joined, 1, memory_order_relaxed);
        j->body(j->context, index, thread);
    }
}

#if defined(_OPENMP)
// Workers spin for this long after a region before they sleep: enough to bridge two layers of a
// network, too short to burn a core while the process is idle. The setting belongs to the calling
// thread, hence once per thread; a user's KMP_BLOCKTIME wins.
static void limit_spinning(void) {
    static _Thread_local bool done;
    if (done) return;
    done = true;
    if (!getenv("KMP_BLOCKTIME")) kmp_set_blocktime(1);
}

static void run_team(job *j, int threads) {
    limit_spinning();
#pragma omp parallel num_threads(threads)
    work(j, omp_get_thread_num());
}
#elif defined(__APPLE__)
static void dispatch_body(void *context, size_t thread) { work(context, (int)thread); }

static void run_team(job *j, int threads) {
    dispatch_apply_f((size_t)threads, DISPATCH_APPLY_AUTO, j, dispatch_body);
}
#else
static void run_team(job *j, int threads) {
    (void)threads;
    work(j, 0);
}
#endif

int ptn_parallel(int threads, size_t tasks, ptn_task body, void *context) {
    if (tasks == 0) return 0;
    if ((size_t)threads > tasks) threads = (int)tasks;
    if (threads <= 1) {
        for (size_t i = 0; i < tasks; i++) body(context, i, 0);
        return 1;
    }
    job j = {.body = body, .context = context, .tasks = tasks};
    run_team(&j, threads);
    return atomic_load(&j.joined);
}

int ptn_threads_worth(int budget, double nanoseconds) {
    // Waking a sleeping worker costs some microseconds; below twice this a second thread loses.
    const double per_thread = 8000;
    if (budget <= 1 || nanoseconds < 2 * per_thread) return 1;
    double worth = nanoseconds / per_thread;
    return worth < budget ? (int)worth : budget;
}
