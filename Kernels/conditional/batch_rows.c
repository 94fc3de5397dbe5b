// Rows of a compact batch back into the full one. (Into a compact batch: ptn_index_select.)
//
// Rows are cut into pieces, so that one large row is shared by all threads, too.
#include "ptn_batch_rows.h"
#include "../tensor/map.h"

typedef struct rows_job {
    size_t inner, pieces, piece; // floats per row, pieces per row, floats per piece
    const ptrdiff_t *rows;
    const float *weights; // NULL: 1
    const float *x;
    float *y;
} rows_job;

typedef struct row_piece {
    const float *x;
    float *y;
    size_t row, length;
} row_piece;

static row_piece piece_at(const rows_job *j, size_t index) {
    const size_t row = index / j->pieces, begin = index % j->pieces * j->piece;
    return (row_piece){.x = j->x + row * j->inner + begin,
                       .y = j->y + (size_t)j->rows[row] * j->inner + begin,
                       .row = row,
                       .length = ptn_min(j->piece, j->inner - begin)};
}

static void scatter_task(void *context, size_t index, int thread) {
    (void)thread;
    const row_piece p = piece_at(context, index);
    memcpy(p.y, p.x, p.length * sizeof *p.y);
}

static void add_task(void *context, size_t index, int thread) {
    (void)thread;
    const rows_job *j = context;
    const row_piece p = piece_at(j, index);
    if (!j->weights) {
        for (size_t i = 0; i < p.length; i++) p.y[i] += p.x[i];
        return;
    }
    const float weight = j->weights[p.row];
    for (size_t i = 0; i < p.length; i++) p.y[i] += weight * p.x[i];
}

static bool are_rows(size_t batch, size_t count, const ptrdiff_t *rows) {
    for (size_t i = 0; i < count; i++)
        if (rows[i] < 0 || (size_t)rows[i] >= batch || (i > 0 && rows[i] <= rows[i - 1]))
            return false;
    return true;
}

static ptn_status run(const ptn_runtime *runtime, size_t batch, size_t count, rows_job *j,
                      ptn_task task, size_t passes) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t all;
    if (!ptn_float_bytes(batch, j->inner, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    if (count > 0 && !j->rows) return PTN_BAD_ARGUMENT;
    if (!are_rows(batch, count, j->rows)) return PTN_BAD_ARGUMENT;
    all = count * j->inner;
    if (all == 0) return PTN_OK;
    if (!j->x || !j->y) return PTN_BAD_ARGUMENT;
    j->piece = ptn_min(j->inner, PTN_CHUNK);
    j->pieces = ptn_div_up(j->inner, j->piece);
    ptn_parallel(ptn_threads_for_floats(runtime, passes * all), count * j->pieces, task, j);
    return PTN_OK;
}

ptn_status ptn_scatter_rows(const ptn_runtime *runtime, size_t batch, size_t inner, size_t count,
                            const ptrdiff_t *rows, const float *x, float *y) {
    rows_job j = {.inner = inner, .rows = rows, .x = x, .y = y};
    return run(runtime, batch, count, &j, scatter_task, 2);
}

ptn_status ptn_add_rows(const ptn_runtime *runtime, size_t batch, size_t inner, size_t count,
                        const ptrdiff_t *rows, const float *weights, const float *x, float *y) {
    rows_job j = {.inner = inner, .rows = rows, .weights = weights, .x = x, .y = y};
    return run(runtime, batch, count, &j, add_task, 3);
}
