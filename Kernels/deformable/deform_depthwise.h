// Depthwise deformable convolution.
#ifndef PTN_DEFORMABLE_DEFORM_DEPTHWISE_H
#define PTN_DEFORMABLE_DEFORM_DEPTHWISE_H

#include "deform_job.h"

// Runs one task of a ptn_deform_job.
void ptn_deform_depthwise(void *job, size_t index, int thread);

#endif
