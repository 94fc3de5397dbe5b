// Mask plans: which pixels of a map are active, in every form that sparse kernels read. Built once
// per mask, shared by all layers of a block, by all threads, and by the next frame if its mask is
// the same.
//
// A plan is immutable except for ptn_mask_plan_update. The forms that only some kernels read
// (inverse map, runs) are made on first use and kept; that is thread-safe.
#ifndef PTN_MASK_PLAN_H
#define PTN_MASK_PLAN_H

#include "ptn_conv2d.h"

// Type of a mask's `data`, one entry per pixel of [n][h][w], and the condition for an active pixel.
typedef enum ptn_mask_kind {
    PTN_MASK_BYTES = 0,       // uint8_t: not 0
    PTN_MASK_FLOATS_NONZERO,  // float: not 0; NaN is active
    PTN_MASK_FLOATS_ABOVE,    // float: > threshold; NaN is not active, here and below
    PTN_MASK_FLOATS_AT_LEAST, // float: >= threshold
    PTN_MASK_BITS,            // bit p % 8 of byte p / 8 for pixel p of the batch: not 0
} ptn_mask_kind;
#define PTN_MASK_KIND_COUNT 5

typedef struct ptn_mask_source {
    size_t n, h, w; // n * h * w is below 2^31
    ptn_mask_kind kind;
    const void *data;
    float threshold;
    const float *thresholds; // [n]: one per sample, instead of `threshold`; NULL: none
} ptn_mask_source;

typedef struct ptn_mask_plan ptn_mask_plan;

// A plan's contents. Valid as long as the plan.
typedef struct ptn_mask_view {
    size_t n, h, w;
    size_t words;          // 64-bit words per row of bits
    const uint64_t *bits;  // [n][h][words]: bit x % 64 of word x / 64; bits beyond w are 0
    const size_t *offsets; // [n + 1]: active pixels of all samples before this one
    size_t count;          // active pixels of all samples: offsets[n]
    const int32_t *pixels; // [count]: y * w + x within the sample, ascending in every sample
} ptn_mask_view;

// Neighbouring active pixels of one row.
typedef struct ptn_mask_run {
    int32_t row;    // sample * h + y
    int32_t start;  // x of the first
    int32_t length; // at least 1
    int32_t first;  // place of the first in the list of active pixels
} ptn_mask_run;

// Number and arrangement of the active pixels.
typedef struct ptn_mask_statistics {
    size_t count;          // active pixels
    size_t runs;           // runs of neighbouring active pixels in a row
    size_t cells2, cells4; // aligned cells of 2 x 2 and 4 x 4 pixels that hold an active one
} ptn_mask_statistics;

// Makes the plan of a mask in one pass over it. Memory: 4 bytes per active pixel, an eighth of a
// byte per pixel (rows in whole words of 64), 8 bytes per sample. PTN_SIZE_OVERFLOW for 2^31 pixels
// or more; a size of 0 gives a plan without pixels.
PTN_MUST_CHECK ptn_status ptn_mask_plan_create(const ptn_runtime *runtime,
                                               const ptn_mask_source *source, ptn_mask_plan **plan);

// Counts the pixels in which another mask of the plan's size differs from the plan.
PTN_MUST_CHECK ptn_status ptn_mask_plan_changes(const ptn_runtime *runtime,
                                                const ptn_mask_plan *plan,
                                                const ptn_mask_source *source, size_t *changed);
// Changes the plan to that of another mask of the same size, and counts the pixels that differ.
// Reads the whole mask; writes bits and list between the first and the last changed row of each
// sample, moves the rest of the list by the number of pixels added or removed, and discards inverse
// map and runs; without a change it writes nothing. The caller must be the only user of the plan;
// views of it become invalid. If memory is short the plan is not changed.
PTN_MUST_CHECK ptn_status ptn_mask_plan_update(const ptn_runtime *runtime, ptn_mask_plan *plan,
                                               const ptn_mask_source *source, size_t *changed);

// The input pixels that the active outputs of a convolution read: for `outputs` of shape's output
// size, a plan of shape's input size. Kernel, stride, dilation and padding count; channels and
// groups do not, and shape->n is the plan's.
PTN_MUST_CHECK ptn_status ptn_mask_plan_dilate(const ptn_runtime *runtime,
                                               const ptn_mask_plan *outputs,
                                               const ptn_conv2d_shape *shape,
                                               ptn_mask_plan **inputs);

// The outputs of a convolution that read an active input pixel: `inputs` has the shape's input
// size, the result its output size.
PTN_MUST_CHECK ptn_status ptn_mask_plan_affected(const ptn_runtime *runtime,
                                                 const ptn_mask_plan *inputs,
                                                 const ptn_conv2d_shape *shape,
                                                 ptn_mask_plan **outputs);

// Pixels that are active in `a` and not in `b`, two plans of one size.
PTN_MUST_CHECK ptn_status ptn_mask_plan_subtract(const ptn_runtime *runtime, const ptn_mask_plan *a,
                                                 const ptn_mask_plan *b,
                                                 ptn_mask_plan **difference);
// Pixels that are active in both.
PTN_MUST_CHECK ptn_status ptn_mask_plan_intersect(const ptn_runtime *runtime,
                                                  const ptn_mask_plan *a, const ptn_mask_plan *b,
                                                  ptn_mask_plan **both);
// Pixels that are active in one of the two or in both.
PTN_MUST_CHECK ptn_status ptn_mask_plan_unite(const ptn_runtime *runtime, const ptn_mask_plan *a,
                                              const ptn_mask_plan *b, ptn_mask_plan **either);
// Pixels that are not active.
PTN_MUST_CHECK ptn_status ptn_mask_plan_invert(const ptn_runtime *runtime,
                                               const ptn_mask_plan *plan, ptn_mask_plan **inverse);

// Frees the plan; NULL is allowed.
void ptn_mask_plan_destroy(ptn_mask_plan *plan);

ptn_mask_view ptn_mask_plan_view(const ptn_mask_plan *plan);
// Inverse map [n][h][w]: index in the list of active pixels of all samples, -1 where not active.
// NULL when memory is short. 4 bytes per pixel.
const int32_t *ptn_mask_plan_index(const ptn_mask_plan *plan);
// Runs of active pixels, `*count` of them, by sample, row and column. NULL when memory is short.
const ptn_mask_run *ptn_mask_plan_runs(const ptn_mask_plan *plan, size_t *count);
ptn_mask_statistics ptn_mask_plan_statistics(const ptn_mask_plan *plan);

// Aligned tiles of `height` x `width` pixels (those at the lower and right edge may be cut) that
// hold an active pixel: index ty * ceil(w / width) + tx within the sample, ascending in every
// sample. `tiles` has room for n * ceil(h / height) * ceil(w / width); `offsets[s]` tiles come
// before sample s, s = 0 ... n.
PTN_MUST_CHECK ptn_status ptn_mask_plan_tiles(const ptn_mask_plan *plan, size_t height,
                                              size_t width, int32_t *tiles, size_t *offsets);

// mask[p] = 1 where active, else 0: [n][h][w] floats.
void ptn_mask_plan_paint(const ptn_mask_plan *plan, float *mask);

#endif
