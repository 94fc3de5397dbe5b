// Funnel activation: a depthwise convolution whose sums are compared with the pixel before they are
// stored. Rows of the map are read while those above and below are in the cache.
#include "ptn_funnel.h"
#include "../core/rows.h"
#include <stddef.h>
#include <stdint.h>

// Taps that lie in the map at a pixel.
typedef struct funnel_taps {
    size_t count;
    ptrdiff_t offsets[PTN_FUNNEL_MOST_TAPS];
    const float *weights[PTN_FUNNEL_MOST_TAPS];
} funnel_taps;

#define PTN_SOURCE "../activation/funnel.inc"
#include "../core/foreach_isa.h"

typedef void (*funnel_run_fn)(size_t pixels, const funnel_taps *taps, size_t channels,
                              const float *bias, const float *x, float *y);
static const funnel_run_fn funnel_run[PTN_ISA_COUNT] = PTN_TABLE(funnel_run);

typedef struct funnel_job {
    funnel_run_fn run;
    size_t height, width, channels, rows_per_task, tasks;
    size_t count;
    const ptn_funnel_tap *taps;
    ptrdiff_t left, right; // how far the taps reach to both sides
    const float *weights, *bias, *x;
    float *y;
} funnel_job;

// The taps that lie in the map at row `row` and at all columns from `first` to `last`.
static void taps_at(const funnel_job *j, ptrdiff_t row, ptrdiff_t first, ptrdiff_t last,
                    funnel_taps *taps) {
    const ptrdiff_t height = (ptrdiff_t)j->height, width = (ptrdiff_t)j->width;
    taps->count = 0;
    for (size_t t = 0; t < j->count; t++) {
        const ptrdiff_t up = row + j->taps[t].row, side = j->taps[t].column;
        if (up < 0 || up >= height || first + side < 0 || last + side >= width) continue;
        taps->offsets[taps->count] = (j->taps[t].row * width + side) * (ptrdiff_t)j->channels;
        taps->weights[taps->count++] = j->weights + t * j->channels;
    }
}

static void run_columns(const funnel_job *j, size_t at, size_t row, ptrdiff_t first,
                        ptrdiff_t last) {
    funnel_taps taps;
    taps_at(j, (ptrdiff_t)row, first, last, &taps);
    at += (row * j->width + (size_t)first) * j->channels;
    j->run((size_t)(last - first + 1), &taps, j->channels, j->bias, j->x + at, j->y + at);
}

static void funnel_rows(void *context, size_t index, int thread) {
    (void)thread;
    const funnel_job *j = context;
    const size_t at = index / j->tasks * j->height * j->width * j->channels;
    const size_t begin = index % j->tasks * j->rows_per_task;
    const size_t end = ptn_min(j->height, begin + j->rows_per_task);
    const ptrdiff_t width = (ptrdiff_t)j->width;
    // Pixels from `inner` to before `outer` have all of their taps between the sides.
    const ptrdiff_t inner = j->left < width ? j->left : width;
    const ptrdiff_t outer = width - j->right > inner ? width - j->right : inner;
    for (size_t row = begin; row < end; row++) {
        for (ptrdiff_t p = 0; p < inner; p++) run_columns(j, at, row, p, p);
        if (outer > inner) run_columns(j, at, row, inner, outer - 1);
        for (ptrdiff_t p = outer; p < width; p++) run_columns(j, at, row, p, p);
    }
}

ptn_status ptn_funnel(const ptn_runtime *runtime, size_t samples, size_t height, size_t width,
                      size_t channels, size_t count, const ptn_funnel_tap *taps,
                      const float *weights, const float *bias, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(samples, height, width, channels, &floats) ||
        !ptn_float_bytes(PTN_FUNNEL_MOST_TAPS, channels, 1, 1, NULL) || height > INT32_MAX ||
        width > INT32_MAX)
        return PTN_SIZE_OVERFLOW;
    if (count > PTN_FUNNEL_MOST_TAPS) return PTN_BAD_ARGUMENT;
    if (floats == 0) return PTN_OK;
    if (!bias || !x || !y || x == y || (count > 0 && (!taps || !weights))) return PTN_BAD_ARGUMENT;
    funnel_job j = {.run = funnel_run[runtime->isa],
                    .height = height,
                    .width = width,
                    .channels = channels,
                    .rows_per_task = ptn_max(1, PTN_CHUNK / (width * channels)),
                    .count = count,
                    .taps = taps,
                    .weights = weights,
                    .bias = bias,
                    .x = x,
                    .y = y};
    for (size_t t = 0; t < count; t++) {
        if (-(ptrdiff_t)taps[t].column > j.left) j.left = -(ptrdiff_t)taps[t].column;
        if (taps[t].column > j.right) j.right = taps[t].column;
    }
    j.tasks = ptn_div_up(height, j.rows_per_task);
    ptn_parallel(ptn_threads_for_floats(runtime, 4 * floats), samples * j.tasks, funnel_rows, &j);
    return PTN_OK;
}
