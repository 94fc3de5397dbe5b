// Properties of a convolution's shape: predicates, output size, taps inside the image.
#ifndef PTN_CONVOLUTION_SHAPE_H
#define PTN_CONVOLUTION_SHAPE_H

#include "../core/checked.h"
#include "ptn_conv2d.h"

// One input and one output channel per group.
static inline bool ptn_conv2d_is_depthwise(const ptn_conv2d_shape *s) {
    return s->groups == s->c && s->k == s->c;
}

// 1 x 1, stride 1, no padding: output pixel i reads input pixel i.
static inline bool ptn_conv2d_is_pointwise(const ptn_conv2d_shape *s) {
    return s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_bottom == 0 && s->pad_left == 0 && s->pad_right == 0;
}

// With few channels the taps of a kernel row are computed as one tap of kw * c channels, which are
// contiguous both in the image and in the packed weights; otherwise a layer of three input channels
// would spend most of its time computing addresses. Windows that cross the left or right edge of
// the image are copied and padded with zeros.
static inline bool ptn_conv2d_is_merged(const ptn_conv2d_shape *s) {
    return s->c <= 8 && s->groups == 1 && s->kw > 1 && s->dilation_w == 1 &&
           s->kh * s->kw * s->c <= 512;
}

static inline bool ptn_conv2d_is_winograd(ptn_conv2d_algorithm algorithm) {
    return algorithm == PTN_CONV2D_WINOGRAD_4X4 || algorithm == PTN_CONV2D_WINOGRAD_6X6;
}

// Winograd's forms compute 3 x 3 kernels with stride 1 and one group.
static inline bool ptn_conv2d_winograd_applies(const ptn_conv2d_shape *s) {
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->groups == 1 &&
           (s->c > 1 || s->k > 1);
}

// Whether sizes keep the contract of ptn_conv2d_shape; this excludes divisions by zero.
static inline bool ptn_conv2d_sizes_valid(const ptn_conv2d_shape *s) {
    return s->groups > 0 && s->c > 0 && s->k > 0 && s->c % s->groups == 0 &&
           s->k % s->groups == 0 && s->kh > 0 && s->kw > 0 && s->stride_h > 0 && s->stride_w > 0 &&
           s->dilation_h > 0 && s->dilation_w > 0;
}

// Output size. PTN_SIZE_OVERFLOW if the padded image or a map does not fit the address space,
// PTN_BAD_ARGUMENT if the padded image is smaller than the dilated kernel.
ptn_status ptn_conv2d_output_size(const ptn_conv2d_shape *shape, size_t *out_h, size_t *out_w);

// Multiply-adds of all outputs, including those of taps outside the image.
static inline double ptn_conv2d_multiply_adds(const ptn_conv2d_shape *s, size_t out_h,
                                              size_t out_w) {
    return (double)s->n * (double)out_h * (double)out_w * (double)s->k *
           (double)(s->c / s->groups) * (double)s->kh * (double)s->kw;
}

// Bytes of the input and output maps together.
static inline size_t ptn_maps_bytes(const ptn_conv2d_shape *s, size_t out_h, size_t out_w) {
    return s->n * (s->h * s->w * s->c + out_h * out_w * s->k) * sizeof(float);
}

// The kernel rows [*begin, *end) that are inside the image for output row `oy`.
static inline void ptn_tap_rows(const ptn_conv2d_shape *s, size_t oy, size_t *begin, size_t *end) {
    const size_t at = oy * s->stride_h, last = s->h + s->pad_top;
    const size_t first = at < s->pad_top ? ptn_div_up(s->pad_top - at, s->dilation_h) : 0;
    const size_t stop = at < last ? ptn_div_up(last - at, s->dilation_h) : 0;
    *begin = ptn_min(first, s->kh);
    *end = ptn_max(*begin, ptn_min(stop, s->kh));
}

// The input maps of a call: `count` maps whose channels are concatenated, equally many in each.
// More than one only for a pointwise convolution with one group.
typedef struct ptn_conv2d_input {
    const float *const *maps;
    size_t count;
} ptn_conv2d_input;

#endif
