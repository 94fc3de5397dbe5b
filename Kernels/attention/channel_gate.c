// Networks on vectors of channels. Only those with weights larger than the caches are worth more
// than one thread.
#include "ptn_channel_gate.h"
#include "../tensor/map.h"
#include <math.h>

#define PTN_SOURCE "../attention/channel_gate.inc"
#include "../core/foreach_isa.h"

enum { PANEL = PTN_CHANNEL_GATE_PANEL };

typedef void (*gate_panel_fn)(size_t samples, size_t inputs, size_t width, size_t outputs,
                              const float *x, const float *panel, const float *bias, float *y);
typedef void (*gate_neighbours_fn)(size_t taps, size_t n, const float *x, const float *weight,
                                   float bias, float *y);
typedef void (*gate_planes_fn)(size_t planes, size_t channels, const float *x, const float *weight,
                               const float *shift, float *y);
typedef void (*gate_normed_fn)(size_t channels, float factor, const float *alpha,
                               const float *gamma, const float *beta, const float *x, float *y);
static const gate_panel_fn gate_panel[PTN_ISA_COUNT] = PTN_TABLE(gate_panel);
static const gate_neighbours_fn gate_neighbours[PTN_ISA_COUNT] = PTN_TABLE(gate_neighbours);
static const gate_planes_fn gate_planes[PTN_ISA_COUNT] = PTN_TABLE(gate_planes);
static const gate_normed_fn gate_normed[PTN_ISA_COUNT] = PTN_TABLE(gate_normed);

static void activate(const ptn_runtime *runtime, const ptn_activation_spec *activation, size_t n,
                     float *y) {
    if (activation->kind == PTN_ACT_IDENTITY) return;
    ptn_activate_row[runtime->isa](activation, NULL, n, y, y);
}

typedef struct network_job {
    const ptn_runtime *runtime;
    const ptn_channel_gate_layer *layer;
    size_t samples, inputs;
    const float *x;
    float *y;
} network_job;

static void run_panel(void *context, size_t index, int thread) {
    (void)thread;
    const network_job *j = context;
    const ptn_channel_gate_layer *l = j->layer;
    const size_t o = index * PANEL, n = ptn_min(PANEL, l->outputs - o);
    gate_panel[j->runtime->isa](j->samples, j->inputs, n, l->outputs, j->x,
                                l->weight + o * j->inputs, l->bias ? l->bias + o : NULL, j->y + o);
    for (size_t s = 0; s < j->samples; s++)
        activate(j->runtime, &l->activation, n, j->y + s * l->outputs + o);
}

// Checks the layers and finds the size of a hidden row.
static ptn_status check_layers(size_t samples, size_t inputs, size_t count,
                               const ptn_channel_gate_layer *layers, size_t *widest) {
    *widest = 0;
    for (size_t i = 0; i < count; i++) {
        const ptn_status status = ptn_fused_activation_check(&layers[i].activation);
        if (status != PTN_OK) return status;
        if (layers[i].outputs == 0 || !layers[i].weight) return PTN_BAD_ARGUMENT;
        if (!ptn_float_bytes(inputs, layers[i].outputs, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
        inputs = layers[i].outputs;
        *widest = ptn_max(*widest, inputs);
    }
    return ptn_float_bytes(samples, *widest, 2, 1, NULL) ? PTN_OK : PTN_SIZE_OVERFLOW;
}

ptn_status ptn_channel_gate_pack(size_t inputs, size_t outputs, const float *weight,
                                 float *packed) {
    if (!ptn_float_bytes(inputs, outputs, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    if (inputs == 0 || outputs == 0) return PTN_OK;
    if (!weight || !packed) return PTN_BAD_ARGUMENT;
    for (size_t o = 0; o < outputs; o += PANEL) {
        const size_t n = ptn_min(PANEL, outputs - o);
        for (size_t i = 0; i < inputs; i++)
            for (size_t k = 0; k < n; k++) *packed++ = weight[(o + k) * inputs + i];
    }
    return PTN_OK;
}

ptn_status ptn_channel_gate_network(const ptn_runtime *runtime, size_t samples, size_t inputs,
                                    size_t count, const ptn_channel_gate_layer *layers,
                                    const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (inputs == 0 || count == 0 || !layers) return PTN_BAD_ARGUMENT;
    size_t widest;
    if (!ptn_float_bytes(samples, inputs, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    status = check_layers(samples, inputs, count, layers, &widest);
    if (status != PTN_OK || samples == 0) return status;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    float *hidden = NULL;
    if (count > 1) {
        hidden = ptn_scratch_acquire(2 * samples * widest * sizeof(float));
        if (!hidden) return PTN_OUT_OF_MEMORY;
    }
    network_job j = {.runtime = runtime, .samples = samples, .inputs = inputs, .x = x};
    for (size_t i = 0; i < count; i++) {
        j.layer = &layers[i];
        j.y = i + 1 == count ? y : hidden + i % 2 * samples * widest;
        const size_t work = j.inputs * j.layer->outputs;
        ptn_parallel(ptn_threads_for_floats(runtime, work), ptn_div_up(j.layer->outputs, PANEL),
                     run_panel, &j);
        j.x = j.y;
        j.inputs = j.layer->outputs;
    }
    ptn_scratch_release(hidden);
    return PTN_OK;
}

// A row with the values beyond its ends, `reach` on each side.
static void pad_row(size_t channels, size_t reach, bool circular, const float *x, float *padded) {
    memcpy(padded + reach, x, channels * sizeof *x);
    const size_t turns = reach % channels; // channel at index 0 is channels - turns
    for (size_t i = 0; i < reach; i++) {
        padded[i] = circular ? x[(i + channels - turns) % channels] : 0;
        padded[reach + channels + i] = circular ? x[i % channels] : 0;
    }
}

ptn_status ptn_channel_gate_neighbours(const ptn_runtime *runtime, size_t samples, size_t channels,
                                       size_t taps, const float *weight, float bias, bool circular,
                                       const ptn_activation_spec *activation, const float *x,
                                       float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    size_t floats;
    if (taps % 2 == 0) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(samples, channels, 1, 1, NULL) || !ptn_add(channels, taps, &floats) ||
        !ptn_float_bytes(floats, 1, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (samples == 0 || channels == 0) return PTN_OK;
    if (!weight || !x || !y) return PTN_BAD_ARGUMENT;
    float *padded = ptn_scratch_acquire(floats * sizeof(float));
    if (!padded) return PTN_OUT_OF_MEMORY;
    for (size_t s = 0; s < samples; s++, x += channels, y += channels) {
        pad_row(channels, taps / 2, circular, x, padded);
        gate_neighbours[runtime->isa](taps, channels, padded, weight, bias, y);
        activate(runtime, activation, channels, y);
    }
    ptn_scratch_release(padded);
    return PTN_OK;
}

ptn_status ptn_channel_gate_planes(const ptn_runtime *runtime, size_t samples, size_t planes,
                                   size_t channels, const float *weight, const float *shift,
                                   const ptn_activation_spec *activation, const float *x,
                                   float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = ptn_fused_activation_check(activation);
    if (status != PTN_OK) return status;
    if (planes == 0) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(samples, planes, channels, 1, NULL)) return PTN_SIZE_OVERFLOW;
    if (samples == 0 || channels == 0) return PTN_OK;
    if (!weight || !shift || !x || !y) return PTN_BAD_ARGUMENT;
    for (size_t s = 0; s < samples; s++, x += planes * channels, y += channels) {
        gate_planes[runtime->isa](planes, channels, x, weight, shift, y);
        activate(runtime, activation, channels, y);
    }
    return PTN_OK;
}

// Mean over the channels of e^2 or of |e|. Four sums, so that additions do not wait for each other.
static double mean_size(size_t channels, bool absolute, const float *alpha, const float *x) {
    double sums[4] = {0};
    for (size_t c = 0; c < channels; c++) {
        const double e = (double)alpha[c] * (double)x[c];
        sums[c % 4] += absolute ? fabs(e) : e * e;
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (double)channels;
}

ptn_status ptn_channel_gate_normed(const ptn_runtime *runtime, size_t samples, size_t channels,
                                   bool absolute, double epsilon, const float *alpha,
                                   const float *gamma, const float *beta, const float *x,
                                   float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (!(epsilon >= 0)) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(samples, channels, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    if (samples == 0 || channels == 0) return PTN_OK;
    if (!alpha || !gamma || !beta || !x || !y) return PTN_BAD_ARGUMENT;
    for (size_t s = 0; s < samples; s++, x += channels, y += channels) {
        const double size = mean_size(channels, absolute, alpha, x);
        const double factor = 1 / (absolute ? size + epsilon : sqrt(size + epsilon));
        gate_normed[runtime->isa](channels, (float)factor, alpha, gamma, beta, x, y);
    }
    return PTN_OK;
}
