// Cutting rectangles out of maps, with zeros outside.
#include "ptn_crop.h"
#include "../tensor/map.h"

typedef struct crop_job {
    size_t height, width, channels, crop_height, crop_width;
    size_t rows, rows_per_task; // rows of all rectangles
    const ptn_crop_place *places;
    const float *x;
    float *y;
} crop_job;

// The part of 0 ..< length that falls into 0 ..< size when it starts at `start`.
typedef struct crop_range {
    size_t first, end;
} crop_range;

static crop_range range_for(ptrdiff_t start, size_t length, size_t size) {
    const size_t before = start < 0 ? (size_t)-start : 0, skipped = start > 0 ? (size_t)start : 0;
    const size_t first = ptn_min(before, length);
    if (skipped >= size) return (crop_range){length, length};
    return (crop_range){first, ptn_max(first, ptn_min(length, size - skipped + before))};
}

static void crop_row(const crop_job *j, size_t index) {
    const ptn_crop_place *place = &j->places[index / j->crop_height];
    const ptrdiff_t row = place->row + (ptrdiff_t)(index % j->crop_height);
    const size_t length = j->crop_width * j->channels;
    float *y = j->y + index * length;
    if (row < 0 || (size_t)row >= j->height) {
        memset(y, 0, length * sizeof *y);
        return;
    }
    const crop_range inside = range_for(place->column, j->crop_width, j->width);
    const size_t first = inside.first * j->channels, end = inside.end * j->channels;
    memset(y, 0, first * sizeof *y);
    if (inside.first < inside.end) {
        const size_t column = (size_t)(place->column + (ptrdiff_t)inside.first);
        const size_t pixel = (place->sample * j->height + (size_t)row) * j->width + column;
        memcpy(y + first, j->x + pixel * j->channels, (end - first) * sizeof *y);
    }
    memset(y + end, 0, (length - end) * sizeof *y);
}

static void crop_task(void *context, size_t index, int thread) {
    (void)thread;
    const crop_job *j = context;
    const size_t end = ptn_min(j->rows, (index + 1) * j->rows_per_task);
    for (size_t r = index * j->rows_per_task; r < end; r++) crop_row(j, r);
}

static bool is_place(const ptn_crop_place *place, size_t samples) {
    return place->sample < samples && place->row >= -PTN_CROP_FARTHEST &&
           place->row <= PTN_CROP_FARTHEST && place->column >= -PTN_CROP_FARTHEST &&
           place->column <= PTN_CROP_FARTHEST;
}

ptn_status ptn_crop(const ptn_runtime *runtime, size_t samples, size_t height, size_t width,
                    size_t channels, size_t count, const ptn_crop_place *places, size_t crop_height,
                    size_t crop_width, const float *x, float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t all;
    if (!ptn_float_bytes(samples, height, width, channels, NULL) ||
        !ptn_float_bytes(count, crop_height, crop_width, channels, &all))
        return PTN_SIZE_OVERFLOW;
    if (count > 0 && !places) return PTN_BAD_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!is_place(&places[i], samples)) return PTN_BAD_ARGUMENT;
    if (all == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    crop_job j = {.height = height,
                  .width = width,
                  .channels = channels,
                  .crop_height = crop_height,
                  .crop_width = crop_width,
                  .rows = count * crop_height,
                  .rows_per_task = ptn_max(1, PTN_CHUNK / (crop_width * channels)),
                  .places = places,
                  .x = x,
                  .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * all), ptn_div_up(j.rows, j.rows_per_task),
                 crop_task, &j);
    return PTN_OK;
}
