// Strided rows and windows of maps. There are no variants per instruction set, since the C
// library's memcpy chooses one.
#include "map.h"
#include "ptn_layout.h"

static void copy_floats(const float *x, size_t n, float *y) {
    if (n >= 16)
        memcpy(y, x, n * sizeof *x);
    else
        for (size_t i = 0; i < n; i++) y[i] = x[i];
}

typedef struct copy_job {
    size_t rows, rows_per_task, floats, pieces, piece; // pieces per row
    size_t x_stride, y_stride;
    const float *x;
    float *y;
} copy_job;

static void copy_task(void *context, size_t index, int thread) {
    (void)thread;
    const copy_job *j = context;
    size_t first = index / j->pieces * j->rows_per_task, at = index % j->pieces * j->piece;
    size_t end = ptn_min(j->rows, first + j->rows_per_task), n = ptn_min(j->piece, j->floats - at);
    for (size_t r = first; r < end; r++)
        copy_floats(j->x + r * j->x_stride + at, n, j->y + r * j->y_stride + at);
}

ptn_status ptn_copy_rows(const ptn_runtime *runtime, size_t rows, size_t floats, const float *x,
                         size_t x_stride, float *y, size_t y_stride) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (x_stride < floats || y_stride < floats) return PTN_BAD_ARGUMENT;
    size_t count;
    if (!ptn_float_bytes(rows, x_stride, 1, 1, NULL) ||
        !ptn_float_bytes(rows, y_stride, 1, 1, NULL) || !ptn_mul(rows, floats, &count))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    copy_job j = {.rows = rows,
                  .floats = floats,
                  .x_stride = x_stride,
                  .y_stride = y_stride,
                  .x = x,
                  .y = y,
                  .rows_per_task = ptn_max(1, PTN_CHUNK / floats)};
    j.piece = ptn_min(floats, 2 * PTN_CHUNK);
    j.pieces = ptn_div_up(floats, j.piece);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count),
                 ptn_div_up(rows, j.rows_per_task) * j.pieces, copy_task, &j);
    return PTN_OK;
}

typedef struct frame_job {
    ptn_frame f;
    size_t h, w, c;
    size_t outputs, outputs_per_task; // output rows of all samples
    size_t first, end;                // output columns that lie inside x
    const float *x;
    float *y;
} frame_job;

// The output positions whose source lies in [0, size).
static void inside(size_t outputs, size_t stride, size_t before, size_t size, size_t *first,
                   size_t *end) {
    *first = ptn_min(outputs, ptn_div_up(before, stride));
    *end = ptn_max(*first, ptn_min(outputs, ptn_div_up(before + size, stride)));
}

static void frame_row(const frame_job *j, const float *x, float *y) {
    const ptn_frame *f = &j->f;
    size_t after = f->channels - f->channels_before - j->c;
    memset(y, 0, j->first * f->channels * sizeof *y);
    if (f->channels == j->c && f->stride == 1) {
        const float *from = x + (j->first - f->left) * j->c;
        memcpy(y + j->first * j->c, from, (j->end - j->first) * j->c * sizeof *y);
    } else {
        for (size_t ox = j->first; ox < j->end; ox++) {
            float *pixel = y + ox * f->channels;
            memset(pixel, 0, f->channels_before * sizeof *y);
            copy_floats(x + (ox * f->stride - f->left) * j->c, j->c, pixel + f->channels_before);
            memset(pixel + f->channels_before + j->c, 0, after * sizeof *y);
        }
    }
    memset(y + j->end * f->channels, 0, (f->width - j->end) * f->channels * sizeof *y);
}

static void frame_rows(void *context, size_t index, int thread) {
    (void)thread;
    const frame_job *j = context;
    const ptn_frame *f = &j->f;
    size_t row = f->width * f->channels, first, last;
    inside(f->height, f->stride, f->top, j->h, &first, &last);
    size_t end = ptn_min(j->outputs, (index + 1) * j->outputs_per_task);
    for (size_t o = index * j->outputs_per_task; o < end; o++) {
        size_t oy = o % f->height;
        float *y = j->y + o * row;
        if (oy < first || oy >= last || j->first == j->end)
            memset(y, 0, row * sizeof *y);
        else
            frame_row(j, j->x + (o / f->height * j->h + oy * f->stride - f->top) * j->w * j->c, y);
    }
}

ptn_status ptn_reframe(const ptn_runtime *runtime, const ptn_frame *f, size_t n, size_t h, size_t w,
                       size_t c, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count, channels, ends[4];
    if (!ptn_float_bytes(n, f->height, f->width, f->channels, &count) ||
        !ptn_float_bytes(n, h, w, c, NULL) || !ptn_add(f->channels_before, c, &channels) ||
        !ptn_add(f->top, h, &ends[0]) || !ptn_add(f->left, w, &ends[1]) ||
        !ptn_mul(f->height, f->stride, &ends[2]) || !ptn_mul(f->width, f->stride, &ends[3]))
        return PTN_SIZE_OVERFLOW;
    if (f->stride < 1 || f->channels < channels) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    frame_job j = {.f = *f, .h = h, .w = w, .c = c, .outputs = n * f->height, .x = x, .y = y};
    inside(f->width, f->stride, f->left, w, &j.first, &j.end);
    j.outputs_per_task = ptn_max(1, PTN_CHUNK / (f->width * f->channels));
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count),
                 ptn_div_up(j.outputs, j.outputs_per_task), frame_rows, &j);
    return PTN_OK;
}
