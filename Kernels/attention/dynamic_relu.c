// Dynamic ReLU: the map is read and written once; a sample's coefficients stay in the cache.
#include "ptn_dynamic_relu.h"
#include "../tensor/map.h"

#define PTN_SOURCE "../attention/dynamic_relu.inc"
#include "../core/foreach_isa.h"

typedef void (*dynamic_relu_rows_fn)(size_t pieces, size_t rows, size_t n, const float *x,
                                     const float *planes, size_t step, float *y);
typedef void (*scale_pixel_fn)(size_t n, float f, float *y);
static const dynamic_relu_rows_fn dynamic_relu_rows[PTN_ISA_COUNT] = PTN_TABLE(dynamic_relu_rows);
static const scale_pixel_fn scale_pixel_of[PTN_ISA_COUNT] = PTN_TABLE(scale_pixel);

enum { ROWS = 4 }; // rows for which coefficients are loaded once

typedef struct dynamic_relu_job {
    dynamic_relu_rows_fn rows_of;
    scale_pixel_fn scale;
    ptn_rows rows;
    size_t pieces, width;
    const float *x, *coefficients, *factors;
    float *y;
} dynamic_relu_job;

// The coefficients of a sample as planes of `*span` floats, `*step` apart, that repeat along the
// map. Shared coefficients and short rows are repeated in `buffer`.
static const float *planes_of(const dynamic_relu_job *j, size_t sample, float *buffer, size_t *span,
                              size_t *step) {
    const float *own = j->coefficients + sample * 2 * j->pieces * j->width;
    bool shared = j->width == 1;
    *span = shared ? PTN_PERIOD_LENGTH : j->rows.repeat * j->rows.channels;
    *step = *span;
    if (!shared && j->rows.repeat == 1) return own;
    for (size_t k = 0; k < 2 * j->pieces; k++) {
        float *plane = buffer + k * *span;
        if (!shared) ptn_repeated(&j->rows, own + k * j->width, plane);
        for (size_t i = 0; shared && i < *span; i++) plane[i] = own[k];
    }
    return buffer;
}

static void dynamic_relu_chunk(void *context, size_t index, int thread) {
    (void)thread;
    const dynamic_relu_job *j = context;
    const ptn_rows *r = &j->rows;
    float buffer[2 * PTN_DYNAMIC_RELU_MOST_PIECES * PTN_PERIOD_MOST];
    size_t sample = index / r->chunks, first = index % r->chunks * r->chunk, span, step;
    size_t pixels = ptn_min(r->pixels, first + r->chunk) - first, n = pixels * r->channels;
    const float *planes = planes_of(j, sample, buffer, &span, &step);
    const float *x = j->x + (sample * r->pixels + first) * r->channels;
    float *y = j->y + (sample * r->pixels + first) * r->channels;
    for (size_t i = 0, rows; i < n; i += rows * span) {
        rows = i + ROWS * span <= n ? ROWS : 1;
        j->rows_of(j->pieces, rows, ptn_min(span, n - i), x + i, planes, step, y + i);
    }
    if (!j->factors) return;
    const float *factors = j->factors + sample * r->pixels + first;
    for (size_t p = 0; p < pixels; p++) j->scale(r->channels, factors[p], y + p * r->channels);
}

ptn_status ptn_dynamic_relu(const ptn_runtime *runtime, size_t samples, size_t pixels,
                            size_t channels, size_t pieces, size_t width, const float *x,
                            const float *coefficients, const float *factors, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &count) ||
        !ptn_float_bytes(samples, 2 * PTN_DYNAMIC_RELU_MOST_PIECES, width, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (pieces < 1 || pieces > PTN_DYNAMIC_RELU_MOST_PIECES || (width != channels && width != 1))
        return PTN_BAD_ARGUMENT;
    if (count == 0) return PTN_OK;
    if (!x || !coefficients || !y) return PTN_BAD_ARGUMENT;

    dynamic_relu_job j = {.rows_of = dynamic_relu_rows[runtime->isa],
                          .scale = scale_pixel_of[runtime->isa],
                          .pieces = pieces,
                          .width = width,
                          .x = x,
                          .coefficients = coefficients,
                          .factors = factors,
                          .y = y};
    j.rows = ptn_rows_plan(samples, pixels, channels);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), samples * j.rows.chunks,
                 dynamic_relu_chunk, &j);
    return PTN_OK;
}

ptn_status ptn_dynamic_relu_coefficients(size_t samples, size_t planes, size_t width,
                                         size_t outputs, size_t channel_step,
                                         const size_t *plane_offsets, const float *lambdas,
                                         const float *initial, const float *u,
                                         float *coefficients) {
    size_t count;
    if (!ptn_float_bytes(samples, planes, width, 1, &count) ||
        !ptn_float_bytes(samples, outputs, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    for (size_t k = 0; k < planes; k++)
        if (width > 0 && plane_offsets[k] + (width - 1) * channel_step >= outputs)
            return PTN_BAD_ARGUMENT;
    for (size_t s = 0; s < samples; s++)
        for (size_t k = 0; k < planes; k++) {
            const float *from = u + s * outputs + plane_offsets[k];
            float *to = coefficients + (s * planes + k) * width;
            for (size_t c = 0; c < width; c++)
                to[c] = initial[k] + lambdas[k] * (2 * from[c * channel_step] - 1);
        }
    return PTN_OK;
}
