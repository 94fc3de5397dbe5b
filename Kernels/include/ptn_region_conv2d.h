// Region-aware convolution (Chen et al., "Dynamic Region-Aware Convolution", arXiv 2003.12243): the
// pixels of a sample belong to regions, and every region has weights of its own, mixed from a bank
// that all samples and regions share.
//
//     y[n, p, k] = act( gate[n, k] * sum + bias[k] + residual[n, p, k] )
//     sum        = convolution at p with  sum over s of  mixing[n, r, s] * bank[s],  r = region of
//     p
#ifndef PTN_REGION_CONV2D_H
#define PTN_REGION_CONV2D_H

#include "ptn_conv2d.h"

// The pixels of every region, from a map of region numbers 0 ... regions - 1, one float per pixel
// of [samples][pixels]: region r of sample s has list[offsets[i]] ... list[offsets[i + 1] - 1] with
// i = s * regions + r, ascending. `offsets` has samples * regions + 1 entries, `list` one entry per
// pixel of all samples. A counting sort, on one thread per sample. PTN_BAD_ARGUMENT when a number
// is not a whole one in the range (`*wrong`, which may be NULL, is then the place of the first in
// its sample), and for 2^31 pixels or more; the lists are undefined then.
PTN_MUST_CHECK ptn_status ptn_region_lists(const ptn_runtime *runtime, size_t samples,
                                           size_t pixels, size_t regions, const float *map,
                                           int32_t *list, size_t *offsets, size_t *wrong);

typedef struct ptn_region_weights {
    size_t regions;
    const int32_t *list; // of ptn_region_lists, for the output map
    const size_t *offsets;
    size_t sets;         // of the bank
    const float *bank;   // [sets][ptn_region_conv2d_floats]: each of ptn_region_conv2d_pack
    const float *mixing; // [n][regions][sets]
    // Instead of bank and mixing: weights of every region and sample, [n][regions][k][c][kh][kw],
    // packed at every call; NULL: none.
    const float *filters;
} ptn_region_weights;

// Floats of one packed set, and packing of weights [k][c][kh][kw]. The packed form belongs to one
// instruction set and to the shape's c, k and kernel.
PTN_MUST_CHECK ptn_status ptn_region_conv2d_floats(ptn_isa isa, const ptn_conv2d_shape *shape,
                                                   size_t *floats);
PTN_MUST_CHECK ptn_status ptn_region_conv2d_pack(ptn_isa isa, const ptn_conv2d_shape *shape,
                                                 const float *weights, float *packed);

// One group; the shape's choice is ignored. Regions without pixels cost nothing: their weights are
// not mixed. Sums have the order of PTN_CONV2D_DIRECT for every number of threads; with one region,
// one set and a factor of 1 the result is that algorithm's bit for bit. Inputs must not overlap y.
// A batch of 0 does nothing.
//
// Scratch: 1 MiB of mixed weights, or, where that is more, those of one panel of output channels
// for all regions of a sample; 32 bytes per region and as many per 12 pixels of the samples whose
// weights are mixed together; a row of zeros; 1.25 MiB per thread.
PTN_MUST_CHECK ptn_status ptn_region_conv2d(const ptn_runtime *runtime,
                                            const ptn_conv2d_shape *shape,
                                            const ptn_region_weights *weights, const float *x,
                                            const ptn_conv2d_epilogue *epilogue, float *y);

#endif
