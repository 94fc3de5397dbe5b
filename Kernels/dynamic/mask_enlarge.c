// Aligned enlargement of masks.
#include "ptn_mask_head.h"
#include "../core/rows.h"

typedef struct enlarge_job {
    size_t h, w, factor;
    const float *x;
    float *y;
    float *scratch; // [threads][w]
} enlarge_job;

// The two inputs between which output `o` lies along one axis, and the second one's weight.
static float between(size_t o, size_t factor, size_t size, size_t *first, size_t *second) {
    const size_t at = o < factor / 2 ? 0 : o - factor / 2;
    *first = at / factor;
    *second = ptn_min(*first + 1, size - 1);
    return (float)(at % factor) / (float)factor;
}

static void enlarge_row(void *context, size_t index, int thread) {
    const enlarge_job *j = context;
    const size_t rows = j->factor * j->h, width = j->factor * j->w, map = index / rows;
    float *row = j->scratch + (size_t)thread * j->w, *y = j->y + index * width;
    size_t first, second;
    const float weight = between(index % rows, j->factor, j->h, &first, &second);
    const float *a = j->x + (map * j->h + first) * j->w, *b = j->x + (map * j->h + second) * j->w;
    if (weight == 0)
        memcpy(row, a, j->w * sizeof *row);
    else
        for (size_t i = 0; i < j->w; i++) row[i] = (1 - weight) * a[i] + weight * b[i];
    const size_t half = j->factor / 2;
    for (size_t o = 0; o < half; o++) y[o] = row[0];
    for (size_t r = 0; r < j->factor; r++) {
        const float share = (float)r / (float)j->factor, rest = 1 - share;
        const size_t last = j->w - 1;
        for (size_t i = 0; i < last; i++)
            y[i * j->factor + half + r] = r == 0 ? row[i] : rest * row[i] + share * row[i + 1];
        if (last * j->factor + half + r < width)
            y[last * j->factor + half + r] =
                r == 0 ? row[last] : rest * row[last] + share * row[last];
    }
}

ptn_status ptn_mask_enlarge(const ptn_runtime *runtime, size_t maps, size_t h, size_t w,
                            size_t factor, const float *x, float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t rows, width, count, scratch;
    if (factor == 0) return PTN_BAD_ARGUMENT;
    if (!ptn_mul(factor, h, &rows) || !ptn_mul(factor, w, &width) ||
        !ptn_float_bytes(maps, rows, width, 1, &count))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    const int threads = ptn_threads_for_floats(runtime, 2 * count);
    if (!ptn_float_bytes((size_t)threads, w, 1, 1, &scratch)) return PTN_SIZE_OVERFLOW;
    enlarge_job j = {.h = h, .w = w, .factor = factor, .x = x, .y = y};
    j.scratch = ptn_scratch_acquire(scratch * sizeof(float));
    if (!j.scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, maps * rows, enlarge_row, &j);
    ptn_scratch_release(j.scratch);
    return PTN_OK;
}
