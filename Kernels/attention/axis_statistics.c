// Means and maxima along the channels, the width and the height.
#include "ptn_axis_statistics.h"
#include "../tensor/map.h"

// Channels whose sums stay in the first-level cache while a row is read.
enum { AXIS_CHANNELS = 128 };

#define PTN_SOURCE "../attention/axis_statistics.inc"
#include "../core/foreach_isa.h"

// A tile of the map that one task reads; its channels are cut further where no other task needs
// all of them.
enum { TILE_ROWS = 16, TILE_COLUMNS = 64, CHANNEL_STEP = AXIS_CHANNELS, ROWS_AT_ONCE = 4 };

typedef void (*axis_pixels_fn)(size_t pixels, size_t channels, const float *x, const float *gates,
                               float *means, float *largest);
typedef void (*axis_rows_fn)(bool maxima, size_t rows, size_t channels, size_t pixels, size_t step,
                             size_t line, const float *x, float *row, size_t row_plane,
                             float *columns, size_t column_step, size_t column_plane);
static const axis_pixels_fn axis_pixels[PTN_ISA_COUNT] = PTN_TABLE(axis_pixels);
typedef void (*axis_combine_fn)(bool maxima, size_t parts, size_t stride, size_t n, float scale,
                                const float *x, float *y);
static const axis_combine_fn axis_combine[PTN_ISA_COUNT] = PTN_TABLE(axis_combine);
static const axis_rows_fn axis_rows[PTN_ISA_COUNT] = PTN_TABLE(axis_rows);

typedef struct pixel_job {
    axis_pixels_fn measure;
    size_t samples, pixels, channels, chunk, chunks; // chunks of pixels per sample
    const float *x, *gates;
    float *y;
} pixel_job;

static void measure_pixels(void *context, size_t index, int thread) {
    (void)thread;
    const pixel_job *j = context;
    const size_t sample = index / j->chunks, first = index % j->chunks * j->chunk;
    float *means = j->y + sample * 2 * j->pixels + first;
    j->measure(ptn_min(j->chunk, j->pixels - first), j->channels,
               j->x + (sample * j->pixels + first) * j->channels,
               j->gates ? j->gates + sample * j->channels : NULL, means, means + j->pixels);
}

ptn_status ptn_pixel_statistics(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                size_t channels, const float *x, const float *gates, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_float_bytes(samples, pixels, 2, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (channels == 0) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    pixel_job j = {.measure = axis_pixels[runtime->isa],
                   .samples = samples,
                   .pixels = pixels,
                   .channels = channels,
                   .chunk = ptn_max(1, PTN_CHUNK / channels),
                   .x = x,
                   .gates = gates,
                   .y = y};
    j.chunks = ptn_div_up(pixels, j.chunk);
    ptn_parallel(ptn_threads_for_floats(runtime, count), samples * j.chunks, measure_pixels, &j);
    return PTN_OK;
}

typedef struct strip_job {
    axis_pixels_fn pixels;
    axis_rows_fn rows;
    axis_combine_fn combine;
    size_t n, h, w, c;
    size_t down, across;  // tiles per sample
    size_t chunk, chunks; // channels per task, tasks per tile
    size_t planes;        // 2 with maxima
    size_t lines;         // lines of the result per task
    float *row_parts;     // [n, across, planes, h, c]
    float *column_parts;  // [n, down, planes, w, c]
    const float *x;
    ptn_strips out;
} strip_job;

// Some channels of a tile. Sums of columns are collected in a buffer that stays in the first-level
// cache, or, where a task has all channels, in place.
static void measure_tile(void *context, size_t index, int thread) {
    (void)thread;
    const strip_job *j = context;
    float buffer[2 * TILE_COLUMNS * CHANNEL_STEP];
    const size_t c0 = index % j->chunks * j->chunk, tile = index / j->chunks;
    const size_t column = tile % j->across, down = tile / j->across;
    const size_t sample = down / j->down, y0 = down % j->down * TILE_ROWS;
    const size_t x0 = column * TILE_COLUMNS, width = ptn_min(TILE_COLUMNS, j->w - x0);
    const size_t channels = ptn_min(j->chunk, j->c - c0), pixels = j->h * j->w;
    float *rows = j->row_parts + (sample * j->across + column) * j->planes * j->h * j->c + c0;
    float *parts = j->column_parts + (down * j->planes * j->w + x0) * j->c + c0;
    const bool is_buffered = channels <= CHANNEL_STEP;
    float *columns = is_buffered ? buffer : parts;
    const size_t step = is_buffered ? CHANNEL_STEP : j->c;
    const size_t plane = is_buffered ? TILE_COLUMNS * CHANNEL_STEP : j->w * j->c;
    for (size_t p = 0; p < width; p++)
        for (size_t c = 0; c < channels; c++) {
            columns[p * step + c] = 0;
            if (j->planes == 2) columns[plane + p * step + c] = -__builtin_inff();
        }
    // A few rows at a time, so that both statistics find them in a cache.
    const size_t end = ptn_min(j->h, y0 + TILE_ROWS);
    for (size_t y = y0; y < end; y += ROWS_AT_ONCE) {
        const size_t pixel = y * j->w + x0, count = ptn_min(ROWS_AT_ONCE, end - y);
        const float *x = j->x + (sample * pixels + pixel) * j->c + c0;
        for (size_t i = 0; i < count && j->out.pixels; i++) {
            float *means = j->out.pixels + sample * 2 * pixels + pixel + i * j->w;
            j->pixels(width, j->c, x + i * j->w * j->c, NULL, means, means + pixels);
        }
        j->rows(j->planes == 2, count, channels, width, j->c, j->w * j->c, x, rows + y * j->c,
                j->h * j->c, columns, step, plane);
    }
    for (size_t p = 0; p < width && is_buffered; p++) {
        memcpy(parts + p * j->c, buffer + p * step, channels * sizeof(float));
        if (j->planes == 2)
            memcpy(parts + (j->w + p) * j->c, buffer + plane + p * step, channels * sizeof(float));
    }
}

// Some of the h + w lines of a sample, or of several samples.
static void combine_lines(void *context, size_t index, int thread) {
    (void)thread;
    const strip_job *j = context;
    const size_t per_sample = j->h + j->w, all = j->n * per_sample;
    for (size_t i = index * j->lines; i < ptn_min(all, (index + 1) * j->lines); i++) {
        const size_t sample = i / per_sample, line = i % per_sample;
        const bool is_row = line < j->h;
        const size_t size = is_row ? j->h : j->w, at = is_row ? line : line - j->h;
        const size_t parts = is_row ? j->across : j->down, stride = j->planes * size * j->c;
        const float *x =
            (is_row ? j->row_parts : j->column_parts) + sample * parts * stride + at * j->c;
        const size_t to =
            sample * (is_row ? j->out.rows_stride : j->out.columns_stride) + at * j->c;
        j->combine(false, parts, stride, j->c, 1.0f / (float)(is_row ? j->w : j->h), x,
                   (is_row ? j->out.rows : j->out.columns) + to);
        if (j->planes == 2)
            j->combine(true, parts, stride, j->c, 1, x + size * j->c,
                       (is_row ? j->out.largest_rows : j->out.largest_columns) + to);
    }
}

static bool strips_are_whole(const ptn_strips *s, size_t h, size_t w, size_t c) {
    return s && s->rows && s->columns && !s->largest_rows == !s->largest_columns &&
           s->rows_stride >= h * c && s->columns_stride >= w * c;
}

ptn_status ptn_strip_statistics(const ptn_runtime *runtime, size_t n, size_t h, size_t w, size_t c,
                                const float *x, const ptn_strips *strips) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    strip_job j = {.n = n, .h = h, .w = w, .c = c, .x = x};
    j.down = ptn_div_up(h, TILE_ROWS);
    j.across = ptn_div_up(w, TILE_COLUMNS);
    j.planes = strips && strips->largest_rows ? 2 : 1;
    size_t count, rows, columns, lines, floats;
    if (!ptn_float_bytes(n, h, w, c, &count) || !ptn_add(h, w, &lines) ||
        !ptn_mul(n, lines, &lines) || !ptn_mul(j.across, j.planes, &rows) ||
        !ptn_float_bytes(n, rows, h, c, &rows) || !ptn_mul(j.down, j.planes, &columns) ||
        !ptn_float_bytes(n, columns, w, c, &columns) || !ptn_add(rows, columns, &floats) ||
        !ptn_float_bytes(floats, 1, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (h == 0 || w == 0) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !strips_are_whole(strips, h, w, c)) return PTN_BAD_ARGUMENT;

    j.out = *strips;
    j.pixels = axis_pixels[runtime->isa];
    j.rows = axis_rows[runtime->isa];
    j.combine = axis_combine[runtime->isa];
    j.chunk = strips->pixels ? c : CHANNEL_STEP;
    j.chunks = ptn_div_up(c, j.chunk);
    j.lines = ptn_max(1, PTN_CHUNK / c);
    j.row_parts = ptn_scratch_acquire(floats * sizeof(float));
    if (!j.row_parts) return PTN_OUT_OF_MEMORY;
    j.column_parts = j.row_parts + rows;
    const int threads = ptn_threads_for_floats(runtime, count);
    ptn_parallel(threads, n * j.down * j.across * j.chunks, measure_tile, &j);
    ptn_parallel(threads, ptn_div_up(lines, j.lines), combine_lines, &j);
    ptn_scratch_release(j.row_parts);
    return PTN_OK;
}
