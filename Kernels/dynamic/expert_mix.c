// Weighted sums of weight sets, one per sample.
#include "ptn_expert_mix.h"
#include "../core/checked.h"

// Samples that are computed together, with one reading of the experts.
#define PTN_MIX_SAMPLES 4

// Floats per task: such a strip of all experts and results fits the second-level cache.
enum { STRIP = 4096 };

typedef struct ptn_mix_args {
    size_t experts, length, begin, end; // floats [begin, end) of a set of `length`
    const float *routing, *sets;        // of the first sample; of all experts
    float *mixed;                       // of the first sample
} ptn_mix_args;

#define PTN_SOURCE "../dynamic/expert_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*mix_fn)(const ptn_mix_args *args, size_t samples);
static const mix_fn mix_variants[PTN_ISA_COUNT] = PTN_TABLE(mix);

typedef struct mix_job {
    ptn_mix_args all;
    size_t samples;
    mix_fn mix;
} mix_job;

static void run_strip(void *context, size_t index, int thread) {
    (void)thread;
    const mix_job *j = context;
    ptn_mix_args a = j->all;
    a.begin = index * STRIP;
    a.end = ptn_min(a.begin + STRIP, a.length);
    for (size_t s = 0; s < j->samples; s += PTN_MIX_SAMPLES) {
        a.routing = j->all.routing + s * a.experts;
        a.mixed = j->all.mixed + s * a.length;
        j->mix(&a, ptn_min(PTN_MIX_SAMPLES, j->samples - s));
    }
}

ptn_status ptn_expert_mix(const ptn_runtime *runtime, size_t samples, size_t experts, size_t length,
                          const float *routing, const float *sets, float *mixed) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (!ptn_float_bytes(experts, length, 1, 1, NULL) ||
        !ptn_float_bytes(samples, length, 1, 1, NULL) ||
        !ptn_float_bytes(samples, experts, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    mix_job j = {.all = {.experts = experts,
                         .length = length,
                         .routing = routing,
                         .sets = sets,
                         .mixed = mixed},
                 .samples = samples,
                 .mix = mix_variants[runtime->isa]};
    const double bytes = 4.0 * (double)length * (double)(experts + samples);
    const int threads = ptn_threads_worth(runtime->threads, bytes / 10);
    ptn_parallel(threads, samples == 0 ? 0 : ptn_div_up(length, STRIP), run_strip, &j);
    return PTN_OK;
}
