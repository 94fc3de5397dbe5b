// One step of spatially adaptive computation time (Figurnov et al., CVPR 2017, arXiv 1612.02297).
#ifndef PTN_HALTING_H
#define PTN_HALTING_H

#include "ptn_mask_plan.h"

// State of every pixel, [n][h][w] each. Initial values, in order: 0, 1, 1, 0 and 1.
typedef struct ptn_halting {
    float *cumulative; // sum of the halting probabilities of all steps
    float *remainder;  // 1 - the sum before the step in which the pixel halted
    float *ponder;     // ponder cost
    float *units;      // steps in which the pixel was active
    float *running;    // 1 until the pixel halts, then 0
} ptn_halting;

// For the i-th active pixel p of `active`, in sample s (all active pixels must be running):
//
//     q = sigmoid(local[i] + global[s]), or 1 for the last step (`local` is NULL)
//     cumulative[p] += q; p halts where that is at least `limit`
//     weights[i] = the remainder where p halts, else q
//     ponder[p] += weights[i] where p halts, else 1
//     units[p] += 1; remainder[p] -= q where p does not halt
//
// The sigmoid is computed in double precision. `global` has n entries. A probability of NaN never
// halts a pixel before the last step.
PTN_MUST_CHECK ptn_status ptn_halting_step(const ptn_runtime *runtime, const ptn_mask_plan *active,
                                           const float *local, const float *global, float limit,
                                           const ptn_halting *state, float *weights);

// sum[p] += weights[i] * map[p] for the i-th active pixel p: [n][h][w][c]. With `begins`, sum[p] =
// weights[i] * map[p].
PTN_MUST_CHECK ptn_status ptn_mask_add_weighted(const ptn_runtime *runtime,
                                                const ptn_mask_plan *active, size_t c, bool begins,
                                                const float *weights, const float *map, float *sum);

#endif
