// Mixes and packs the weights of every sample before a convolution.
#include "weights.h"
#include "factors.h"
#include "winograd_mix.h"
#include <string.h>

bool ptn_weight_source_valid(const ptn_weight_source *w, const ptn_conv2d_epilogue *e) {
    switch (w->kind) {
    case PTN_WEIGHTS_SHARED: return w->packed != NULL;
    case PTN_WEIGHTS_MIXED:
        // Biases may come from the source or the epilogue, not from both.
        return (w->sets == 0 || (w->packed && w->routing)) && !(e->bias && (w->biases || w->shift));
    case PTN_WEIGHTS_PER_SAMPLE: return w->weights != NULL;
    }
    return false;
}

static ptn_status mix_biases(const ptn_runtime *runtime, const ptn_weight_source *w, size_t samples,
                             size_t channels, float *biases) {
    if (w->biases) {
        const ptn_status status =
            ptn_expert_mix(runtime, samples, w->sets, channels, w->routing, w->biases, biases);
        if (status != PTN_OK) return status;
    } else {
        memset(biases, 0, samples * channels * sizeof *biases);
    }
    for (size_t s = 0; w->shift && s < samples; s++)
        for (size_t k = 0; k < channels; k++) biases[s * channels + k] += w->shift[k];
    return PTN_OK;
}

// Mixes the packed weights, with the source's factors if it has any.
static ptn_status mix_packed(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                             const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                             float *packed) {
    const ptn_winograd_form *form = ptn_winograd_form_of(plan->algorithm);
    const bool scales = w->taps || w->inputs;
    ptn_expert_factors factors;
    void *scratch = NULL;
    ptn_status status = PTN_OK;
    if (scales) status = ptn_weight_factors_for(runtime->isa, s, plan, w, &factors, &scratch);
    if (status != PTN_OK) return status;
    if (form)
        status = ptn_winograd_mix(runtime, form, s, w, scales ? &factors : NULL, packed);
    else if (scales)
        status = ptn_expert_mix_scaled(runtime, s->n, w->sets, plan->packed_floats, w->routing,
                                       w->packed, &factors, packed);
    else
        status = ptn_expert_mix(runtime, s->n, w->sets, plan->packed_floats, w->routing, w->packed,
                                packed);
    if (scratch) ptn_scratch_release(scratch);
    return status;
}

static ptn_status mix(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                      const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                      ptn_sample_weights *weights) {
    size_t each, floats;
    if (!ptn_add(plan->packed_floats, s->k, &each) || !ptn_float_bytes(s->n, each, 1, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    float *packed = ptn_scratch_acquire(floats * sizeof(float));
    if (!packed) return PTN_OUT_OF_MEMORY;
    *weights = (ptn_sample_weights){
        .packed = packed, .packed_stride = plan->packed_floats, .scratch = packed};
    const ptn_status status = mix_packed(runtime, s, plan, w, packed);
    if (status != PTN_OK || (!w->biases && !w->shift)) return status;
    float *biases = packed + s->n * plan->packed_floats;
    weights->bias = biases;
    weights->bias_stride = s->k;
    return mix_biases(runtime, w, s->n, s->k, biases);
}

typedef struct pack_job {
    const ptn_conv2d_functions *functions;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_isa isa;
    const float *weights;
    float *packed;
    size_t parts, set; // packing parts per set; floats of an unpacked set
} pack_job;

static void pack_part(void *context, size_t index, int thread) {
    (void)thread;
    const pack_job *j = context;
    const size_t sample = index / j->parts;
    j->functions->pack(j->isa, j->shape, j->plan->algorithm, j->weights + sample * j->set, NULL,
                       index % j->parts, j->packed + sample * j->plan->packed_floats);
}

static ptn_status pack(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                       ptn_sample_weights *weights) {
    size_t floats;
    if (!ptn_float_bytes(s->n, plan->packed_floats, 1, 1, &floats)) return PTN_SIZE_OVERFLOW;
    float *packed = ptn_scratch_acquire(floats * sizeof(float));
    if (!packed) return PTN_OUT_OF_MEMORY;
    *weights = (ptn_sample_weights){
        .packed = packed, .packed_stride = plan->packed_floats, .scratch = packed};
    pack_job j = {.functions = ptn_conv2d_functions_of(plan->algorithm),
                  .shape = s,
                  .plan = plan,
                  .isa = runtime->isa,
                  .weights = w->weights,
                  .packed = packed,
                  .set = s->k * (s->c / s->groups) * s->kh * s->kw};
    j.parts = j.functions->parts(runtime->isa, s);
    // About a nanosecond per float, because consecutive floats are not written to consecutive
    // addresses.
    const int threads = ptn_threads_worth(runtime->threads, (double)floats);
    ptn_parallel(threads, s->n * j.parts, pack_part, &j);
    return PTN_OK;
}

ptn_status ptn_sample_weights_for(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                                  const ptn_conv2d_plan *plan, const ptn_weight_source *w,
                                  ptn_sample_weights *weights) {
    *weights = (ptn_sample_weights){.packed = w->packed};
    if (w->kind == PTN_WEIGHTS_SHARED) return PTN_OK;
    const ptn_status status = w->kind == PTN_WEIGHTS_MIXED ? mix(runtime, s, plan, w, weights)
                                                           : pack(runtime, s, plan, w, weights);
    if (status != PTN_OK) ptn_sample_weights_release(weights);
    return status;
}

void ptn_sample_weights_release(ptn_sample_weights *weights) {
    if (weights->scratch) ptn_scratch_release(weights->scratch);
    weights->scratch = NULL;
}
