// The job of a deformable convolution, for all ways to compute it.
#ifndef PTN_DEFORMABLE_DEFORM_JOB_H
#define PTN_DEFORMABLE_DEFORM_JOB_H

#include "../convolution/grouped.h"
#include "../convolution/tile.h"
#include "ptn_deform_conv2d.h"
#include "sampling.h"

// How a shape is computed; depends only on the shape and the instruction set.
typedef enum ptn_deform_way {
    PTN_DEFORM_PANELS,  // blended rows, multiplied by panels of weights
    PTN_DEFORM_GROUPED, // groups no wider than a vector: one vector of outputs spans several groups
    PTN_DEFORM_DEPTHWISE, // samples are multiplied and added as they are blended
} ptn_deform_way;

// How the work of a chunk is cut, and bytes of each part of a thread's scratch.
typedef struct ptn_deform_tiling {
    size_t pixels, taps; // pixels planned together; taps blended together
    size_t blocks;       // grouped way: blocks whose inputs are blended together
    size_t plan, compact, blended, partial, table, out;
} ptn_deform_tiling;

typedef struct ptn_deform_job {
    ptn_deform_way way;
    const ptn_deform_conv2d_shape *shape;
    const ptn_conv2d_shape *conv;
    ptn_epilogue epilogue;
    ptn_planned_map map;
    ptn_panels panels;
    const float *packed;
    float *y;
    size_t taps, entries;      // entries: plan entries of one pixel
    ptn_grouped_block *blocks; // grouped
    size_t chunks, panel_parts;
    ptn_deform_tiling tiling;
    char *thread_scratch;
    size_t thread_bytes;
} ptn_deform_job;

// Floats from one blended row to the next: an odd number of cache lines, since rows a power of two
// apart would fall into few sets of the cache.
static inline size_t ptn_deform_row_floats(const ptn_conv2d_shape *s) {
    return (ptn_div_up(s->c, 16) | 1) * 16;
}

// Most pixels of a tile of a full panel.
static inline size_t ptn_deform_tile_height(const ptn_deform_job *j) {
    return ptn_tile_height(j->map.isa, j->panels.vectors);
}

// Applies the activation to `columns` outputs from `channel` on of `count` pixels.
static inline void ptn_deform_activate(const ptn_deform_job *j, float *const *pixels, size_t count,
                                       size_t columns, size_t channel) {
    for (size_t m = 0; m < count; m++)
        ptn_epilogue_activate(&j->epilogue, channel, columns, pixels[m]);
}

#endif
