// Layer normalisation: a task is a few rows.
#include "ptn_layer_norm.h"
#include "../tensor/map.h"
#include <math.h>

#define PTN_SOURCE "../normalization/layer_norm.inc"
#include "../core/foreach_isa.h"

typedef void (*layer_norm_row_fn)(size_t channels, float epsilon, const float *weight,
                                  const float *bias, const float *x, float *y);
static const layer_norm_row_fn layer_norm_row[PTN_ISA_COUNT] = PTN_TABLE(layer_norm_row);

typedef struct norm_job {
    layer_norm_row_fn normalise;
    ptn_activate_row_fn activate; // NULL for none
    const ptn_activation_spec *activation;
    size_t rows, rows_per_task, channels;
    float epsilon;
    const float *weight, *bias, *x;
    float *y;
} norm_job;

static void run_rows(void *context, size_t index, int thread) {
    (void)thread;
    const norm_job *j = context;
    const size_t end = ptn_min((index + 1) * j->rows_per_task, j->rows);
    for (size_t r = index * j->rows_per_task; r < end; r++) {
        float *y = j->y + r * j->channels;
        j->normalise(j->channels, j->epsilon, j->weight, j->bias, j->x + r * j->channels, y);
        if (j->activate) j->activate(j->activation, j->activation->slopes, j->channels, y, y);
    }
}

ptn_status ptn_layer_norm(const ptn_runtime *runtime, size_t rows, size_t channels, float epsilon,
                          const float *weight, const float *bias,
                          const ptn_activation_spec *activation, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(rows, channels, 1, 1, &floats)) return PTN_SIZE_OVERFLOW;
    if (floats == 0) return PTN_OK;
    norm_job j = {.normalise = layer_norm_row[runtime->isa],
                  .activation = activation,
                  .rows = rows,
                  .rows_per_task = ptn_max(1, PTN_CHUNK / channels),
                  .channels = channels,
                  .epsilon = epsilon,
                  .weight = weight,
                  .bias = bias,
                  .x = x,
                  .y = y};
    if (activation->kind != PTN_ACT_IDENTITY) j.activate = ptn_activate_row[runtime->isa];
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * floats), ptn_div_up(rows, j.rows_per_task),
                 run_rows, &j);
    return PTN_OK;
}
