// Pooling over windows. A window is a range of rows and a range of columns; tables of both are made
// once per call.
#include "ptn_pool.h"
#include "../tensor/map.h"

// The taps of one output pixel that lie inside the map.
typedef struct pool_pixel {
    size_t rows, columns;         // taps
    size_t row_step, column_step; // floats between taps
    float factor;                 // 1 / divisor of an average
} pool_pixel;

#define PTN_SOURCE "../pooling/pool.inc"
#include "../core/foreach_isa.h"

typedef void (*pool_pixel_fn)(ptn_pool_kind kind, const pool_pixel *p, size_t channels,
                              const float *x, float *y);
static const pool_pixel_fn pool_pixel_of[PTN_ISA_COUNT] = PTN_TABLE(pool_pixel);

// One output position along one axis: the taps inside the map, and the factor of an average.
typedef struct window {
    size_t first, taps;
    float factor;
} window;

typedef struct pool_job {
    pool_pixel_fn pixel;
    ptn_pool_kind kind;
    size_t h, w, c, oh, ow;
    size_t row_dilation, column_dilation;
    size_t outputs, outputs_per_task; // output rows of all samples
    const window *rows, *columns;
    const float *x;
    float *y;
} pool_job;

static void pool_rows(void *context, size_t index, int thread) {
    (void)thread;
    const pool_job *j = context;
    pool_pixel p = {.row_step = j->row_dilation * j->w * j->c,
                    .column_step = j->column_dilation * j->c};
    size_t end = ptn_min(j->outputs, (index + 1) * j->outputs_per_task);
    for (size_t o = index * j->outputs_per_task; o < end; o++) {
        const window *row = &j->rows[o % j->oh];
        const float *x = j->x + (o / j->oh * j->h + row->first) * j->w * j->c;
        float *y = j->y + o * j->ow * j->c;
        p.rows = row->taps;
        for (size_t ox = 0; ox < j->ow; ox++, y += j->c) {
            const window *column = &j->columns[ox];
            p.columns = column->taps;
            p.factor = row->factor * column->factor;
            j->pixel(j->kind, &p, j->c, x + column->first * j->c, y);
        }
    }
}

static void run(const ptn_runtime *runtime, pool_job *j, size_t samples) {
    j->pixel = pool_pixel_of[runtime->isa];
    j->outputs = samples * j->oh;
    size_t reads = samples * j->h * j->w * j->c, writes = j->outputs * j->ow * j->c;
    size_t row = ptn_max(1, ptn_max(reads, writes) / j->outputs);
    j->outputs_per_task = ptn_max(1, PTN_CHUNK / row);
    // Taps are read from cache, at about four times the speed of memory.
    double taps = (double)j->rows[j->oh / 2].taps * (double)j->columns[j->ow / 2].taps;
    double floats = (double)reads + (double)writes * (1 + taps / 4);
    ptn_parallel(ptn_threads_worth(runtime->threads, floats * (sizeof(float) / 8.0)),
                 ptn_div_up(j->outputs, j->outputs_per_task), pool_rows, j);
}

static bool effective_kernel(const ptn_pool_axis *a, size_t *extent) {
    return a->kernel > 0 && ptn_mul(a->kernel - 1, a->dilation, extent) &&
           ptn_add(*extent, 1, extent);
}

bool ptn_pool_output_size(const ptn_pool_axis *a, size_t size, bool ceil_mode, size_t *output) {
    size_t extent, padded;
    if (a->kernel < 1 || a->stride < 1 || a->dilation < 1 || a->padding > a->kernel / 2)
        return false;
    if (size > PTRDIFF_MAX / 4 || a->stride > PTRDIFF_MAX / 4 || !effective_kernel(a, &extent))
        return false;
    if (a->padding > PTRDIFF_MAX / 4 || !ptn_add(size, 2 * a->padding, &padded)) return false;
    if (size == 0) return false;
    if (extent > padded) {
        // The window exceeds the padded map; with ceil_mode a single window may still be cut off.
        *output = 1;
        return ceil_mode && extent - padded < a->stride;
    }
    size_t room = padded - extent;
    *output = room / a->stride + 1;
    // With ceil_mode one more window, which is cut off, unless it would start in the right padding.
    if (ceil_mode && room % a->stride != 0 && *output * a->stride < size + a->padding) *output += 1;
    return true;
}

static void fill_windows(const ptn_pool_spec *spec, const ptn_pool_axis *a, size_t size,
                         size_t outputs, window *table) {
    size_t extent = (a->kernel - 1) * a->dilation + 1;
    for (size_t i = 0; i < outputs; i++) {
        // Positions in the padded map; the map itself is [padding, padding + size).
        size_t begin = i * a->stride, inside = begin, end = begin + extent;
        size_t padded_end = ptn_min(end, size + 2 * a->padding);
        if (inside < a->padding)
            inside += ptn_div_up(a->padding - inside, a->dilation) * a->dilation;
        end = ptn_min(end, a->padding + size);
        size_t taps = inside < end ? ptn_div_up(end - inside, a->dilation) : 0;
        size_t counted = spec->count_include_pad ? padded_end - begin : taps;
        // A window without taps gets position 0, so that no address is outside the map.
        table[i].first = taps ? inside - a->padding : 0;
        table[i].taps = taps;
        table[i].factor = spec->divisor ? 1.0f : 1.0f / (float)counted;
    }
}

ptn_status ptn_pool2d(const ptn_runtime *runtime, const ptn_pool_spec *spec, size_t n, size_t h,
                      size_t w, size_t c, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    pool_job j = {.kind = spec->kind, .h = h, .w = w, .c = c, .x = x, .y = y};
    if (!ptn_pool_output_size(&spec->rows, h, spec->ceil_mode, &j.oh) ||
        !ptn_pool_output_size(&spec->columns, w, spec->ceil_mode, &j.ow))
        return PTN_BAD_ARGUMENT;
    if (spec->kind == PTN_POOL_AVERAGE && (spec->rows.dilation != 1 || spec->columns.dilation != 1))
        return PTN_BAD_ARGUMENT;
    size_t windows, bytes;
    if (!ptn_float_bytes(n, h, w, c, NULL) || !ptn_float_bytes(n, j.oh, j.ow, c, NULL) ||
        !ptn_add(j.oh, j.ow, &windows) || !ptn_mul(windows, sizeof(window), &bytes))
        return PTN_SIZE_OVERFLOW;
    if (n == 0 || c == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    window *table = ptn_scratch_acquire(bytes);
    if (!table) return PTN_OUT_OF_MEMORY;
    fill_windows(spec, &spec->rows, h, j.oh, table);
    fill_windows(spec, &spec->columns, w, j.ow, table + j.oh);
    if (spec->divisor)
        for (size_t i = 0; i < j.oh; i++) table[i].factor = 1.0f / (float)spec->divisor;
    j.rows = table;
    j.columns = table + j.oh;
    j.row_dilation = spec->rows.dilation;
    j.column_dilation = spec->columns.dilation;
    run(runtime, &j, n);
    ptn_scratch_release(table);
    return PTN_OK;
}

static void fill_adaptive(size_t size, size_t outputs, window *table) {
    for (size_t i = 0; i < outputs; i++) {
        size_t begin = i * size / outputs, end = ptn_div_up((i + 1) * size, outputs);
        table[i] = (window){begin, end - begin, 1.0f / (float)(end - begin)};
    }
}

ptn_status ptn_adaptive_average_pool2d(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                       size_t c, size_t oh, size_t ow, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (h == 0 || w == 0) return PTN_BAD_ARGUMENT;
    size_t windows, bytes, product;
    if (!ptn_float_bytes(n, h, w, c, NULL) || !ptn_float_bytes(n, oh, ow, c, NULL) ||
        !ptn_mul(h, oh + 1, &product) || !ptn_mul(w, ow + 1, &product) ||
        !ptn_add(oh, ow, &windows) || !ptn_mul(windows, sizeof(window), &bytes))
        return PTN_SIZE_OVERFLOW;
    if (n == 0 || c == 0 || oh == 0 || ow == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    window *table = ptn_scratch_acquire(bytes);
    if (!table) return PTN_OUT_OF_MEMORY;
    fill_adaptive(h, oh, table);
    fill_adaptive(w, ow, table + oh);
    pool_job j = {.kind = PTN_POOL_AVERAGE,
                  .h = h,
                  .w = w,
                  .c = c,
                  .oh = oh,
                  .ow = ow,
                  .row_dilation = 1,
                  .column_dilation = 1,
                  .rows = table,
                  .columns = table + oh,
                  .x = x,
                  .y = y};
    run(runtime, &j, n);
    ptn_scratch_release(table);
    return PTN_OK;
}
