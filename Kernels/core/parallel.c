// The only file that starts threads.
//
// The parallel region lives here, in code compiled for the baseline: a pragma inside a function
// with a target attribute would lose that attribute in its outlined body. Kernels are reached
// through the task pointer.
#include "ptn_runtime.h"
#include <stdatomic.h>
#include <stdlib.h>

#if defined(_OPENMP)
// The compiler of the Swift toolchain has no omp.h; these are the functions used here.
extern int omp_get_thread_num(void);
extern void kmp_set_blocktime(int milliseconds);
#elif defined(__APPLE__)
#include <dispatch/dispatch.h>
#endif

// A thread's share of a job's tasks, on a cache line of its own.
typedef struct share {
    _Alignas(64) atomic_size_t next;
    size_t end;
} share;

enum { MOST_SHARES = 64 };

typedef struct job {
    ptn_task body;
    void *context;
    size_t shares;
    atomic_int joined;
    share share[MOST_SHARES];
} job;

// Each thread begins with its own share, the same part of the work in every job: rows of a map that
// it computed in one layer are still in its cache when the next layer reads them. Then it takes
// tasks from the other threads' shares (work stealing), since on a shared machine one core is often
// slower. Results do not depend on which thread runs a task.
static void work(job *j, int thread) {
    bool first = true;
    for (size_t turn = 0; turn < j->shares; turn++) {
        share *s = &j->share[((size_t)thread + turn) % j->shares];
        for (;;) {
            const size_t index = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
            if (index >= s->end) break;
            if (first) atomic_fetch_add_explicit(&j->joined, 1, memory_order_relaxed);
            first = false;
            j->body(j->context, index, thread);
        }
    }
}

#if defined(_OPENMP)
// Workers spin for this long after a region before they sleep: long enough to stay awake between
// two layers of a network, too short to load a core while the process is idle. The setting applies
// to the calling thread, so it is made once per thread; a user's KMP_BLOCKTIME takes precedence.
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
    job j; // not cleared: most shares are never read
    j.body = body;
    j.context = context;
    atomic_init(&j.joined, 0);
    j.shares = threads < MOST_SHARES ? (size_t)threads : MOST_SHARES;
    const size_t each = tasks / j.shares, rest = tasks % j.shares;
    for (size_t i = 0, next = 0; i < j.shares; i++) {
        atomic_init(&j.share[i].next, next);
        next += each + (i < rest);
        j.share[i].end = next;
    }
    run_team(&j, threads);
    return atomic_load(&j.joined);
}

int ptn_threads_worth(int budget, double nanoseconds) {
    // Waking a sleeping worker takes some microseconds: a second thread pays only above twice this.
    const double per_thread = 8000;
    if (budget <= 1 || nanoseconds < 2 * per_thread) return 1;
    double worth = nanoseconds / per_thread;
    return worth < budget ? (int)worth : budget;
}
