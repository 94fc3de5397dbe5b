// Output size of a convolution, with overflow checks on all sizes.
#include "shape.h"

// Output size along one axis.
static ptn_status size_along(size_t size, size_t pad_a, size_t pad_b, size_t kernel,
                             size_t dilation, size_t stride, size_t *out) {
    size_t padded, reach;
    if (!ptn_add(size, pad_a, &padded) || !ptn_add(padded, pad_b, &padded) ||
        !ptn_mul(kernel - 1, dilation, &reach) || reach > (size_t)__PTRDIFF_MAX__)
        return PTN_SIZE_OVERFLOW;
    if (padded < reach + 1) return PTN_BAD_ARGUMENT;
    *out = (padded - reach - 1) / stride + 1;
    return PTN_OK;
}

ptn_status ptn_conv2d_output_size(const ptn_conv2d_shape *s, size_t *out_h, size_t *out_w) {
    ptn_status status =
        size_along(s->h, s->pad_top, s->pad_bottom, s->kh, s->dilation_h, s->stride_h, out_h);
    if (status == PTN_OK)
        status =
            size_along(s->w, s->pad_left, s->pad_right, s->kw, s->dilation_w, s->stride_w, out_w);
    if (status != PTN_OK) return status;
    // Checks maps, and the drivers' tables of input rows and columns, which have at most 16 bytes
    // per entry.
    const bool fits = ptn_float_bytes(s->n, s->h, s->w, s->c, NULL) &&
                      ptn_float_bytes(s->n, *out_h, *out_w, s->k, NULL) &&
                      ptn_float_bytes(*out_h, s->kh, 4, 1, NULL) &&
                      ptn_float_bytes(*out_w, s->kw, 4, 1, NULL);
    return fits ? PTN_OK : PTN_SIZE_OVERFLOW;
}
