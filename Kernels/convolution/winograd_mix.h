// Mixing of experts into Winograd's form: experts in direct form are read once, mixed and
// transformed in registers, so that only the mixture has Winograd's larger size.
#ifndef PTN_CONVOLUTION_WINOGRAD_MIX_H
#define PTN_CONVOLUTION_WINOGRAD_MIX_H

#include "ptn_expert_mix.h"
#include "winograd_forms.h"

// packed[s] = the transform of sum over e of routing[s][e] * sets[e], multiplied by the factors
// before it is transformed, for shape->n samples. `sets` are panels of the direct algorithm,
// `packed` those of the form. `factors` are NULL or one per row of a direct panel. Weights are
// transformed in single precision. Bits depend on neither the number of threads nor the other
// samples.
ptn_status ptn_winograd_mix(const ptn_runtime *runtime, const ptn_winograd_form *form,
                            const ptn_conv2d_shape *shape, const ptn_weight_source *source,
                            const ptn_expert_factors *factors, float *packed);

#endif
