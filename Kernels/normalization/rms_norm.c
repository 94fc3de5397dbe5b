// Root-mean-square normalisation: a task is a few rows.
#include "ptn_rms_norm.h"
#include "../tensor/map.h"
#include <math.h>

#define PTN_SOURCE "../normalization/rms_norm.inc"
#include "../core/foreach_isa.h"

typedef float (*rms_sum_fn)(size_t channels, const float *x);
typedef void (*rms_scale_fn)(size_t channels, float factor, const float *weight, const float *x,
                             float *y);
static const rms_sum_fn rms_sum[PTN_ISA_COUNT] = PTN_TABLE(rms_sum);
static const rms_scale_fn rms_scale[PTN_ISA_COUNT] = PTN_TABLE(rms_scale);

typedef struct rms_job {
    rms_sum_fn sum;
    rms_scale_fn scale;
    ptn_activate_row_fn activate; // NULL for none
    const ptn_activation_spec *activation;
    size_t rows, rows_per_task, channels;
    double epsilon;
    const float *weight, *x;
    float *y;
} rms_job;

static void run_rows(void *context, size_t index, int thread) {
    (void)thread;
    const rms_job *j = context;
    const size_t end = ptn_min((index + 1) * j->rows_per_task, j->rows);
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        const float *x = j->x + r * j->channels;
        float *y = j->y + r * j->channels;
        const double square = (double)j->sum(j->channels, x) / (double)j->channels;
        j->scale(j->channels, (float)(1 / sqrt(square + j->epsilon)), j->weight, x, y);
        if (j->activate) j->activate(j->activation, j->activation->slopes, j->channels, y, y);
    }
}

ptn_status ptn_rms_norm(const ptn_runtime *runtime, size_t rows, size_t channels, double epsilon,
                        const float *weight, const ptn_activation_spec *activation, const float *x,
                        float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(rows, channels, 1, 1, &floats)) return PTN_SIZE_OVERFLOW;
    if (floats == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    rms_job j = {.sum = rms_sum[runtime->isa],
                 .scale = rms_scale[runtime->isa],
                 .activation = activation,
                 .rows = rows,
                 .rows_per_task = ptn_max(1, PTN_CHUNK / channels),
                 .channels = channels,
                 .epsilon = epsilon,
                 .weight = weight,
                 .x = x,
                 .y = y};
    if (activation->kind != PTN_ACT_IDENTITY) j.activate = ptn_activate_row[runtime->isa];
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * floats), ptn_div_up(rows, j.rows_per_task),
                 run_rows, &j);
    return PTN_OK;
}
