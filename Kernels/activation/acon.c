// ACON: the map is read and written once; the rows of parameters stay in the cache.
#include "ptn_acon.h"
#include "../core/rows.h"

#define PTN_SOURCE "../activation/acon.inc"
#include "../core/foreach_isa.h"

typedef void (*acon_row_fn)(size_t n, const float *x, const float *p1, const float *p2,
                            const float *beta, float *y);
static const acon_row_fn acon_row[PTN_ISA_COUNT] = PTN_TABLE(acon_row);

typedef struct acon_job {
    acon_row_fn row;
    ptn_rows rows;
    const float *x, *p1, *p2, *beta;
    bool beta_per_sample;
    float *y;
} acon_job;

static void acon_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const acon_job *j = context;
    const ptn_rows *r = &j->rows;
    float repeated[3][PTN_PERIOD_MOST];
    const size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    const size_t end = ptn_min(r->pixels, first + r->chunk);
    const float *own = j->beta + (j->beta_per_sample ? sample * r->channels : 0);
    const float *p1 = ptn_repeated(r, j->p1, repeated[0]);
    const float *p2 = ptn_repeated(r, j->p2, repeated[1]);
    const float *beta = ptn_repeated(r, own, repeated[2]);
    for (size_t p = first; p < end; p += r->repeat) {
        const size_t n = ptn_min(r->repeat, end - p) * r->channels;
        const size_t at = (sample * r->pixels + p) * r->channels;
        j->row(n, j->x + at, p1, p2, beta, j->y + at);
    }
}

ptn_status ptn_acon(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t channels,
                    const float *x, const float *p1, const float *p2, const float *beta,
                    bool beta_per_sample, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_float_bytes(samples, channels, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !p1 || !p2 || !beta || !y) return PTN_BAD_ARGUMENT;
    acon_job j = {.row = acon_row[runtime->isa],
                  .rows = ptn_rows_plan(samples, pixels, channels),
                  .x = x,
                  .p1 = p1,
                  .p2 = p2,
                  .beta = beta,
                  .beta_per_sample = beta_per_sample,
                  .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 3 * count), samples * j.rows.chunks, acon_chunk,
                 &j);
    return PTN_OK;
}
