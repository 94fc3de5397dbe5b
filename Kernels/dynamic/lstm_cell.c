// Driver of the LSTM cell's gates.
#include "ptn_lstm_cell.h"
#include "../core/rows.h"
#include <math.h>

// A row of one gate's numbers, and its norm.
typedef struct lstm_gate {
    const float *x, *scale, *shift; // scale NULL: no norm
    float mean, factor;
} lstm_gate;

typedef struct lstm_row {
    lstm_gate input, forget, value, output, cell;
    float forget_bias;
    const float *c;
    float *next_c, *h;
} lstm_row;

#define PTN_SOURCE "../dynamic/lstm_cell.inc"
#include "../core/foreach_isa.h"

typedef struct lstm_functions {
    void (*statistics)(const float *x, size_t units, float epsilon, float *mean, float *factor);
    void (*units)(const lstm_row *r, size_t begin, size_t end);
    void (*outputs)(const lstm_row *r, size_t units);
} lstm_functions;
typedef void (*statistics_fn)(const float *, size_t, float, float *, float *);
typedef void (*units_fn)(const lstm_row *, size_t, size_t);
typedef void (*outputs_fn)(const lstm_row *, size_t);
static const statistics_fn statistics_variants[PTN_ISA_COUNT] = PTN_TABLE(statistics);
static const units_fn units_variants[PTN_ISA_COUNT] = PTN_TABLE(lstm_units);
static const outputs_fn outputs_variants[PTN_ISA_COUNT] = PTN_TABLE(lstm_outputs);

enum { UNITS_PER_TASK = 512 }; // a multiple of every vector's length

typedef struct lstm_job {
    lstm_functions f;
    size_t units, parts; // tasks per sample
    ptn_lstm_order order;
    float forget_bias;
    const ptn_lstm_norm *norm;
    const float *gates, *c;
    float *next_c, *h;
} lstm_job;

// The gate at place `index` of a sample's four.
static lstm_gate gate_at(const lstm_job *j, const float *gates, size_t index) {
    const size_t at = index * j->units;
    lstm_gate g = {.x = gates + at};
    if (!j->norm) return g;
    g.scale = j->norm->gate_scale + at;
    g.shift = j->norm->gate_shift + at;
    j->f.statistics(g.x, j->units, j->norm->epsilon, &g.mean, &g.factor);
    return g;
}

static void run_part(void *context, size_t index, int thread) {
    (void)thread;
    const lstm_job *j = context;
    const size_t sample = index / j->parts, begin = index % j->parts * UNITS_PER_TASK;
    const size_t at = sample * j->units;
    const float *gates = j->gates + 4 * at;
    const bool swapped = j->order == PTN_LSTM_IGFO;
    lstm_row r = {.input = gate_at(j, gates, 0),
                  .forget = gate_at(j, gates, swapped ? 2 : 1),
                  .value = gate_at(j, gates, swapped ? 1 : 2),
                  .output = gate_at(j, gates, 3),
                  .forget_bias = j->forget_bias,
                  .c = j->c + at,
                  .next_c = j->next_c + at,
                  .h = j->h + at};
    if (!j->norm) {
        j->f.units(&r, begin, ptn_min(begin + UNITS_PER_TASK, j->units));
        return;
    }
    r.cell = (lstm_gate){.x = r.next_c, .scale = j->norm->cell_scale, .shift = j->norm->cell_shift};
    j->f.units(&r, 0, j->units);
    j->f.statistics(r.next_c, j->units, j->norm->epsilon, &r.cell.mean, &r.cell.factor);
    j->f.outputs(&r, j->units);
}

ptn_status ptn_lstm_cell(const ptn_runtime *runtime, size_t samples, size_t units,
                         ptn_lstm_order order, float forget_bias, const ptn_lstm_norm *norm,
                         const float *gates, const float *c, float *next_c, float *h) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if ((unsigned)order > PTN_LSTM_IGFO) return PTN_BAD_ARGUMENT;
    size_t count;
    if (!ptn_float_bytes(samples, units, 4, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (norm && (!norm->gate_scale || !norm->gate_shift || !norm->cell_scale || !norm->cell_shift))
        return PTN_BAD_ARGUMENT;
    lstm_job j = {.f = {.statistics = statistics_variants[runtime->isa],
                        .units = units_variants[runtime->isa],
                        .outputs = outputs_variants[runtime->isa]},
                  .units = units,
                  .parts = norm ? 1 : ptn_div_up(units, UNITS_PER_TASK),
                  .order = order,
                  .forget_bias = forget_bias,
                  .norm = norm,
                  .gates = gates,
                  .c = c,
                  .next_c = next_c,
                  .h = h};
    // Five functions with exponentials per unit, some ten nanoseconds per vector of four.
    const int threads = ptn_threads_worth(runtime->threads, (double)count);
    ptn_parallel(threads, samples * j.parts, run_part, &j);
    return PTN_OK;
}
