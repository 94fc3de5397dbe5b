// Shared by drivers that stream over maps: how a map is cut into tasks, and how many threads pay.
#ifndef PTN_ROWS_H
#define PTN_ROWS_H

#include "checked.h"
#include "ptn_runtime.h"
#include <string.h>

enum {
    PTN_CHUNK = 8192,        // floats of one operand per task: 32 KiB
    PTN_BLOCK = 1024,        // floats between two steps of one task: 4 KiB stay in L1
    PTN_PERIOD_LENGTH = 128, // a row of channels shorter than this is repeated up to it
    PTN_PERIOD_MOST = 255,   // floats of the longest repeated row
};

// Checks that the runtime's instruction set is supported and its thread count is at least 1.
static inline ptn_status ptn_runtime_check(const ptn_runtime *runtime) {
    if (!runtime || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    return ptn_isa_supported(runtime->isa) ? PTN_OK : PTN_UNSUPPORTED_ISA;
}

// Number of threads for work that reads or writes `floats` numbers: one core streams about 8 GB/s,
// four times that if the numbers fit its second-level cache.
static inline int ptn_threads_for_floats(const ptn_runtime *runtime, size_t floats) {
    const double rate = floats <= (size_t)1 << 17 ? 32 : 8;
    return ptn_threads_worth(runtime->threads, (double)floats * sizeof(float) / rate);
}

// A map seen as samples x pixels x channels, where one row of channels is applied to every pixel
// of a sample, cut into chunks of pixels. A task is a chunk of one sample.
typedef struct ptn_rows {
    size_t samples, pixels, channels;
    size_t repeat; // pixels that a repeated row covers; 1 when rows are long enough
    size_t chunk;  // pixels per task, a multiple of `repeat`
    size_t chunks; // tasks per sample
} ptn_rows;

// Rows shorter than a few vectors are repeated, so that the inner loop covers several pixels.
static inline ptn_rows ptn_rows_plan(size_t samples, size_t pixels, size_t channels) {
    ptn_rows r = {samples, pixels, channels, 1, 1, 0};
    if (channels > 0 && channels < PTN_PERIOD_LENGTH)
        r.repeat = ptn_max(1, ptn_min(pixels, ptn_div_up(PTN_PERIOD_LENGTH, channels)));
    size_t row = r.repeat * ptn_max(channels, 1);
    r.chunk = r.repeat * ptn_max(1, PTN_CHUNK / row);
    r.chunks = ptn_div_up(pixels, r.chunk);
    return r;
}

// `row` itself if it is not repeated, else its repetitions in `buffer` of PTN_PERIOD_MOST floats.
static inline const float *ptn_repeated(const ptn_rows *r, const float *row, float *buffer) {
    if (r->repeat == 1) return row;
    for (size_t p = 0; p < r->repeat; p++)
        memcpy(buffer + p * r->channels, row, r->channels * sizeof *row);
    return buffer;
}

#endif
