// Maps multiplied by gates per channel, row, column, pixel or group of channels.
#include "ptn_map_gate.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/map_gate.inc"
#include "../core/foreach_isa.h"

typedef void (*gate_row_fn)(ptn_gate_kind kind, unsigned present, size_t pixels, size_t channels,
                            const float *x, const float *a, const float *b, const float *s,
                            const float *residual, float *y);
typedef void (*gate_run_fn)(size_t n, const float *x, const float *gate, const float *residual,
                            float *y);
static const gate_row_fn gate_row[PTN_ISA_COUNT] = PTN_TABLE(map_gate_row);
static const gate_run_fn gate_run[PTN_ISA_COUNT] = PTN_TABLE(map_gate_run);

typedef struct gate_job {
    gate_row_fn row;
    gate_run_fn run;
    ptn_activate_row_fn activate;
    ptn_activation_spec activation;
    size_t h, w, c, pixels; // pixels: of all samples
    size_t chunk, step;     // pixels per task and between two activations
    ptn_map_gates gates;
    unsigned present;
    size_t groups;
    const float *group_gates;
    const float *x, *residual;
    float *y;
} gate_job;

static void finish(const gate_job *j, size_t n, float *y) {
    if (j->activation.kind != PTN_ACT_IDENTITY)
        j->activate(&j->activation, NULL, n, y, y);
}

// A chunk of pixels, row by row of the map, in steps that stay in the first-level cache.
static void gate_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const gate_job *j = context;
    const ptn_map_gates *g = &j->gates;
    const size_t end = ptn_min(j->pixels, (index + 1) * j->chunk);
    for (size_t p = index * j->chunk, n; p < end; p += n) {
        const size_t line = p / j->w, column = p % j->w, sample = line / j->h, at = p * j->c;
        n = ptn_min(j->step, ptn_min(end - p, j->w - column));
        const float *a = g->samples ? g->samples + sample * j->c
                         : g->rows  ? g->rows + line * j->c
                                    : NULL;
        const float *b = g->columns ? g->columns + (sample * j->w + column) * j->c : NULL;
        j->row(g->kind, j->present, n, j->c, j->x + at, a, b, g->pixels ? g->pixels + p : NULL,
               j->residual ? j->residual + at : NULL, j->y + at);
        finish(j, n * j->c, j->y + at);
    }
}

// The gate of each group repeated over `size` channels.
static void repeat_gates(const float *gates, size_t groups, size_t size, float *out) {
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < size; i++) out[g * size + i] = gates[g];
}

static void group_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const gate_job *j = context;
    float repeated[PTN_BLOCK];
    const size_t size = j->c / j->groups, end = ptn_min(j->pixels, (index + 1) * j->chunk);
    if (size == 1) {
        for (size_t i = index * j->chunk * j->c, n; i < end * j->c; i += n) {
            n = ptn_min(PTN_BLOCK, end * j->c - i);
            j->run(n, j->x + i, j->group_gates + i, j->residual ? j->residual + i : NULL, j->y + i);
            finish(j, n, j->y + i);
        }
        return;
    }
    for (size_t p = index * j->chunk; p < end; p++) {
        const float *gates = j->group_gates + p * j->groups;
        // Whole groups as far as the buffer allows, or parts of a large group.
        const size_t most = size <= PTN_BLOCK ? PTN_BLOCK / size : 1;
        for (size_t g = 0; g < j->groups; g += most) {
            const size_t groups = ptn_min(most, j->groups - g);
            for (size_t i = 0; i < size; i += PTN_BLOCK) {
                const size_t part = ptn_min(PTN_BLOCK, size - i), n = groups * part;
                const size_t at = p * j->c + g * size + i;
                repeat_gates(gates + g, groups, part, repeated);
                j->run(n, j->x + at, repeated, j->residual ? j->residual + at : NULL, j->y + at);
                finish(j, n, j->y + at);
            }
        }
    }
}

// Checks what both functions share and fills in the job. `*count` is the number of elements.
static ptn_status prepare(gate_job *j, const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                          size_t c, const ptn_activation_spec *activation, size_t *count) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    if (!ptn_float_bytes(n, h, w, c, count)) return PTN_SIZE_OVERFLOW;
    if (*count == 0) return PTN_OK;
    j->row = gate_row[runtime->isa];
    j->run = gate_run[runtime->isa];
    j->activate = ptn_activate_row[runtime->isa];
    j->activation = *activation;
    j->h = h, j->w = w, j->c = c;
    j->pixels = n * h * w;
    j->chunk = ptn_max(1, PTN_CHUNK / c);
    j->step = ptn_max(1, PTN_BLOCK / c);
    return PTN_OK;
}

static void run(const ptn_runtime *runtime, gate_job *j, size_t count, ptn_task task) {
    const int threads = ptn_threads_for_floats(runtime, (j->residual ? 3 : 2) * count);
    ptn_parallel(threads, ptn_div_up(j->pixels, j->chunk), task, j);
}

ptn_status ptn_gate_map(const ptn_runtime *runtime, size_t n, size_t h, size_t w, size_t c,
                        const float *x, const ptn_map_gates *gates, const float *residual,
                        const ptn_activation_spec *activation, float *y) {
    gate_job j = {.x = x, .residual = residual, .y = y};
    size_t count;
    ptn_status status = prepare(&j, runtime, n, h, w, c, activation, &count);
    if (status != PTN_OK) return status;
    if (!gates || (int)gates->kind < 0 || gates->kind > PTN_GATE_ONE_PLUS_SIGMOID)
        return PTN_BAD_ARGUMENT;
    if (gates->samples && gates->rows) return PTN_BAD_ARGUMENT;
    j.gates = *gates;
    j.present = (gates->samples || gates->rows ? 1 : 0) | (gates->columns ? 2 : 0) |
                (gates->pixels ? 4 : 0);
    if (count == 0) return PTN_OK;
    if (j.present == 0 || !x || !y) return PTN_BAD_ARGUMENT;
    run(runtime, &j, count, gate_chunk);
    return PTN_OK;
}

ptn_status ptn_gate_groups(const ptn_runtime *runtime, size_t pixels, size_t channels,
                           size_t groups, const float *x, const float *gates,
                           const float *residual, const ptn_activation_spec *activation,
                           float *y) {
    gate_job j = {.x = x, .residual = residual, .group_gates = gates, .groups = groups, .y = y};
    size_t count;
    ptn_status status = prepare(&j, runtime, pixels, 1, 1, channels, activation, &count);
    if (status != PTN_OK) return status;
    if (groups == 0 || channels % groups != 0) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !gates || !y) return PTN_BAD_ARGUMENT;
    run(runtime, &j, count, group_chunk);
    return PTN_OK;
}
