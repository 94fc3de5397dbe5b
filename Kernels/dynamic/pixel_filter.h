// What the driver of per-pixel filters hands to the arithmetic.
#ifndef PTN_DYNAMIC_PIXEL_FILTER_H
#define PTN_DYNAMIC_PIXEL_FILTER_H

#include "ptn_pixel_filter.h"

// Positions side by side in one row, and one group of channels.
typedef struct ptn_pixel_filter_run {
    const float *x;           // the group in column 0 of the first kernel row inside the source
    size_t x_row;             // floats to the next kernel row
    size_t first_row, rows;   // kernel rows inside the source
    size_t columns, channels; // of the source
    size_t width;             // channels of the group
    size_t kh, kw, stride, pad, dilation; // along the row, but for kh
    size_t first, count;                  // positions
    const float *filters;                 // first tap of the first output of the first position
    size_t filter_column, filter_down, filter_right, filter_tap;
    ptn_filter_kind kind;
    float scale; // of standardised filters
    size_t factor;
    const float *channel_filters; // first tap of the group, or NULL
    ptn_combine_mode combine;
    const float *residual; // of the first position, or NULL
    size_t residual_column, residual_down;
    float *y; // of the first position
    size_t y_down;
} ptn_pixel_filter_run;

// Whether outputs of a position are computed side by side in a vector, for single-channel and RGB
// images.
static inline bool ptn_filter_few(size_t channels) { return channels == 1 || channels == 3; }
enum { PTN_FILTER_FEW_MOST = 3 };
// Filters that are normalised together.
enum { PTN_FILTER_BLOCKS = 16 };

#endif
