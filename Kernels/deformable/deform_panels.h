// Deformable convolution by panels of weights.
#ifndef PTN_DEFORMABLE_DEFORM_PANELS_H
#define PTN_DEFORMABLE_DEFORM_PANELS_H

#include "deform_job.h"

ptn_deform_tiling ptn_deform_panels_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape);

// Runs one task of a ptn_deform_job.
void ptn_deform_panels(void *job, size_t index, int thread);

#endif
