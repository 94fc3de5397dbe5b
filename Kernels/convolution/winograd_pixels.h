// Addresses of the input pixels of Winograd's tiles.
#ifndef PTN_CONVOLUTION_WINOGRAD_PIXELS_H
#define PTN_CONVOLUTION_WINOGRAD_PIXELS_H

#include "winograd_forms.h"

// offsets[i] = unit * position of pixel i, or -1 if the position is outside [0, size).
static inline void ptn_winograd_offsets(size_t side, size_t first, size_t dilation, size_t pad,
                                        size_t size, size_t unit,
                                        ptrdiff_t offsets[PTN_WINOGRAD_MAX_SIDE]) {
    for (size_t i = 0; i < side; i++) {
        const size_t at = first + i * dilation;
        offsets[i] = at >= pad && at - pad < size ? (ptrdiff_t)((at - pad) * unit) : -1;
    }
}

// Whether all pixels of a tile whose first output is `first` are in [0, size), along one axis.
static inline bool ptn_winograd_inside(size_t side, size_t first, size_t dilation, size_t pad,
                                       size_t size) {
    return first >= pad && first - pad + (side - 1) * dilation < size;
}

// Addresses of the pixels of a tile inside the image: even steps.
static inline void ptn_winograd_grid(size_t side, const float *first, size_t row, size_t column,
                                     const float **pixels) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < side; i++)
#pragma clang loop unroll(full)
        for (size_t k = 0; k < side; k++) pixels[side * i + k] = first + i * row + k * column;
}

// Addresses of the input pixels of the tile whose first output is (top, left), `zeros` outside the
// image. Most tiles are inside.
static inline void ptn_winograd_pixels(const ptn_conv2d_shape *s, size_t side, size_t top,
                                       size_t left, const float *image, const float *zeros,
                                       const float **pixels) {
    if (ptn_winograd_inside(side, top, s->dilation_h, s->pad_top, s->h) &&
        ptn_winograd_inside(side, left, s->dilation_w, s->pad_left, s->w)) {
        const float *first = image + ((top - s->pad_top) * s->w + left - s->pad_left) * s->c;
        const size_t row = s->dilation_h * s->w * s->c, column = s->dilation_w * s->c;
        if (side == 6)
            ptn_winograd_grid(6, first, row, column, pixels);
        else
            ptn_winograd_grid(8, first, row, column, pixels);
        return;
    }
    ptrdiff_t ys[PTN_WINOGRAD_MAX_SIDE], xs[PTN_WINOGRAD_MAX_SIDE];
    ptn_winograd_offsets(side, top, s->dilation_h, s->pad_top, s->h, s->w * s->c, ys);
    ptn_winograd_offsets(side, left, s->dilation_w, s->pad_left, s->w, s->c, xs);
    for (size_t i = 0; i < side; i++)
        for (size_t k = 0; k < side; k++)
            pixels[side * i + k] = (ys[i] | xs[k]) < 0 ? zeros : image + ys[i] + xs[k];
}

// Prefetches a tile's pixels into the second-level cache; arguments as of ptn_winograd_pixels. On
// far maps the next tile's pixels, and its outputs, are prefetched while a tile is transformed.
// (EPYC, Zen 4: 1.1 to 1.25 times as fast on 128 x 128 x 64 and 256 x 256 x 64, up to 5 % slower on
// maps of 3 MB.)
void ptn_winograd_fetch_pixels(const ptn_conv2d_shape *s, size_t side, size_t top, size_t left,
                               const float *image);

#endif
