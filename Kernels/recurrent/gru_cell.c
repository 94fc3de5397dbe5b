// Driver of the gated recurrent unit's gates.
#include "ptn_gru_cell.h"
#include "../core/rows.h"

// Numbers of one sample.
typedef struct gru_row {
    size_t units;
    const float *x, *gates; // r, z, n of the input's and of the state's product
    const float *h;
    float *next_h;
} gru_row;

#define PTN_SOURCE "../recurrent/gru_cell.inc"
#include "../core/foreach_isa.h"

typedef void (*units_fn)(const gru_row *, size_t, size_t);
static const units_fn units_variants[PTN_ISA_COUNT] = PTN_TABLE(gru_units);

enum { UNITS_PER_TASK = 512 }; // a multiple of every vector's length

typedef struct gru_job {
    units_fn run;
    size_t units, parts; // tasks per sample
    const float *x, *gates, *h;
    float *next_h;
} gru_job;

static void run_part(void *context, size_t index, int thread) {
    (void)thread;
    const gru_job *j = context;
    const size_t sample = index / j->parts, begin = index % j->parts * UNITS_PER_TASK;
    const size_t at = sample * j->units;
    const gru_row r = {.units = j->units,
                       .x = j->x + 3 * at,
                       .gates = j->gates + 3 * at,
                       .h = j->h + at,
                       .next_h = j->next_h + at};
    j->run(&r, begin, ptn_min(begin + UNITS_PER_TASK, j->units));
}

ptn_status ptn_gru_cell(const ptn_runtime *runtime, size_t samples, size_t units,
                        const float *input_gates, const float *hidden_gates, const float *h,
                        float *next_h) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, units, 3, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    gru_job j = {.run = units_variants[runtime->isa],
                 .units = units,
                 .parts = ptn_div_up(units, UNITS_PER_TASK),
                 .x = input_gates,
                 .gates = hidden_gates,
                 .h = h,
                 .next_h = next_h};
    // Three functions with exponentials per unit, some ten nanoseconds per vector of four.
    const int threads = ptn_threads_worth(runtime->threads, (double)count);
    ptn_parallel(threads, samples * j.parts, run_part, &j);
    return PTN_OK;
}
