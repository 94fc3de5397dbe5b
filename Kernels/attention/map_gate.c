// Maps multiplied by gates per channel, row, column, pixel or group of channels.
#include "ptn_map_gate.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/map_gate.inc"
#include "../core/foreach_isa.h"

// Groups of fewer channels, or of a few that fill no vectors, have their gates repeated.
enum { NARROW = 32, VECTOR = 8 };

typedef void (*gate_row_fn)(ptn_gate_kind kind, unsigned present, size_t pixels, size_t channels,
                            const float *x, const float *a, const float *b, const float *s,
                            const float *residual, float *y);
typedef void (*gate_run_fn)(size_t n, const float *x, const float *gate, const float *residual,
                            float *y);
typedef void (*gate_repeat_fn)(size_t groups, size_t size, const float *gates, float *out);
static const gate_row_fn gate_row[PTN_ISA_COUNT] = PTN_TABLE(map_gate_row);
static const gate_run_fn gate_run[PTN_ISA_COUNT] = PTN_TABLE(map_gate_run);
static const gate_repeat_fn gate_repeat[PTN_ISA_COUNT] = PTN_TABLE(map_gate_repeat);

typedef struct gate_job {
    gate_row_fn row;
    gate_run_fn run;
    gate_repeat_fn repeat;
    size_t lanes; // of a vector
    ptn_activate_row_fn activate;
    ptn_activation_spec activation;
    size_t h, w, c, pixels; // pixels: of all samples
    size_t chunk, step;     // pixels per task and between two activations
    ptn_map_gates gates;
    unsigned present;
    const float *x, *residual;
    float *y;
} gate_job;

static void finish(const gate_job *j, size_t n, float *y) {
    if (j->activation.kind != PTN_ACT_IDENTITY) j->activate(&j->activation, NULL, n, y, y);
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

// The gates of some groups, each repeated over its `size` channels.
static void repeat_gates(const gate_job *j, const float *gates, size_t groups, float *out) {
    const size_t size = j->c;
    if (j->lanes % size == 0) {
        j->repeat(groups, size, gates, out);
        return;
    }
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < size; i++) out[g * size + i] = gates[g];
}

// Narrow groups, which lie side by side: here a pixel is a group.
static void narrow_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const gate_job *j = context;
    float repeated[PTN_BLOCK];
    const size_t end = ptn_min(j->pixels, (index + 1) * j->chunk);
    for (size_t g = index * j->chunk, n; g < end; g += n) {
        n = ptn_min(j->step, end - g);
        const size_t at = g * j->c, floats = n * j->c;
        const float *gates = j->gates.pixels + g;
        if (j->c > 1) repeat_gates(j, gates, n, repeated), gates = repeated;
        j->run(floats, j->x + at, gates, j->residual ? j->residual + at : NULL, j->y + at);
        finish(j, floats, j->y + at);
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
    j->repeat = gate_repeat[runtime->isa];
    j->lanes = ptn_isa_vector_floats(runtime->isa);
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
                           size_t groups, const float *x, const float *gates, const float *residual,
                           const ptn_activation_spec *activation, float *y) {
    if (groups == 0 || channels % groups != 0) return PTN_BAD_ARGUMENT;
    // A group of a pixel is a pixel of fewer channels with one gate.
    size_t all;
    if (!ptn_mul(pixels, groups, &all)) return PTN_SIZE_OVERFLOW;
    const ptn_map_gates as_pixels = {.kind = PTN_GATE_PRODUCT, .pixels = gates};
    const size_t size = channels / groups;
    if (size >= NARROW || (size > 0 && size % VECTOR == 0))
        return ptn_gate_map(runtime, 1, 1, all, size, x, &as_pixels, residual, activation, y);
    gate_job j = {.gates = as_pixels, .x = x, .residual = residual, .y = y};
    size_t count;
    ptn_status status = prepare(&j, runtime, 1, 1, all, size, activation, &count);
    if (status != PTN_OK || count == 0) return status;
    if (!x || !gates || !y) return PTN_BAD_ARGUMENT;
    run(runtime, &j, count, narrow_chunk);
    return PTN_OK;
}
