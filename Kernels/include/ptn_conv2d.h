// Two-dimensional convolution (cross-correlation) on NHWC activations with packed weights.
//
//     y[n, oy, ox, k] = act( gate[n, k] * sum + bias[k] + residual[n, oy, ox, k] )
//     sum = sum over i, j, c of  x[n, oy*sh - pad_top + i*dh, ox*sw - pad_left + j*dw, g*C/G + c]
//                              * weights[k, c, i, j],        g = k / (K/G)
//
// with x = 0 outside the image. The sum runs over taps (i, j) row by row and over channels within a
// tap, in that order, for every output and every thread count. For narrow groups it runs, within a
// row of taps, over runs of up to three taps, within a run over the channels, and for each channel
// over the taps of the run.
#ifndef PTN_CONV2D_H
#define PTN_CONV2D_H

#include "ptn_activation.h"
#include "ptn_runtime.h"
#include "ptn_weight_source.h"

// Requested algorithm.
typedef enum ptn_conv2d_choice {
    PTN_CONV2D_AUTO = 0, // the fastest by the cost model
    PTN_CONV2D_SUMS,     // the sums as written above: direct, grouped or depthwise
    // The following give PTN_BAD_ARGUMENT for shapes to which they do not apply.
    PTN_CONV2D_WINOGRAD,           // the faster of Winograd's two forms
    PTN_CONV2D_WINOGRAD_FORCE_4X4, // F(4x4, 3x3)
    PTN_CONV2D_WINOGRAD_FORCE_6X6, // F(6x6, 3x3)
    PTN_CONV2D_FORCE_DIRECT,       // never grouped: only dense convolutions accept its weights
} ptn_conv2d_choice;

typedef struct ptn_conv2d_shape {
    size_t n, h, w, c;                                 // input; c is a multiple of groups
    size_t k;                                          // output channels; a multiple of groups
    size_t kh, kw;                                     // at least 1
    size_t stride_h, stride_w, dilation_h, dilation_w; // at least 1
    size_t pad_top, pad_bottom, pad_left, pad_right;
    size_t groups; // at least 1
    ptn_conv2d_choice choice;
} ptn_conv2d_shape;

typedef enum ptn_conv2d_algorithm {
    PTN_CONV2D_DIRECT = 0,    // indirect GEMM
    PTN_CONV2D_DEPTHWISE = 1, // one input and one output channel per group
    // Tiles of 4 x 4 outputs from 36 products instead of 144: 3 x 3 kernels with stride 1 and one
    // group. Rounding errors are about four times those of the direct sums in the mean and up to
    // nine times at worst, and without a guard a value that is not finite spreads to all outputs of
    // the tiles that read it. With dilation d the image is computed as d x d interleaved images.
    PTN_CONV2D_WINOGRAD_4X4 = 2,
    // Tiles of 6 x 6 outputs from 64 products instead of 324; errors are twice as large.
    PTN_CONV2D_WINOGRAD_6X6 = 3,
    // Groups narrower than a vector: one vector of outputs spans several groups.
    PTN_CONV2D_GROUPED = 4,
    // At most eight output channels: vectors run along the input channels. Each lane sums a subset
    // of the channels, and lanes are added at the end.
    PTN_CONV2D_NARROW = 5,
} ptn_conv2d_algorithm;
#define PTN_CONV2D_ALGORITHMS 6

// Everything that follows from a shape.
typedef struct ptn_conv2d_plan {
    ptn_conv2d_algorithm algorithm;
    size_t out_h, out_w;
    size_t packed_floats; // length of one set of packed weights
    // For all threads. Winograd: at most 8 MiB for up to 20,000 input and output channels together;
    // about 1 MiB each for transformed tiles, or 7 MiB for all threads. Others: at most 1.25 MiB
    // each for row addresses (kernels of more than 5,000 taps need 200 bytes per tap), and one row
    // of zeros and two small tables, 4 * c + 8 * out_h * kh + 16 * kw bytes, for all together.
    // Narrow groups: 4 * c + 20 * k bytes for all together, 8 * kh + 56 * kw bytes each, in whole
    // cache lines. Few output channels: 4 * c bytes, and 64 per tap each.
    size_t scratch_bytes;
    double multiply_adds; // including taps outside the image
    // By algorithm: cycles that one sample is estimated to take on one core that does two vector
    // multiply-adds per cycle; 0 where the algorithm does not apply. Only ratios are meaningful.
    double estimated_cycles[PTN_CONV2D_ALGORITHMS];
    int threads; // number of threads that the call uses
} ptn_conv2d_plan;

// The algorithm depends on neither the batch nor the number of threads. PTN_BAD_ARGUMENT when a
// size breaks the contract above or the padded image is smaller than the dilated kernel;
// PTN_SIZE_OVERFLOW when a buffer would not fit the address space.
PTN_MUST_CHECK ptn_status ptn_conv2d_plan_for(const ptn_runtime *runtime,
                                              const ptn_conv2d_shape *shape, ptn_conv2d_plan *plan);

// The part of a plan that every call needs, without estimates unless the choice depends on them:
// algorithm, output size, length of the packed weights and multiply-adds. Errors as above.
PTN_MUST_CHECK ptn_status ptn_conv2d_outline_for(const ptn_runtime *runtime,
                                                 const ptn_conv2d_shape *shape,
                                                 ptn_conv2d_plan *plan);

// As ptn_conv2d_plan_for for weights that are mixed from `sets` sets in the call
// (PTN_WEIGHTS_MIXED). The choice PTN_CONV2D_AUTO then counts one sample's mixing, too: Winograd's
// forms write larger mixtures, and so they pay on larger maps only. The algorithm depends on
// neither the batch nor the number of threads; ask ptn_conv2d for it by its own choice.
PTN_MUST_CHECK ptn_status ptn_conv2d_mixed_plan_for(const ptn_runtime *runtime,
                                                    const ptn_conv2d_shape *shape, size_t sets,
                                                    ptn_conv2d_plan *plan);

// Packs weights [k][c/groups][kh][kw], each output channel multiplied by `scale[k]` (NULL: 1).
// The packed form belongs to one instruction set, one algorithm (a plan's) and to the shape's c, k,
// kernel and groups; batch, image size, stride, padding and dilation may change.
PTN_MUST_CHECK ptn_status ptn_conv2d_pack(ptn_isa isa, const ptn_conv2d_shape *shape,
                                          ptn_conv2d_algorithm algorithm, const float *weights,
                                          const float *scale, float *packed);

typedef struct ptn_conv2d_epilogue {
    const float *bias;  // [k], NULL: 0
    size_t bias_stride; // floats from one sample's bias to the next; 0: shared
    const float *gate;  // [n][k], NULL: 1
    // Same layout as y; NULL: 0. It may be y itself, unless it is added after an activation other
    // than identity, ReLU and ReLU6 or after a factor.
    const float *residual;
    bool residual_after_activation; // add the residual after the activation instead of before
    // Multiplies the activation's result, before a residual that is added after it: same layout as
    // y; NULL: 1.
    const float *factor;
    ptn_activation_spec activation;
} ptn_conv2d_epilogue;

// Rounding errors of Winograd's forms are proportional to the largest pixels of a tile, in all of
// its outputs. With a guard, tiles whose pixels differ too much in size or are not finite are left
// out: their outputs are not written, and the caller computes them by the direct sums. Whether a
// tile is left out depends on its own pixels only.
typedef struct ptn_conv2d_guard {
    // [n][out_h][out_w]: 1 where an output was left out, else 0. Written only if some were.
    uint8_t *left_out;
    // Results: number of tiles checked, and number of tiles left out.
    size_t tiles, tiles_left_out;
} ptn_conv2d_guard;

// `weights`: packed for the plan's algorithm, except sets per sample, which are not packed. Mixed
// sets are mixed, and sets per sample packed, on the runtime's threads before the convolution, in
// scratch memory of n * (packed_floats + k) floats, with factors of taps or inputs up to twice
// that; each sample's result is bit for bit that of a call with its set alone (with Winograd's
// forms, of a call with a batch of 1). PTN_BAD_ARGUMENT if a pointer that the kind of source
// requires is missing, or if both source and epilogue have biases. `guard` may be NULL: nothing is
// left out. Only Winograd's forms leave tiles out; other algorithms set the guard's counts to 0. x,
// weights and y must not overlap. A batch of 0 does nothing.
PTN_MUST_CHECK ptn_status ptn_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                     const float *x, const ptn_weight_source *weights,
                                     const ptn_conv2d_epilogue *epilogue, float *y,
                                     ptn_conv2d_guard *guard);

// A part of a convolution: some samples of the maps, and the first channels of a layer.
typedef struct ptn_conv2d_part {
    // Sample i of the call, of shape->n, reads sample input_samples[i] of x, which has `inputs`
    // samples; NULL: sample i. Ascending, no sample twice.
    const size_t *input_samples;
    size_t inputs;
    // It writes sample output_samples[i] of y, which has `outputs` samples, and reads that sample
    // of the residual and the factor; NULL: sample i. Biases, gates, weights per sample and a
    // guard's `left_out` are counted by i. Other samples are neither read nor written.
    const size_t *output_samples;
    size_t outputs;
    // Number of input channels, from the first on, which are all that x has, and of output
    // channels, which are all that y, biases and gates have; 0: all. Only with weights that samples
    // share. With several groups the part must consist of whole groups. Results are bit for bit
    // those of the whole layer with zeros in the other input channels (finite weights): the
    // algorithm is that of the whole layer's `shape`, and the packed weights are the whole layer's.
    size_t in_channels, out_channels;
} ptn_conv2d_part;

// As ptn_conv2d for a part; `shape` is that of the whole layer with as many samples as the part
// has. A residual may be y itself under the conditions of the epilogue, so that a residual block
// runs in place on some samples. Scratch: that of ptn_conv2d for the part, and a copy of the part's
// weights for depthwise convolutions and few output channels. PTN_BAD_ARGUMENT for lists that are
// not ascending or pass the number of samples, and for channels that are not a part of the layer.
PTN_MUST_CHECK ptn_status ptn_conv2d_partly(const ptn_runtime *runtime,
                                            const ptn_conv2d_shape *shape,
                                            const ptn_conv2d_part *part, const float *x,
                                            const ptn_weight_source *weights,
                                            const ptn_conv2d_epilogue *epilogue, float *y,
                                            ptn_conv2d_guard *guard);

// The 1 x 1 convolution of several maps' channels, one map after the other, without concatenating
// them; the result is bit for bit that of ptn_conv2d on the concatenated map. Each of the `count`
// maps is [n][h][w][c / count]. PTN_BAD_ARGUMENT unless kernel and stride are 1, there is neither
// padding nor more than one group, c is a multiple of `count` and the choice is
// PTN_CONV2D_FORCE_DIRECT: for other choices the algorithm depends on the instruction set, and no
// other algorithm reads several maps. Scratch: that of ptn_conv2d, and 2 KiB per map and thread.
PTN_MUST_CHECK ptn_status ptn_conv2d_maps(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                          const float *const *maps, size_t count,
                                          const float *packed, const ptn_conv2d_epilogue *epilogue,
                                          float *y);

#endif
