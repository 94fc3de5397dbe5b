// Prefetches the pixels of Winograd's tiles.
#include "winograd_pixels.h"
#include "../core/fetch.h"

void ptn_winograd_fetch_pixels(const ptn_conv2d_shape *s, size_t side, size_t top, size_t left,
                               const float *image) {
    // Without dilation the pixels of a row are contiguous.
    const size_t run = s->dilation_w == 1 ? side : 1, pad = s->pad_left;
    for (size_t i = 0; i < side; i++) {
        // Above the image this wraps around to a number larger than h.
        const size_t y = top + i * s->dilation_h - s->pad_top;
        if (y >= s->h) continue;
        for (size_t k = 0; k < side; k += run) {
            const size_t at = left + k * s->dilation_w;
            const size_t begin = at > pad ? at - pad : 0;
            const size_t end = ptn_min(s->w, at + run > pad ? at + run - pad : 0);
            const float *from = image + (y * s->w + begin) * s->c;
            if (begin < end) ptn_fetch(from, (end - begin) * s->c);
        }
    }
}
