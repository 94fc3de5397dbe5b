// Weighted sums of weight sets, one per sample.
#include "ptn_expert_mix.h"
#include "../core/checked.h"

// Samples that are computed together, with one reading of the experts; vectors of each.
#define PTN_MIX_SAMPLES 4
#define PTN_MIX_VECTORS 4

// Floats per task: such a strip of all experts and results fits the second-level cache.
enum { STRIP = 4096 };

typedef struct ptn_mix_args {
    size_t experts, length, begin, end; // floats [begin, end) of a set of `length`
    const float *routing, *sets;        // of the first sample; of all experts
    float *mixed;                       // of the first sample
    const float *factors; // of the first sample's float `begin` or its row; NULL: none
    size_t factor_step;   // factors from one sample's to the next
    size_t row;           // floats that share a factor; 0: each has its own
} ptn_mix_args;

#define PTN_SOURCE "../dynamic/expert_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*mix_fn)(const ptn_mix_args *args, size_t samples);
static const mix_fn mix_variants[PTN_ISA_COUNT] = PTN_TABLE(mix);

typedef struct mix_job {
    ptn_mix_args all;
    size_t samples;
    mix_fn mix;
    const ptn_expert_factors *factors;
    size_t strips; // per panel
} mix_job;

// Mixes floats [args->begin, args->end) for all samples.
static void run_samples(const mix_job *j, ptn_mix_args *args) {
    const float *factors = args->factors;
    for (size_t s = 0; s < j->samples; s += PTN_MIX_SAMPLES) {
        args->routing = j->all.routing + s * args->experts;
        args->mixed = j->all.mixed + s * args->length;
        if (factors) args->factors = factors + s * args->factor_step;
        j->mix(args, ptn_min(PTN_MIX_SAMPLES, j->samples - s));
    }
}

static void run_strip(void *context, size_t index, int thread) {
    (void)thread;
    const mix_job *j = context;
    ptn_mix_args a = j->all;
    a.begin = index * STRIP;
    a.end = ptn_min(a.begin + STRIP, a.length);
    run_samples(j, &a);
}

// Rows of a strip of a panel `width` floats wide.
static size_t strip_rows(size_t width) { return ptn_max(1, STRIP / width); }

// A strip of a panel: some rows, or some floats of the panel where each has its own factor.
static void run_panel_strip(void *context, size_t index, int thread) {
    (void)thread;
    const mix_job *j = context;
    const ptn_expert_factors *f = j->factors;
    const size_t strip = index % j->strips, panel = index / j->strips % f->panels;
    const size_t group = index / j->strips / f->panels;
    const size_t width = panel + 1 < f->panels ? f->width : f->last_width;
    const size_t group_floats = f->rows * ((f->panels - 1) * f->width + f->last_width);
    const size_t start = group * group_floats + panel * f->rows * f->width;
    const size_t unit = f->per_float ? STRIP : strip_rows(f->width);
    const size_t all = f->per_float ? f->rows * width : f->rows, scale = f->per_float ? 1 : width;
    const size_t first = strip * unit, end = ptn_min(all, first + unit);
    if (first >= end) return;
    ptn_mix_args a = j->all;
    a.begin = start + first * scale;
    a.end = start + end * scale;
    a.factors = f->values + group * f->group_step + first;
    a.factor_step = f->count;
    a.row = f->per_float ? 0 : width;
    run_samples(j, &a);
}

static ptn_status check(size_t samples, size_t experts, size_t length) {
    if (!ptn_float_bytes(experts, length, 1, 1, NULL) ||
        !ptn_float_bytes(samples, length, 1, 1, NULL) ||
        !ptn_float_bytes(samples, experts, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    return PTN_OK;
}

// Whether the structure describes sets of `length` floats, with all factors among those given.
static bool fits(const ptn_expert_factors *f, size_t samples, size_t length) {
    size_t columns, floats, own;
    if (f->groups == 0 || f->panels == 0 || f->rows == 0 || f->width == 0 || f->last_width == 0 ||
        f->last_width > f->width || !f->values)
        return false;
    if (!ptn_mul(f->panels - 1, f->width, &columns) || !ptn_add(columns, f->last_width, &columns) ||
        !ptn_mul(columns, f->rows, &floats) || !ptn_mul(floats, f->groups, &floats) ||
        floats != length)
        return false;
    if (!ptn_mul(f->groups - 1, f->group_step, &own) ||
        !ptn_add(own, f->per_float ? f->rows * f->width : f->rows, &own) || own > f->count)
        return false;
    return ptn_float_bytes(samples, f->count, 1, 1, NULL);
}

static mix_job job_for(ptn_isa isa, size_t samples, size_t experts, size_t length,
                       const float *routing, const float *sets, float *mixed) {
    return (mix_job){.all = {.experts = experts,
                             .length = length,
                             .routing = routing,
                             .sets = sets,
                             .mixed = mixed},
                     .samples = samples,
                     .mix = mix_variants[isa]};
}

static int threads_for(const ptn_runtime *runtime, size_t samples, size_t experts, size_t length) {
    const double bytes = 4.0 * (double)length * (double)(experts + samples);
    return ptn_threads_worth(runtime->threads, bytes / 10);
}

ptn_status ptn_expert_mix(const ptn_runtime *runtime, size_t samples, size_t experts, size_t length,
                          const float *routing, const float *sets, float *mixed) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_status status = check(samples, experts, length);
    if (status != PTN_OK || samples == 0) return status;
    mix_job j = job_for(runtime->isa, samples, experts, length, routing, sets, mixed);
    ptn_parallel(threads_for(runtime, samples, experts, length), ptn_div_up(length, STRIP),
                 run_strip, &j);
    return PTN_OK;
}

ptn_status ptn_expert_mix_scaled(const ptn_runtime *runtime, size_t samples, size_t experts,
                                 size_t length, const float *routing, const float *sets,
                                 const ptn_expert_factors *factors, float *mixed) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_status status = check(samples, experts, length);
    if (status != PTN_OK || samples == 0 || length == 0) return status;
    if (!fits(factors, samples, length)) return PTN_BAD_ARGUMENT;
    mix_job j = job_for(runtime->isa, samples, experts, length, routing, sets, mixed);
    j.factors = factors;
    const size_t width = factors->width;
    j.strips = factors->per_float ? ptn_div_up(factors->rows * width, STRIP)
                                  : ptn_div_up(factors->rows, strip_rows(width));
    ptn_parallel(threads_for(runtime, samples, experts, length),
                 j.strips * factors->panels * factors->groups, run_panel_strip, &j);
    return PTN_OK;
}
