// Convolutions of a few planes with one output, followed by an activation.
#include "ptn_plane_gate.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/plane_gate.inc"
#include "../core/foreach_isa.h"

enum { STRIP_OUTPUTS = 2048, MOST_LANES = 16 };

typedef void (*plane_rows_fn)(size_t rows, size_t planes, size_t plane, size_t stride, size_t kh,
                              size_t kw, size_t width, const float *x, const float *weight,
                              float shift, float *y);
static const plane_rows_fn plane_rows[PTN_ISA_COUNT] = PTN_TABLE(plane_rows);

typedef struct plane_job {
    plane_rows_fn run;
    ptn_activate_row_fn activate;
    ptn_activation_spec activation;
    size_t planes, h, w, kh, kw;
    size_t strip, strips;         // rows per task, tasks per sample
    size_t stride, plane, buffer; // floats of a padded row, a padded plane, all planes
    const float *x, *weight;
    float shift;
    float *padded; // one buffer per thread
    float *y;
} plane_job;

// Copies rows `first` to `first + rows` of a plane, counted from the padding's first, into `to`.
static void pad_rows(const plane_job *j, const float *x, size_t first, size_t rows, float *to) {
    const size_t above = j->kh / 2, left = j->kw / 2;
    for (size_t i = 0; i < rows; i++, to += j->stride) {
        const size_t y = first + i;
        memset(to, 0, j->stride * sizeof *to);
        if (y >= above && y - above < j->h)
            memcpy(to + left, x + (y - above) * j->w, j->w * sizeof *x);
    }
}

static void gate_strip(void *context, size_t index, int thread) {
    const plane_job *j = context;
    float *padded = j->padded + (size_t)thread * j->buffer;
    const size_t sample = index / j->strips, first = index % j->strips * j->strip;
    const size_t rows = ptn_min(j->strip, j->h - first);
    const float *x = j->x + sample * j->planes * j->h * j->w;
    for (size_t p = 0; p < j->planes; p++)
        pad_rows(j, x + p * j->h * j->w, first, rows + j->kh - 1, padded + p * j->plane);
    for (size_t i = 0; i < rows; i += 2) {
        const size_t count = ptn_min(2, rows - i);
        float *y = j->y + (sample * j->h + first + i) * j->w;
        j->run(count, j->planes, j->plane, j->stride, j->kh, j->kw, j->w, padded + i * j->stride,
               j->weight, j->shift, y);
        if (j->activation.kind != PTN_ACT_IDENTITY)
            j->activate(&j->activation, NULL, count * j->w, y, y);
    }
}

// Sizes of the padded planes; false if they overflow.
static bool plan(plane_job *j, int threads) {
    size_t rows, all;
    return ptn_add(j->w, j->kw - 1, &j->stride) && ptn_add(j->stride, MOST_LANES, &j->stride) &&
           ptn_add(j->strip, j->kh - 1, &rows) && ptn_mul(rows, j->stride, &j->plane) &&
           ptn_mul(j->plane, j->planes, &j->buffer) &&
           ptn_float_bytes(j->buffer, (size_t)threads, 1, 1, &all);
}

ptn_status ptn_plane_gate(const ptn_runtime *runtime, size_t n, size_t planes, size_t h, size_t w,
                          size_t kh, size_t kw, const float *x, const float *weight, float shift,
                          const ptn_activation_spec *activation, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t count, taps;
    if (!ptn_float_bytes(n, planes, h, w, &count) || !ptn_float_bytes(planes, kh, kw, 1, &taps))
        return PTN_SIZE_OVERFLOW;
    if (planes == 0 || kh % 2 == 0 || kw % 2 == 0) return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !weight || !y) return PTN_BAD_ARGUMENT;
    plane_job j = {.run = plane_rows[runtime->isa],
                   .activate = ptn_activate_row[runtime->isa],
                   .activation = *activation,
                   .planes = planes,
                   .h = h,
                   .w = w,
                   .kh = kh,
                   .kw = kw,
                   .strip = ptn_min(h, ptn_max(1, STRIP_OUTPUTS / w)),
                   .x = x,
                   .weight = weight,
                   .shift = shift,
                   .y = y};
    j.strips = ptn_div_up(h, j.strip);
    // A multiply-add of a vector takes about half a nanosecond.
    const double adds = (double)n * (double)h * (double)w * (double)taps;
    const double lanes = (double)ptn_isa_vector_floats(runtime->isa);
    const int threads = ptn_threads_worth(runtime->threads, adds / lanes / 2);
    if (!plan(&j, threads)) return PTN_SIZE_OVERFLOW;
    j.padded = ptn_scratch_acquire(j.buffer * (size_t)threads * sizeof(float));
    if (!j.padded) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, n * j.strips, gate_strip, &j);
    ptn_scratch_release(j.padded);
    return PTN_OK;
}
