// Driver of mixing into Winograd's form: a task is some input channels of a panel, for all samples.
#include "winograd_mix.h"
#include <string.h>

// Floats of transformed weights that are copied together: at least one input channel of the widest
// panel in the larger form.
enum { WINOGRAD_MIX_BUFFER = 4096 };

// Some input channels of one panel, for one sample.
typedef struct winograd_mix_args {
    size_t experts, length;      // floats of a set
    size_t channels, width;      // of the panel: input channels, floats
    size_t first, last;          // input channels to mix
    const float *routing, *sets; // of the sample; the panel in the first set
    const float *factors;        // of the sample, [9][channels]; NULL: none
    float *mixed;                // the panel in the sample's packed weights
} winograd_mix_args;

#define PTN_SOURCE "../convolution/winograd_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*winograd_mix_fn)(const winograd_mix_args *args);
static const winograd_mix_fn mix_4x4[PTN_ISA_COUNT] = PTN_TABLE(winograd_mix_4x4);
static const winograd_mix_fn mix_6x6[PTN_ISA_COUNT] = PTN_TABLE(winograd_mix_6x6);

// Floats of all experts per task: they stay in the second-level cache while all samples are mixed.
enum { TASK_FLOATS = 1 << 16 };

typedef struct mix_job {
    const ptn_conv2d_shape *shape;
    const ptn_winograd_form *form;
    const ptn_weight_source *source;
    const ptn_expert_factors *factors;
    ptn_panels panels;
    winograd_mix_fn mix;
    size_t set, packed_floats; // of an expert, of a mixture
    size_t strip, strips;      // input channels of a task, tasks per panel
    float *packed;
} mix_job;

static void run_task(void *context, size_t index, int thread) {
    (void)thread;
    const mix_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const size_t column = index / j->strips * j->panels.width;
    winograd_mix_args a = {.experts = j->source->sets,
                           .length = j->set,
                           .channels = s->c,
                           .width = ptn_panel_vectors(&j->panels, s->k, column) * j->panels.vector,
                           .first = index % j->strips * j->strip,
                           .sets = j->source->packed + column * 9 * s->c};
    a.last = ptn_min(s->c, a.first + j->strip);
    for (size_t n = 0; n < s->n; n++) {
        a.routing = j->source->routing + n * a.experts;
        if (j->factors) a.factors = j->factors->values + n * j->factors->count;
        a.mixed = j->packed + n * j->packed_floats + column * j->form->planes * s->c;
        j->mix(&a);
    }
}

ptn_status ptn_winograd_mix(const ptn_runtime *runtime, const ptn_winograd_form *form,
                            const ptn_conv2d_shape *s, const ptn_weight_source *w,
                            const ptn_expert_factors *factors, float *packed) {
    mix_job j = {.shape = s,
                 .form = form,
                 .source = w,
                 .factors = factors,
                 .panels = ptn_panels_for(runtime->isa, s->k),
                 .mix = (form->outputs == 4 ? mix_4x4 : mix_6x6)[runtime->isa],
                 .packed = packed};
    if (!ptn_panels_floats(runtime->isa, s, &j.set) ||
        !ptn_winograd_floats(form, runtime->isa, s, &j.packed_floats) ||
        !ptn_float_bytes(j.set, w->sets, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    const size_t row = 9 * j.panels.width * ptn_max(1, w->sets);
    j.strip = ptn_max(1, TASK_FLOATS / row);
    j.strips = ptn_div_up(s->c, j.strip);
    const double floats = (double)j.set * (double)w->sets + (double)j.packed_floats * (double)s->n;
    const int threads = ptn_threads_worth(runtime->threads, 4 * floats / 10);
    ptn_parallel(threads, j.panels.count * j.strips, run_task, &j);
    return PTN_OK;
}
