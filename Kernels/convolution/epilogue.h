// What follows the sums of a convolution: y = act(gate * sum + bias + residual), or
// y = act(gate * sum + bias) * factor + residual.
//
// A driver makes one ptn_epilogue per call and resolves it once per sample and block of output
// channels to a ptn_epilogue_part, which micro-kernels read (epilogue.inc). Micro-kernels apply
// clamps (identity, ReLU, ReLU6); other activations, factors, and residuals after these run on the
// stored outputs while these are in a cache.
#ifndef PTN_CONVOLUTION_EPILOGUE_H
#define PTN_CONVOLUTION_EPILOGUE_H

#include "../activation/activate.h"
#include "ptn_conv2d.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>

// The epilogue of one sample, from a given output channel on.
typedef struct ptn_epilogue_part {
    const float *bias, *gate; // of the first channel; NULL: 0 and 1
    ptrdiff_t residual;       // bytes from an output to its residual; used when has_residual
    bool has_residual, residual_last; // residual_last: added after the clamp instead of before
    float low, high;                  // clamp
} ptn_epilogue_part;

// A part without bias, gate and residual whose clamp changes nothing.
static inline ptn_epilogue_part ptn_epilogue_none(void) {
    return (ptn_epilogue_part){.low = -INFINITY, .high = INFINITY};
}

// The epilogue of a call.
typedef struct ptn_epilogue {
    ptn_epilogue_part first;      // of sample 0 and channel 0
    size_t bias_stride, channels; // floats from one sample's biases, and gates, to the next
    ptn_activation_spec activation;
    ptn_activate_row_fn activate; // NULL when nothing is left to do for the stored outputs
    // After the activation of stored outputs: bytes from an output to its factor and its residual.
    ptrdiff_t factor, late_residual;
    bool has_factor, has_late_residual;
} ptn_epilogue;

// Whether an activation is a clamp (identity, ReLU, ReLU6), and its bounds.
bool ptn_clamp_of(ptn_activation kind, float *low, float *high);

// Whether the caller's epilogue of outputs at `y` keeps its contract.
bool ptn_conv2d_epilogue_valid(const ptn_conv2d_epilogue *epilogue, const float *y);

// Whether all samples share biases and have no gates.
static inline bool ptn_conv2d_epilogue_is_shared(const ptn_conv2d_epilogue *e) {
    return e->bias_stride == 0 && !e->gate;
}

// `channels`: of an output pixel. A residual has the same offset from the residual map as its
// output from `y`.
ptn_epilogue ptn_epilogue_for(const ptn_conv2d_epilogue *epilogue, ptn_isa isa, size_t channels,
                              const float *y);

static inline ptn_epilogue_part ptn_epilogue_at(const ptn_epilogue *e, size_t sample,
                                                size_t channel) {
    ptn_epilogue_part p = e->first;
    if (p.bias) p.bias += sample * e->bias_stride + channel;
    if (p.gate) p.gate += sample * e->channels + channel;
    return p;
}

// The same part, beginning `channel` channels later.
static inline ptn_epilogue_part ptn_epilogue_from(ptn_epilogue_part p, size_t channel) {
    if (p.bias) p.bias += channel;
    if (p.gate) p.gate += channel;
    return p;
}

// The residual of the output at `out`; call only where there is one.
static inline const float *ptn_epilogue_residual(const ptn_epilogue_part *p, const float *out) {
    return (const float *)((uintptr_t)out + (uintptr_t)p->residual);
}

// y = y * factor + residual for `count` stored outputs, with what there is of the two.
static inline void ptn_epilogue_combine(const ptn_epilogue *e, size_t count, float *y) {
    const float *factor = (const float *)((uintptr_t)y + (uintptr_t)e->factor);
    const float *residual = (const float *)((uintptr_t)y + (uintptr_t)e->late_residual);
    if (e->has_factor)
        for (size_t i = 0; i < count; i++) y[i] *= factor[i];
    if (e->has_late_residual)
        for (size_t i = 0; i < count; i++) y[i] += residual[i];
}

// Applies the activation, and what follows it, to `count` outputs of one pixel at `y`, beginning
// with channel `channel`; call only if `activate` is not NULL.
static inline void ptn_epilogue_activate(const ptn_epilogue *e, size_t channel, size_t count,
                                         float *y) {
    const ptn_activation_spec *act = &e->activation;
    e->activate(act, act->slopes ? act->slopes + channel : NULL, count, y, y);
    if (e->has_factor || e->has_late_residual) ptn_epilogue_combine(e, count, y);
}

// The same for `pixels` pixels that lie `step` floats apart.
void ptn_epilogue_activate_pixels(const ptn_epilogue *epilogue, size_t channel, size_t count,
                                  size_t pixels, size_t step, float *y);

#endif
