// Dynamic shift-max: shifted channels are loaded from their places in the pixel's row, without a
// shifted copy of the map.
#include "ptn_shift_max.h"
#include "../core/rows.h"
#include "ptn_memory.h"

// Of every channel: -1 if it is the last of its group, else 0; and the channel it is mixed with.
typedef struct shift_max_table {
    int32_t *last, *from;
} shift_max_table;

#define PTN_SOURCE "../activation/shift_max.inc"
#include "../core/foreach_isa.h"

typedef void (*shift_max_fn)(size_t pieces, size_t pixels, size_t channels, size_t group,
                             const shift_max_table *table, const float *x, const float *planes,
                             float *y);
static const shift_max_fn shift_max_pixels[PTN_ISA_COUNT] = PTN_TABLE(shift_max_pixels);

typedef struct shift_max_job {
    shift_max_fn pixels_of;
    ptn_rows rows;
    size_t pieces, group;
    shift_max_table table;
    const float *x, *coefficients;
    float *y;
} shift_max_job;

static void shift_max_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const shift_max_job *j = context;
    const ptn_rows *r = &j->rows;
    const size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    const size_t pixels = ptn_min(r->pixels, first + r->chunk) - first;
    const size_t at = (sample * r->pixels + first) * r->channels;
    const float *planes = j->coefficients + sample * 2 * j->pieces * r->channels;
    j->pixels_of(j->pieces, pixels, r->channels, j->group, &j->table, j->x + at, planes, j->y + at);
}

ptn_status ptn_shift_max(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t channels,
                         size_t groups, size_t pieces, const float *x, const float *coefficients,
                         float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_float_bytes(samples, channels, 2 * PTN_SHIFT_MAX_MOST_PIECES, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (groups < 1 || channels % groups != 0 || pieces < 1 || pieces > PTN_SHIFT_MAX_MOST_PIECES)
        return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !coefficients || !y || x == y) return PTN_BAD_ARGUMENT;
    if (channels > INT32_MAX) return PTN_SIZE_OVERFLOW;
    int32_t *last = ptn_scratch_acquire(2 * channels * sizeof *last);
    if (!last) return PTN_OUT_OF_MEMORY;
    int32_t *from = last + channels;
    const size_t group = channels / groups;
    for (size_t c = 0; c < channels; c++) {
        last[c] = c % group == group - 1 ? -1 : 0;
        from[c] = (int32_t)((c / group + 1) % groups * group + (c % group + 1) % group);
    }
    shift_max_job j = {.pixels_of = shift_max_pixels[runtime->isa],
                       .rows = ptn_rows_plan(samples, pixels, channels),
                       .pieces = pieces,
                       .group = group,
                       .table = {last, from},
                       .x = x,
                       .coefficients = coefficients,
                       .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), samples * j.rows.chunks,
                 shift_max_chunk, &j);
    ptn_scratch_release(last);
    return PTN_OK;
}
