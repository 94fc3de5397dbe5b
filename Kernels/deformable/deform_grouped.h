// Deformable convolution of groups no wider than a vector.
#ifndef PTN_DEFORMABLE_DEFORM_GROUPED_H
#define PTN_DEFORMABLE_DEFORM_GROUPED_H

#include "deform_job.h"

// Whether a block's inputs lie near enough and are few enough, floats of packed weights
// (false: too many), packing, bytes of and filling in of what a job says of its blocks.
bool ptn_deform_grouped_fits(ptn_isa isa, const ptn_conv2d_shape *s);
bool ptn_deform_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats);
void ptn_deform_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                             const float *scale, float *packed);
size_t ptn_deform_blocks_bytes(ptn_isa isa, const ptn_conv2d_shape *s);
void ptn_deform_find_blocks(const ptn_deform_job *job);

ptn_deform_tiling ptn_deform_grouped_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape);

// A task of a ptn_deform_job.
void ptn_deform_grouped(void *job, size_t index, int thread);

#endif
