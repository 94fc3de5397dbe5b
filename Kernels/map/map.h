// What the element-wise and memory-bound drivers share.
#ifndef PTN_MAP_H
#define PTN_MAP_H

#include "../core/activate.h"
#include "../core/checked.h"
#include "ptn_activation.h"
#include <string.h>

enum {
    PTN_CHUNK = 8192,        // floats of one operand per task: 32 KiB
    PTN_PERIOD_LENGTH = 64,  // a row of channels shorter than this is repeated up to it
    PTN_PERIOD_MOST = 1008,  // the longest repeated row: 63 channels, 16 times
};

// Whether the runtime asks for something that can run here.
static inline ptn_status ptn_runtime_check(const ptn_runtime *runtime) {
    if (!runtime || runtime->threads < 1) return PTN_BAD_ARGUMENT;
    return ptn_isa_supported(runtime->isa) ? PTN_OK : PTN_UNSUPPORTED_ISA;
}

static inline ptn_status ptn_activation_check(const ptn_activation_spec *spec) {
    if (!spec || (int)spec->kind < 0 || (int)spec->kind >= PTN_ACTIVATION_COUNT)
        return PTN_BAD_ARGUMENT;
    return spec->kind == PTN_ACT_PRELU && !spec->slopes ? PTN_BAD_ARGUMENT : PTN_OK;
}

// Threads for work that one core streams at about 8 GB/s.
static inline int ptn_threads_for_floats(const ptn_runtime *runtime, size_t floats) {
    return ptn_threads_worth(runtime->threads, (double)floats * (sizeof(float) / 8.0));
}

// A row of `channels` values is used once per pixel. Rows shorter than a few vectors are repeated,
// so that the inner loop runs over several pixels at once: returns how many pixels one repeated row
// covers. The length is a multiple of 16 floats, the widest vector.
static inline size_t ptn_period_pixels(size_t channels) {
    if (channels == 0 || channels >= PTN_PERIOD_LENGTH) return 1;
    size_t common = channels & -channels;
    size_t pixels = common < 16 ? 16 / common : 1;
    return pixels * ptn_div_up(PTN_PERIOD_LENGTH, pixels * channels);
}

// Writes `row` `pixels` times.
static inline void ptn_repeat_row(const float *row, size_t channels, size_t pixels, float *out) {
    for (size_t p = 0; p < pixels; p++) memcpy(out + p * channels, row, channels * sizeof *row);
}

#endif
