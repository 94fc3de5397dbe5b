// Padding of maps with their own values: a task is some rows of the result.
#include "ptn_edge_pad.h"
#include "../tensor/map.h"

typedef struct edge_job {
    ptn_edge_mode mode;
    ptn_edge_sizes sizes;
    size_t h, w, c, height, width; // of x and of y
    size_t rows, rows_per_task;    // rows of y, of all samples
    const float *x;
    float *y;
} edge_job;

// Source position in x of position `at` of an axis of y that has `before` positions of padding
// first.
static size_t edge_source(ptn_edge_mode mode, size_t at, size_t before, size_t size) {
    if (at < before) return mode == PTN_EDGE_REFLECT ? before - at : 0;
    at -= before;
    if (at < size) return at;
    return mode == PTN_EDGE_REFLECT ? 2 * (size - 1) - at : size - 1;
}

static void edge_pixel(const edge_job *j, const float *row, size_t column, float *y) {
    const float *from = row + edge_source(j->mode, column, j->sizes.left, j->w) * j->c;
    for (size_t k = 0; k < j->c; k++) y[column * j->c + k] = from[k];
}

static void edge_rows(void *context, size_t index, int thread) {
    (void)thread;
    const edge_job *j = context;
    const size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task), left = j->sizes.left;
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        const size_t source = edge_source(j->mode, r % j->height, j->sizes.top, j->h);
        const float *row = j->x + (r / j->height * j->h + source) * j->w * j->c;
        float *y = j->y + r * j->width * j->c;
        for (size_t column = 0; column < left; column++) edge_pixel(j, row, column, y);
        memcpy(y + left * j->c, row, j->w * j->c * sizeof *y);
        for (size_t column = left + j->w; column < j->width; column++)
            edge_pixel(j, row, column, y);
    }
}

ptn_status ptn_edge_pad(const ptn_runtime *runtime, ptn_edge_mode mode, const ptn_edge_sizes *sizes,
                        size_t n, size_t h, size_t w, size_t c, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    edge_job j = {.mode = mode, .sizes = *sizes, .h = h, .w = w, .c = c, .x = x, .y = y};
    size_t count;
    if (!ptn_add(sizes->top, h, &j.height) || !ptn_add(j.height, sizes->bottom, &j.height) ||
        !ptn_add(sizes->left, w, &j.width) || !ptn_add(j.width, sizes->right, &j.width) ||
        !ptn_float_bytes(n, j.height, j.width, c, &count))
        return PTN_SIZE_OVERFLOW;
    if ((int)mode < 0 || mode > PTN_EDGE_REFLECT || h == 0 || w == 0) return PTN_BAD_ARGUMENT;
    if (mode == PTN_EDGE_REFLECT &&
        (ptn_max(sizes->top, sizes->bottom) >= h || ptn_max(sizes->left, sizes->right) >= w))
        return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    j.rows = n * j.height;
    j.rows_per_task = ptn_max(1, PTN_CHUNK / (j.width * c));
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), ptn_div_up(j.rows, j.rows_per_task),
                 edge_rows, &j);
    return PTN_OK;
}
