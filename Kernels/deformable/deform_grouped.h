// Deformable convolution of groups no wider than a vector.
#ifndef PTN_DEFORMABLE_DEFORM_GROUPED_H
#define PTN_DEFORMABLE_DEFORM_GROUPED_H

#include "deform_job.h"

// Whether the inputs of a block are few and close enough for this way.
bool ptn_deform_grouped_fits(ptn_isa isa, const ptn_conv2d_shape *s);
// Floats of packed weights; false on overflow.
bool ptn_deform_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats);
// Packs weights [k][c/groups][kh][kw], each output channel multiplied by its `scale` (NULL: 1).
void ptn_deform_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                             const float *scale, float *packed);
// Bytes of the job's table of blocks.
size_t ptn_deform_blocks_bytes(ptn_isa isa, const ptn_conv2d_shape *s);
// Fills in the job's table of blocks.
void ptn_deform_find_blocks(const ptn_deform_job *job);

ptn_deform_tiling ptn_deform_grouped_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape);

// Runs one task of a ptn_deform_job.
void ptn_deform_grouped(void *job, size_t index, int thread);

#endif
