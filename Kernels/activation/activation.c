// Element-wise activations.
#include "../core/rows.h"
#include "activate.h"

#define PTN_SOURCE "../activation/activation.inc"
#include "../core/foreach_isa.h"

const ptn_activate_row_fn ptn_activate_row[PTN_ISA_COUNT] = PTN_TABLE(activate_row);

typedef struct activation_job {
    ptn_activate_row_fn row;
    ptn_activation_spec spec;
    ptn_rows rows;
    const float *slopes; // slopes of `rows.repeat` pixels
    const float *x;
    float *y;
} activation_job;

static void activate_flat(void *context, size_t index, int thread) {
    (void)thread;
    const activation_job *j = context;
    size_t begin = index * PTN_CHUNK, n = ptn_min(PTN_CHUNK, j->rows.channels - begin);
    j->row(&j->spec, NULL, n, j->x + begin, j->y + begin);
}

static void activate_rows(void *context, size_t index, int thread) {
    (void)thread;
    const activation_job *j = context;
    const ptn_rows *r = &j->rows;
    size_t first = index * r->chunk, end = ptn_min(r->pixels, first + r->chunk);
    for (size_t p = first; p < end; p += r->repeat) {
        size_t n = ptn_min(r->repeat, end - p) * r->channels, at = p * r->channels;
        j->row(&j->spec, j->slopes, n, j->x + at, j->y + at);
    }
}

ptn_status ptn_activate(const ptn_runtime *runtime, const ptn_activation_spec *spec, size_t rows,
                        size_t channels, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_activation_check(spec);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(rows, channels, 1, 1, &count)) return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    activation_job j = {.row = ptn_activate_row[runtime->isa], .spec = *spec, .x = x, .y = y};
    int threads = ptn_threads_for_floats(runtime, 2 * count);
    if (spec->kind == PTN_ACT_PRELU) {
        float repeated[PTN_PERIOD_MOST];
        j.rows = ptn_rows_plan(1, rows, channels);
        j.slopes = ptn_repeated(&j.rows, spec->slopes, repeated);
        ptn_parallel(threads, j.rows.chunks, activate_rows, &j);
    } else {
        j.rows.channels = count;
        ptn_parallel(threads, ptn_div_up(count, PTN_CHUNK), activate_flat, &j);
    }
    return PTN_OK;
}
