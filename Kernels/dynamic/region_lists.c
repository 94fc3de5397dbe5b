// The pixels of every region: a counting sort per sample.
#include "ptn_region_conv2d.h"
#include "../core/rows.h"
#include <stdatomic.h>

typedef struct lists_job {
    size_t pixels, regions;
    const float *map;
    int32_t *list;
    size_t *offsets;
    _Atomic(size_t) wrong; // the first place that is no region's number; SIZE_MAX: none
} lists_job;

// Counts the pixels of every region into counts[r + 1]; the place of a wrong number, or `pixels`.
static size_t count(const float *map, size_t pixels, size_t regions, size_t *counts) {
    for (size_t p = 0; p < pixels; p++) {
        if (!(map[p] >= 0 && map[p] < (float)regions)) return p;
        const size_t region = (size_t)map[p];
        if ((float)region != map[p] || region >= regions) return p;
        counts[region]++;
    }
    return pixels;
}

static void sort_sample(void *context, size_t sample, int thread) {
    (void)thread;
    lists_job *j = context;
    const float *map = j->map + sample * j->pixels;
    // Region r's count is gathered in its own entry, then replaced by the place of its next pixel.
    size_t *next = j->offsets + sample * j->regions;
    memset(next, 0, j->regions * sizeof *next);
    const size_t found = count(map, j->pixels, j->regions, next);
    if (found < j->pixels) {
        size_t first = atomic_load(&j->wrong);
        while (found < first && !atomic_compare_exchange_weak(&j->wrong, &first, found)) continue;
        return;
    }
    size_t at = sample * j->pixels;
    for (size_t r = 0; r < j->regions; r++) {
        const size_t pixels = next[r];
        next[r] = at;
        at += pixels;
    }
    for (size_t p = 0; p < j->pixels; p++) j->list[next[(size_t)map[p]]++] = (int32_t)p;
    // Every entry is now the end of its region, which is the start of the next one.
    for (size_t r = j->regions - 1; r > 0; r--) next[r] = next[r - 1];
    next[0] = sample * j->pixels;
}

ptn_status ptn_region_lists(const ptn_runtime *runtime, size_t samples, size_t pixels,
                            size_t regions, const float *map, int32_t *list, size_t *offsets,
                            size_t *wrong) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (regions == 0 || pixels >= (size_t)1 << 31) return PTN_BAD_ARGUMENT;
    size_t all, entries;
    if (!ptn_float_bytes(samples, pixels, 1, 1, &all) ||
        !ptn_float_bytes(samples, regions, 2, 1, &entries))
        return PTN_SIZE_OVERFLOW;
    lists_job j = {.pixels = pixels,
                   .regions = regions,
                   .map = map,
                   .list = list,
                   .offsets = offsets,
                   .wrong = SIZE_MAX};
    // Some two nanoseconds per pixel for both passes.
    const int threads = ptn_threads_worth(runtime->threads, 2.0 * (double)(all + entries));
    ptn_parallel(threads, samples, sort_sample, &j);
    offsets[samples * regions] = all;
    const size_t first = atomic_load(&j.wrong);
    if (first == SIZE_MAX) return PTN_OK;
    if (wrong) *wrong = first;
    return PTN_BAD_ARGUMENT;
}
