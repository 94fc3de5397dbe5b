// A filter of its own for every output pixel: dynamic local filters (De Brabandere et al., arXiv
// 1605.09673), involution (Li et al., arXiv 2103.06255), CARAFE (Wang et al., arXiv 1905.02188),
// decoupled dynamic filters (Zhou et al., arXiv 2104.14107) and dynamic upsampling filters (Jo et
// al., CVPR 2018).
//
// A position (oy, ox) of the kernel on the source has factor x factor outputs, q = dy*factor + dx,
// at the output pixel (oy*factor + dy, ox*factor + dx). All channels of a group g share a filter:
//
//     y[n, oy*factor + dy, ox*factor + dx, c] = residual +
//         sum over taps (i, j) of F[n, oy, ox, q, g(c), i, j] *
//                                 x[n, oy*sh - pad_h + i*dh, ox*sw - pad_w + j*dw, c]
//
// g(c) = c / (channels / groups). Taps outside the source are skipped: neither their filter value
// nor anything in place of x is multiplied. F is the filter given, normalised over all its taps
// (those outside included) as ptn_filter_kind says; with channel filters Ch it is F * Ch[n, i, j,
// c] or F + Ch[n, i, j, c].
//
// Each output adds its taps row by row from 0, on a map of one channel in as many sums as a vector
// has lanes, so its bits do not depend on the batch or on the number of threads.
#ifndef PTN_PIXEL_FILTER_H
#define PTN_PIXEL_FILTER_H

#include "ptn_runtime.h"

// What is done with the filters that are given.
typedef enum ptn_filter_kind {
    PTN_FILTER_GIVEN = 0,   // used as they are
    PTN_FILTER_SOFTMAX = 1, // over the taps of each filter
    PTN_FILTER_SIGMOID = 2,
    // (f - mean) / (s + 1e-10) * scale with the mean and the unbiased standard deviation s of the
    // taps of each filter; at least two taps.
    PTN_FILTER_STANDARDISED = 3,
} ptn_filter_kind;

// How channel filters join the filters of pixels.
typedef enum ptn_combine_mode {
    PTN_COMBINE_MULTIPLY = 0,
    PTN_COMBINE_ADD = 1,
} ptn_combine_mode;

typedef struct ptn_pixel_filter_shape {
    size_t n, h, w, channels; // source
    size_t groups;            // divides channels
    size_t kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    size_t out_h, out_w; // positions of the kernel
    size_t factor;       // outputs of a position per axis
    // Floats between filter values. The samples are out_h * filter_row apart.
    size_t filter_row, filter_column; // of positions
    size_t filter_down, filter_right; // of a position's outputs
    size_t filter_group, filter_tap;
    ptn_filter_kind kind;
    float scale; // of standardised filters
    ptn_combine_mode combine;
    // The residual's: whether a position's factor * factor * channels values lie side by side, q by
    // q, or as in y.
    bool residual_by_position;
} ptn_pixel_filter_shape;

// x: [n][h][w][channels]; channel_filters: [n][kh * kw][channels], or NULL, only with factor 1;
// residual: [n][out_h][out_w][factor * factor][channels] or shaped as y, or NULL; y:
// [n][out_h * factor][out_w * factor][channels], which must not overlap the others.
//
// NaN in a filter or in x gives NaN in the outputs that use it. Scratch, only for normalised
// filters and for filters whose taps are not side by side: per thread the filters of one group at
// 8192 / taps / factor^2 positions, at least 4.
PTN_MUST_CHECK ptn_status ptn_pixel_filter(const ptn_runtime *runtime,
                                           const ptn_pixel_filter_shape *shape, const float *x,
                                           const float *filters, const float *channel_filters,
                                           const float *residual, float *y);

#endif
