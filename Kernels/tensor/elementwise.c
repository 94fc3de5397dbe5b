// Element-wise arithmetic with broadcasting; channel-wise scale and shift.
#include "ptn_elementwise.h"
#include "map.h"

#define PTN_SOURCE "../tensor/elementwise.inc"
#include "../core/foreach_isa.h"

typedef void (*binary_row_fn)(ptn_binary_op op, bool scalar, size_t n, const float *a,
                              const float *b, float *y);
typedef void (*affine_row_fn)(size_t n, const float *x, const float *scale, const float *shift,
                              float *y);
static const binary_row_fn binary_row[PTN_ISA_COUNT] = PTN_TABLE(binary_row);
static const affine_row_fn affine_row[PTN_ISA_COUNT] = PTN_TABLE(affine_row);

typedef struct elementwise_job {
    ptn_rows rows;
    ptn_binary_op op;
    binary_row_fn binary;
    affine_row_fn affine;
    ptn_activate_row_fn activate;
    ptn_activation_spec activation;
    size_t count;
    const float *x, *b;            // the full operand; the one with a value per sample and channel
    const float *shift, *residual; // affine only: per channel; same shape as x; either may be NULL
    bool shift_per_sample;
    float *y;
} elementwise_job;

static void finish(const elementwise_job *j, size_t n, float *y) {
    if (j->activation.kind != PTN_ACT_IDENTITY) j->activate(&j->activation, NULL, n, y, y);
}

// A task of operands of equal shapes.
static void binary_flat(void *context, size_t index, int thread) {
    (void)thread;
    const elementwise_job *j = context;
    size_t end = ptn_min(j->count, (index + 1) * PTN_CHUNK);
    for (size_t i = index * PTN_CHUNK; i < end; i += PTN_BLOCK) {
        size_t n = ptn_min(PTN_BLOCK, end - i);
        j->binary(j->op, false, n, j->x + i, j->b + i, j->y + i);
        finish(j, n, j->y + i);
    }
}

// A task with one value of b per `pixels` numbers; if these are too few for a vector loop, b is
// expanded.
static void binary_runs(void *context, size_t index, int thread) {
    (void)thread;
    const elementwise_job *j = context;
    float gathered[PTN_BLOCK];
    size_t run = j->rows.pixels, end = ptn_min(j->count, (index + 1) * PTN_CHUNK);
    size_t i = index * PTN_CHUNK, sample = i / run, inside = i % run, n;
    for (; i < end; i += n) {
        n = ptn_min(PTN_BLOCK, end - i);
        if (run >= 64) {
            n = ptn_min(n, run - inside);
            j->binary(j->op, true, n, j->x + i, j->b + sample, j->y + i);
            inside += n;
            if (inside == run) inside = 0, sample++;
        } else {
            for (size_t k = 0; k < n; k++) {
                gathered[k] = j->b[sample];
                if (++inside == run) inside = 0, sample++;
            }
            j->binary(j->op, false, n, j->x + i, gathered, j->y + i);
        }
        finish(j, n, j->y + i);
    }
}

// A task with one row of channels for all pixels of a sample.
static void channel_rows(void *context, size_t index, int thread) {
    (void)thread;
    const elementwise_job *j = context;
    const ptn_rows *r = &j->rows;
    float repeated[2][PTN_PERIOD_MOST];
    size_t sample = index / r->chunks, first = index % r->chunks * r->chunk;
    size_t end = ptn_min(r->pixels, first + r->chunk);
    const float *b = ptn_repeated(r, j->b + sample * r->channels, repeated[0]);
    const size_t own = j->shift_per_sample ? sample * r->channels : 0;
    const float *shift = j->shift ? ptn_repeated(r, j->shift + own, repeated[1]) : NULL;
    for (size_t p = first; p < end; p += r->repeat) {
        size_t n = ptn_min(r->repeat, end - p) * r->channels;
        size_t at = (sample * r->pixels + p) * r->channels;
        if (j->affine)
            j->affine(n, j->x + at, b, j->residual ? j->residual + at : shift, j->y + at);
        else
            j->binary(j->op, false, n, j->x + at, b, j->y + at);
        finish(j, n, j->y + at);
    }
}

// Checks the arguments that the three functions share; sets all of `*j` except the operands.
static ptn_status prepare(elementwise_job *j, const ptn_runtime *runtime, size_t samples,
                          size_t pixels, size_t channels, const ptn_activation_spec *activation) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    if (!ptn_float_bytes(samples, pixels, channels, 1, &j->count)) return PTN_SIZE_OVERFLOW;
    j->rows = ptn_rows_plan(samples, pixels, channels);
    j->activate = ptn_activate_row[runtime->isa];
    j->activation = *activation;
    return PTN_OK;
}

ptn_status ptn_binary(const ptn_runtime *runtime, ptn_binary_op op, size_t samples, size_t pixels,
                      size_t channels, const float *a, const float *b,
                      const ptn_activation_spec *activation, float *y) {
    elementwise_job j = {.op = op, .x = a, .b = b, .y = y};
    ptn_status status = prepare(&j, runtime, samples, pixels, channels, activation);
    if (status != PTN_OK) return status;
    if ((int)op < PTN_BINARY_ADD || (int)op > PTN_BINARY_MULTIPLY) return PTN_BAD_ARGUMENT;
    if (j.count == 0) return PTN_OK;
    if (!a || !b || !y) return PTN_BAD_ARGUMENT;
    j.binary = binary_row[runtime->isa];
    size_t flat_chunks = ptn_div_up(j.count, PTN_CHUNK);
    int threads = ptn_threads_for_floats(runtime, (pixels == 1 ? 3 : 2) * j.count);
    if (pixels == 1)
        ptn_parallel(threads, flat_chunks, binary_flat, &j);
    else if (channels == 1)
        ptn_parallel(threads, flat_chunks, binary_runs, &j);
    else
        ptn_parallel(threads, samples * j.rows.chunks, channel_rows, &j);
    return PTN_OK;
}

static ptn_status affine(elementwise_job *j, const ptn_runtime *runtime) {
    if (j->count == 0) return PTN_OK;
    if (!j->x || !j->b || !j->y) return PTN_BAD_ARGUMENT;
    j->affine = affine_row[runtime->isa];
    int threads = ptn_threads_for_floats(runtime, (j->residual ? 3 : 2) * j->count);
    ptn_parallel(threads, j->rows.samples * j->rows.chunks, channel_rows, j);
    return PTN_OK;
}

ptn_status ptn_scale_shift(const ptn_runtime *runtime, size_t pixels, size_t channels,
                           const float *x, const float *scale, const float *shift,
                           const ptn_activation_spec *activation, float *y) {
    elementwise_job j = {.x = x, .b = scale, .shift = shift, .y = y};
    ptn_status status = prepare(&j, runtime, 1, pixels, channels, activation);
    if (status != PTN_OK) return status;
    if (j.count > 0 && !shift) return PTN_BAD_ARGUMENT;
    return affine(&j, runtime);
}

ptn_status ptn_scale_shift_samples(const ptn_runtime *runtime, size_t samples, size_t pixels,
                                   size_t channels, const float *x, const float *scale,
                                   const float *shift, const ptn_activation_spec *activation,
                                   float *y) {
    elementwise_job j = {.x = x, .b = scale, .shift = shift, .shift_per_sample = true, .y = y};
    ptn_status status = prepare(&j, runtime, samples, pixels, channels, activation);
    if (status != PTN_OK) return status;
    if (j.count > 0 && !shift) return PTN_BAD_ARGUMENT;
    return affine(&j, runtime);
}

ptn_status ptn_scale_channels(const ptn_runtime *runtime, size_t samples, size_t pixels,
                              size_t channels, const float *x, const float *gate,
                              const float *residual, const ptn_activation_spec *activation,
                              float *y) {
    elementwise_job j = {.x = x, .b = gate, .residual = residual, .y = y};
    ptn_status status = prepare(&j, runtime, samples, pixels, channels, activation);
    if (status != PTN_OK) return status;
    return affine(&j, runtime);
}
