// Resolves a call's epilogue and runs activations that are not clamps.
#include "epilogue.h"

bool ptn_clamp_of(ptn_activation kind, float *low, float *high) {
    *low = -INFINITY;
    *high = INFINITY;
    if (kind == PTN_ACT_IDENTITY) return true;
    if (kind != PTN_ACT_RELU && kind != PTN_ACT_RELU6) return false;
    *low = 0;
    if (kind == PTN_ACT_RELU6) *high = 6;
    return true;
}

// Whether the residual is added to stored outputs, because it follows what runs on these.
static bool adds_late(const ptn_conv2d_epilogue *e) {
    if (!e->residual || !e->residual_after_activation) return false;
    return e->factor || !ptn_clamp_of(e->activation.kind, &(float){0}, &(float){0});
}

bool ptn_conv2d_epilogue_valid(const ptn_conv2d_epilogue *e, const float *y) {
    if (ptn_activation_check(&e->activation) != PTN_OK) return false;
    return !adds_late(e) || e->residual != y;
}

ptn_epilogue ptn_epilogue_for(const ptn_conv2d_epilogue *e, ptn_isa isa, size_t channels,
                              const float *y) {
    const bool late = adds_late(e);
    const ptrdiff_t residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)y);
    ptn_epilogue view = {
        .first = {.bias = e->bias,
                  .gate = e->gate,
                  .residual = residual,
                  .has_residual = e->residual != NULL && !late,
                  .residual_last = e->residual_after_activation && !late},
        .bias_stride = e->bias_stride,
        .channels = channels,
        .activation = e->activation,
        .factor = (ptrdiff_t)((uintptr_t)e->factor - (uintptr_t)y),
        .late_residual = residual,
        .has_factor = e->factor != NULL,
        .has_late_residual = late,
    };
    const bool clamps = ptn_clamp_of(e->activation.kind, &view.first.low, &view.first.high);
    if (!clamps || view.has_factor) view.activate = ptn_activate_row[isa];
    if (view.activation.kind != PTN_ACT_PRELU) view.activation.slopes = NULL;
    return view;
}

void ptn_epilogue_activate_pixels(const ptn_epilogue *e, size_t channel, size_t count,
                                  size_t pixels, size_t step, float *y) {
    // Contiguous pixels are computed as one row, unless there is a slope per channel.
    const bool joined = count == step && !e->activation.slopes;
    const size_t rows = joined ? 1 : pixels, length = joined ? count * pixels : count;
    for (size_t i = 0; i < rows; i++, y += step) ptn_epilogue_activate(e, channel, length, y);
}
