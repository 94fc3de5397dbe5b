// Copies windows to rows and sums rows to maps. The channels of a pixel are `taps` floats apart in
// a row, which stays in the first-level cache.
#include "ptn_unfold.h"
#include "../tensor/map.h"

typedef struct unfold_job {
    ptn_windows windows;
    size_t h, w, c, taps;
    size_t rows, rows_per_task; // rows of windows (unfold) or of pixels (fold), over all samples
    const float *x;
    float *y;
} unfold_job;

// Writes one pixel of a window, channels `taps` floats apart; `from`: NULL outside the map.
static void unfold_pixel(const float *from, size_t channels, size_t taps, float *y) {
    for (size_t k = 0; k < channels; k++) y[k * taps] = from ? from[k] : 0;
}

// Writes one window; (top, left) is its first pixel in the padded map.
static void unfold_window(const unfold_job *j, const float *map, size_t top, size_t left,
                          float *y) {
    const ptn_windows *s = &j->windows;
    for (size_t i = 0; i < s->kernel_h; i++) {
        // Positions before the map wrap around to large numbers, which are outside too.
        const size_t row = top + i * s->dilation_h - s->padding_h;
        for (size_t l = 0; l < s->kernel_w; l++, y++) {
            const size_t column = left + l * s->dilation_w - s->padding_w;
            const bool inside = row < j->h && column < j->w;
            unfold_pixel(inside ? map + (row * j->w + column) * j->c : NULL, j->c, j->taps, y);
        }
    }
}

static void unfold_rows(void *context, size_t index, int thread) {
    (void)thread;
    const unfold_job *j = context;
    const ptn_windows *s = &j->windows;
    const size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task);
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        const float *map = j->x + r / s->out_h * j->h * j->w * j->c;
        float *y = j->y + r * s->out_w * j->taps * j->c;
        for (size_t ox = 0; ox < s->out_w; ox++)
            unfold_window(j, map, r % s->out_h * s->stride_h, ox * s->stride_w,
                          y + ox * j->taps * j->c);
    }
}

// The window along one axis whose tap `tap` is at the padded position `at`; SIZE_MAX if there is
// none.
static size_t window_at(size_t at, size_t tap, size_t dilation, size_t stride, size_t outputs) {
    if (at < tap * dilation) return SIZE_MAX;
    const size_t begin = at - tap * dilation;
    return begin % stride == 0 && begin / stride < outputs ? begin / stride : SIZE_MAX;
}

static void fold_pixel(const unfold_job *j, const float *x, size_t row, size_t column, float *y) {
    const ptn_windows *s = &j->windows;
    for (size_t k = 0; k < j->c; k++) y[k] = 0;
    for (size_t i = 0; i < s->kernel_h; i++) {
        const size_t oy = window_at(row + s->padding_h, i, s->dilation_h, s->stride_h, s->out_h);
        for (size_t l = 0; oy != SIZE_MAX && l < s->kernel_w; l++) {
            const size_t ox =
                window_at(column + s->padding_w, l, s->dilation_w, s->stride_w, s->out_w);
            if (ox == SIZE_MAX) continue;
            const float *from = x + (oy * s->out_w + ox) * j->taps * j->c + i * s->kernel_w + l;
            for (size_t k = 0; k < j->c; k++) y[k] += from[k * j->taps];
        }
    }
}

static void fold_rows(void *context, size_t index, int thread) {
    (void)thread;
    const unfold_job *j = context;
    const size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task);
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        const float *x = j->x + r / j->h * j->windows.out_h * j->windows.out_w * j->taps * j->c;
        for (size_t column = 0; column < j->w; column++)
            fold_pixel(j, x, r % j->h, column, j->y + (r * j->w + column) * j->c);
    }
}

// Whether `outputs` windows along an axis all begin within the padded map, and nothing overflows.
static bool axis_fits(size_t size, size_t kernel, size_t dilation, size_t padding, size_t stride,
                      size_t outputs) {
    size_t reach, padded, last;
    return kernel >= 1 && dilation >= 1 && stride >= 1 && ptn_mul(kernel - 1, dilation, &reach) &&
           ptn_mul(padding, 2, &padded) && ptn_add(padded, size, &padded) &&
           ptn_mul(outputs, stride, &last) && ptn_add(last, reach, &last) &&
           (outputs == 0 || (outputs - 1) * stride < padded);
}

static ptn_status prepare(const ptn_runtime *runtime, const ptn_windows *s, size_t n, size_t h,
                          size_t w, size_t c, const float *x, float *y, unfold_job *j, size_t *map,
                          size_t *columns) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (!axis_fits(h, s->kernel_h, s->dilation_h, s->padding_h, s->stride_h, s->out_h) ||
        !axis_fits(w, s->kernel_w, s->dilation_w, s->padding_w, s->stride_w, s->out_w))
        return PTN_BAD_ARGUMENT;
    size_t windows, row;
    *j = (unfold_job){.windows = *s, .h = h, .w = w, .c = c, .x = x, .y = y};
    if (!ptn_mul(s->kernel_h, s->kernel_w, &j->taps) || !ptn_float_bytes(n, h, w, c, map) ||
        !ptn_mul(s->out_h, s->out_w, &windows) || !ptn_mul(j->taps, c, &row) ||
        !ptn_float_bytes(n, windows, row, 1, columns))
        return PTN_SIZE_OVERFLOW;
    return PTN_OK;
}

ptn_status ptn_unfold(const ptn_runtime *runtime, const ptn_windows *windows, size_t n, size_t h,
                      size_t w, size_t c, const float *x, float *y) {
    unfold_job j;
    size_t map, columns;
    ptn_status status = prepare(runtime, windows, n, h, w, c, x, y, &j, &map, &columns);
    if (status != PTN_OK || columns == 0) return status;
    if ((map > 0 && !x) || !y) return PTN_BAD_ARGUMENT;
    j.rows = n * windows->out_h;
    j.rows_per_task = ptn_max(1, PTN_CHUNK / (windows->out_w * j.taps * c));
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * columns), ptn_div_up(j.rows, j.rows_per_task),
                 unfold_rows, &j);
    return PTN_OK;
}

ptn_status ptn_fold(const ptn_runtime *runtime, const ptn_windows *windows, size_t n, size_t h,
                    size_t w, size_t c, const float *x, float *y) {
    unfold_job j;
    size_t map, columns;
    ptn_status status = prepare(runtime, windows, n, h, w, c, x, y, &j, &map, &columns);
    if (status != PTN_OK || map == 0) return status;
    if ((columns > 0 && !x) || !y) return PTN_BAD_ARGUMENT;
    j.rows = n * h;
    j.rows_per_task = ptn_max(1, PTN_CHUNK / (w * c));
    ptn_parallel(ptn_threads_for_floats(runtime, map + columns),
                 ptn_div_up(j.rows, j.rows_per_task), fold_rows, &j);
    return PTN_OK;
}
