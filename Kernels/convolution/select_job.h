// What the ways of computing chosen channels share.
#ifndef PTN_CONVOLUTION_SELECT_JOB_H
#define PTN_CONVOLUTION_SELECT_JOB_H

#include "algorithms.h"
#include "ptn_conv2d_select.h"

// What all samples share. Lists are NULL where all channels are chosen.
typedef struct ptn_select_job {
    const ptn_runtime *runtime;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_functions *functions;
    const ptn_channel_sets *inputs, *outputs;
    const float *x, *packed;
    const ptn_conv2d_epilogue *epilogue;
    float *y;
    ptn_conv2d_guard *guard;
    size_t in_pixels, out_pixels;
} ptn_select_job;

static inline bool ptn_has_list(const ptn_channel_sets *c) { return c && c->offsets; }

static inline size_t ptn_list_count(const ptn_channel_sets *c, size_t sample, size_t channels) {
    return ptn_has_list(c) ? c->offsets[sample + 1] - c->offsets[sample] : channels;
}

static inline const int32_t *ptn_list_of(const ptn_channel_sets *c, size_t sample) {
    return ptn_has_list(c) ? c->list + c->offsets[sample] : NULL;
}

static inline bool ptn_selects_depthwise(const ptn_select_job *j) {
    return ptn_conv2d_is_depthwise(j->shape);
}

// The channels that a bucket's input map has: of a depthwise convolution, those of the outputs.
static inline const ptn_channel_sets *ptn_select_inputs(const ptn_select_job *j) {
    return ptn_selects_depthwise(j) ? j->outputs : j->inputs;
}

// Number of channels with which a list of `count` of `channels` is computed: whole vectors.
static inline size_t ptn_list_rounded(const ptn_select_job *j, const ptn_channel_sets *c,
                                      size_t sample, size_t channels) {
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    const size_t count = ptn_list_count(c, sample, channels);
    return ptn_min(channels, ptn_div_up(count, vector) * vector);
}

// Computes all samples by copying chosen channels side by side.
ptn_status ptn_select_compact(const ptn_select_job *job);

#endif
