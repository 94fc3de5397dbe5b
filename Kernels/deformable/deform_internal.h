// What the parts of the deformable convolution share; not visible outside Kernels/deformable.
#ifndef PTN_DEFORM_INTERNAL_H
#define PTN_DEFORM_INTERNAL_H

#include "../convolution/grouped.h"
#include "ptn_deform_conv2d.h"
#include "sampling.h"

// How a shape is computed; follows from the shape and the instruction set alone.
typedef enum deform_way {
    DEFORM_PANELS,    // blended rows, multiplied by panels of weights
    DEFORM_GROUPED,   // groups no wider than a vector: one vector of outputs spans several groups
    DEFORM_DEPTHWISE, // samples are multiplied and added as they are blended
} deform_way;
deform_way ptn_deform_way(ptn_isa isa, const ptn_conv2d_shape *s);

// How the work of a chunk is cut, and bytes of scratch of a thread.
typedef struct deform_tiling {
    size_t rows, taps; // pixels that are planned, taps that are blended together
    size_t blocks;     // grouped: vectors of outputs whose inputs are blended together
    size_t plan, compact, blended, partial, table, out;
} deform_tiling;

typedef struct deform_job {
    deform_way way;
    const ptn_deform_conv2d_shape *shape;
    const ptn_conv2d_shape *conv;
    const ptn_conv2d_epilogue *epilogue;
    ptn_planned_map map;
    ptn_panels panels;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *packed;
    float *y;
    size_t taps, entries; // entries: of one pixel's plan
    ptn_grouped_block *blocks; // grouped
    size_t chunks, panel_parts;
    deform_tiling tiling;
    char *thread_scratch;
    size_t thread_bytes;
    float low, high;
} deform_job;

// An odd number of cache lines: rows a power of two apart would fall into few sets of the cache.
static inline size_t ptn_deform_row_floats(const ptn_conv2d_shape *s) {
    return (ptn_div_up(s->c, 16) | 1) * 16;
}

// Rows of the tiles of a whole panel.
static inline size_t ptn_deform_tile_height(const deform_job *j) {
    return ptn_tile_rows(j->map.isa, j->panels.vectors);
}

// The activation of `count` rows of `columns` outputs from `channel` on.
static inline void ptn_deform_activate(const deform_job *j, float *const *rows, size_t count,
                                       size_t columns, size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < count; m++)
        j->activate(act->kind, act->slope, slopes, columns, rows[m], rows[m]);
}

// Tasks of a deform_job, one for each way.
void ptn_deform_panels(void *job, size_t index, int thread);
void ptn_deform_grouped(void *job, size_t index, int thread);
void ptn_deform_depthwise(void *job, size_t index, int thread);

deform_tiling ptn_deform_panels_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape);
deform_tiling ptn_deform_grouped_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape);

// Grouped: whether a block's inputs lie near enough and are few enough, floats of packed weights
// (false: too many), packing, bytes of and filling in of what a job says of its blocks.
bool ptn_deform_grouped_fits(ptn_isa isa, const ptn_conv2d_shape *s);
bool ptn_deform_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats);
void ptn_deform_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                             const float *scale, float *packed);
size_t ptn_deform_blocks_bytes(ptn_isa isa, const ptn_conv2d_shape *s);
void ptn_deform_find_blocks(const deform_job *job);

#endif
