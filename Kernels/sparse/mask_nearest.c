// Nearest active pixels: for each pixel, rows are searched outwards until no closer pixel is
// possible.
#include "ptn_mask_nearest.h"
#include "../tensor/map.h"
#include "mask_plan.h"

// The last set bit at or before x, or -1.
static ptrdiff_t bit_before(const uint64_t *bits, size_t x) {
    uint64_t word = bits[x / 64] << (63 - x % 64);
    if (word) return (ptrdiff_t)x - __builtin_clzll(word);
    for (size_t i = x / 64; i > 0; i--)
        if (bits[i - 1]) return (ptrdiff_t)(64 * i) - 1 - __builtin_clzll(bits[i - 1]);
    return -1;
}

// The first set bit after x, or -1.
static ptrdiff_t bit_after(const uint64_t *bits, size_t x, size_t words) {
    if (++x >= 64 * words) return -1;
    const uint64_t word = bits[x / 64] >> x % 64;
    if (word) return (ptrdiff_t)x + __builtin_ctzll(word);
    for (size_t i = x / 64 + 1; i < words; i++)
        if (bits[i]) return (ptrdiff_t)(64 * i) + __builtin_ctzll(bits[i]);
    return -1;
}

typedef struct nearest_job {
    const ptn_mask_view *view;
    const int32_t *rows;
    int32_t *nearest;
} nearest_job;

typedef struct found {
    uint64_t distance; // squared
    size_t pixel;
} found;

static void look(const ptn_mask_view *v, const uint64_t *image, size_t y, size_t x, size_t row,
                 found *best) {
    const uint64_t *bits = image + row * v->words;
    const ptrdiff_t columns[2] = {bit_before(bits, x), bit_after(bits, x, v->words)};
    const uint64_t dy = row > y ? row - y : y - row;
    for (int side = 0; side < 2; side++) {
        if (columns[side] < 0) continue;
        const size_t column = (size_t)columns[side];
        const uint64_t dx = column > x ? column - x : x - column;
        const found here = {dy * dy + dx * dx, row * v->w + column};
        if (here.distance < best->distance ||
            (here.distance == best->distance && here.pixel < best->pixel))
            *best = here;
    }
}

static void search_row(void *context, size_t index, int thread) {
    (void)thread;
    const nearest_job *j = context;
    const ptn_mask_view *v = j->view;
    const size_t sample = index / v->h, y = index % v->h;
    const uint64_t *image = v->bits + sample * v->h * v->words;
    for (size_t x = 0; x < v->w; x++) {
        found best = {UINT64_MAX, 0};
        look(v, image, y, x, y, &best);
        for (uint64_t dy = 1; dy < v->h && dy * dy <= best.distance; dy++) {
            if (dy <= y) look(v, image, y, x, y - dy, &best);
            if (dy < v->h - y) look(v, image, y, x, y + dy, &best);
        }
        const size_t base = sample * v->h * v->w;
        j->nearest[base + y * v->w + x] = j->rows[base + best.pixel];
    }
}

ptn_status ptn_mask_plan_nearest(const ptn_runtime *runtime, const ptn_mask_plan *plan,
                                 int32_t *nearest) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    const ptn_mask_view *v = &plan->view;
    const size_t pixels = v->n * v->h * v->w;
    if (pixels == 0) return PTN_OK;
    for (size_t s = 0; s < v->n; s++)
        if (v->offsets[s] == v->offsets[s + 1]) return PTN_BAD_ARGUMENT;
    const int32_t *rows = ptn_mask_plan_index(plan);
    if (!rows) return PTN_OUT_OF_MEMORY;
    nearest_job j = {v, rows, nearest};
    ptn_parallel(ptn_threads_worth(runtime->threads, 20.0 * (double)pixels), v->n * v->h,
                 search_row, &j);
    return PTN_OK;
}

enum { PIXELS_PER_TASK = 256 };

typedef struct spread_job {
    size_t tasks, pixels, count, c; // tasks per sample
    const int32_t *index;
    const float *rows;
    float *map;
} spread_job;

static void spread(void *context, size_t task, int thread) {
    (void)thread;
    const spread_job *j = context;
    const size_t sample = task / j->tasks, first = task % j->tasks * PIXELS_PER_TASK;
    const float *rows = j->rows + sample * j->count * j->c;
    float *map = j->map + sample * j->pixels * j->c;
    for (size_t p = first; p < ptn_min(first + PIXELS_PER_TASK, j->pixels); p++)
        memcpy(map + p * j->c, rows + (size_t)j->index[p] * j->c, j->c * sizeof(float));
}

ptn_status ptn_mask_spread(const ptn_runtime *runtime, size_t samples, size_t pixels, size_t count,
                           size_t c, const int32_t *index, const float *rows, float *map) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(samples, pixels, c, 1, &floats) ||
        !ptn_float_bytes(samples, count, c, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    spread_job j = {ptn_div_up(pixels, PIXELS_PER_TASK), pixels, count, c, index, rows, map};
    ptn_parallel(ptn_threads_for_floats(runtime, floats), samples * j.tasks, spread, &j);
    return PTN_OK;
}
