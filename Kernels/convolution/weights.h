// The packed weights and biases of a call's samples.
#ifndef PTN_CONVOLUTION_WEIGHTS_H
#define PTN_CONVOLUTION_WEIGHTS_H

#include "algorithms.h"

typedef struct ptn_sample_weights {
    const float *packed;
    size_t packed_stride; // floats from one sample's weights to the next; 0: shared
    const float *bias;    // mixed biases; NULL: use the epilogue's
    size_t bias_stride;
    void *scratch; // to be released by ptn_sample_weights_release
} ptn_sample_weights;

// Whether the source keeps its contract together with this epilogue.
bool ptn_weight_source_valid(const ptn_weight_source *source, const ptn_conv2d_epilogue *epilogue);

// Mixes or packs the source's weights, on the runtime's threads, into scratch memory: n *
// (packed_floats + k) floats for mixed sets, n * packed_floats for sets per sample. Of `plan`,
// algorithm and packed_floats are read.
ptn_status ptn_sample_weights_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                  const ptn_conv2d_plan *plan, const ptn_weight_source *source,
                                  ptn_sample_weights *weights);
void ptn_sample_weights_release(ptn_sample_weights *weights);

#endif
