// Divides the factors of a pixel-adaptive convolution by their sums.
#include "ptn_adaptive_conv2d.h"
#include "../core/rows.h"

typedef struct normalize_job {
    const ptn_adaptive_conv2d_shape *shape;
    size_t out_h, out_w;
    float *kernels;
} normalize_job;

// Whether a tap meets a pixel of x along one axis.
static bool meets(size_t at, size_t stride, size_t tap, size_t dilation, size_t pad, size_t size,
                  size_t up) {
    const size_t place = at * stride + tap * dilation - pad; // wraps around before the map
    return place < size && place % up == 0;
}

static void normalize_row(void *context, size_t index, int thread) {
    (void)thread;
    const normalize_job *j = context;
    const ptn_conv2d_shape *s = &j->shape->conv;
    const size_t oy = index % j->out_h, taps = s->kh * s->kw;
    float *k = j->kernels + index * j->out_w * taps;
    for (size_t ox = 0; ox < j->out_w; ox++, k += taps) {
        float sum = 0;
        for (size_t t = 0; t < taps; t++) {
            const bool is_real =
                meets(oy, s->stride_h, t / s->kw, s->dilation_h, s->pad_top, s->h,
                      j->shape->up_h) &&
                meets(ox, s->stride_w, t % s->kw, s->dilation_w, s->pad_left, s->w, j->shape->up_w);
            // A product, so that factors that are not finite stay visible, as in the reference.
            k[t] *= is_real ? 1.0f : 0.0f;
            sum += k[t];
        }
        const float divisor = sum == 0 ? 1 : sum;
        for (size_t t = 0; t < taps; t++) k[t] /= divisor;
    }
}

ptn_status ptn_adaptive_normalize(const ptn_runtime *runtime,
                                  const ptn_adaptive_conv2d_shape *shape, float *kernels) {
    ptn_adaptive_conv2d_plan plan;
    const ptn_status status = ptn_adaptive_conv2d_plan_for(runtime, shape, &plan);
    if (status != PTN_OK) return status;
    normalize_job j = {
        .shape = shape, .out_h = plan.out_h, .out_w = plan.out_w, .kernels = kernels};
    const size_t rows = shape->conv.n * plan.out_h;
    const double factors =
        (double)rows * (double)plan.out_w * (double)shape->conv.kh * (double)shape->conv.kw;
    ptn_parallel(ptn_threads_worth(runtime->threads, 4 * factors), rows, normalize_row, &j);
    return PTN_OK;
}
