// Element-wise activations.
#include "map.h"

#define PTN_SOURCE "../map/activation.inc"
#include "../core/foreach_isa.h"

const ptn_activate_row_fn ptn_activate_row[PTN_ISA_COUNT] = PTN_TABLE(activate_row);

typedef struct activation_job {
    ptn_activate_row_fn row;
    ptn_activation_spec spec;
    size_t count, chunk;  // in floats; a chunk holds whole rows when there are slopes
    size_t row_length;    // floats that `slopes` covers
    const float *slopes;  // repeated to row_length
    const float *x;
    float *y;
} activation_job;

static void activate_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const activation_job *j = context;
    size_t begin = index * j->chunk, end = ptn_min(j->count, begin + j->chunk);
    if (!j->slopes) {
        j->row(j->spec.kind, j->spec.slope, NULL, end - begin, j->x + begin, j->y + begin);
        return;
    }
    for (size_t i = begin; i < end; i += j->row_length)
        j->row(j->spec.kind, 0, j->slopes, ptn_min(j->row_length, end - i), j->x + i, j->y + i);
}

ptn_status ptn_activate(const ptn_runtime *runtime, const ptn_activation_spec *spec, size_t rows,
                        size_t channels, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_activation_check(spec);
    if (status != PTN_OK) return status;
    activation_job j = {.row = ptn_activate_row[runtime->isa], .spec = *spec, .x = x, .y = y};
    if (!ptn_float_bytes(rows, channels, 1, 1, &j.count)) return PTN_SIZE_OVERFLOW;
    if (j.count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    float repeated[PTN_PERIOD_MOST];
    j.chunk = PTN_CHUNK;
    if (spec->kind == PTN_ACT_PRELU) {
        size_t pixels = ptn_period_pixels(channels);
        j.slopes = spec->slopes;
        j.row_length = pixels * channels;
        if (pixels > 1) {
            ptn_repeat_row(spec->slopes, channels, pixels, repeated);
            j.slopes = repeated;
        }
        j.chunk = j.row_length * ptn_max(1, PTN_CHUNK / j.row_length);
    }
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * j.count), ptn_div_up(j.count, j.chunk),
                 activate_chunk, &j);
    return PTN_OK;
}
