// What the parts of the convolution share; not visible outside Kernels/convolution.
#ifndef PTN_CONV2D_INTERNAL_H
#define PTN_CONV2D_INTERNAL_H

#include "../core/activate.h"
#include "../core/checked.h"
#include "../core/core_kind.h"
#include "../core/fetch.h"
#include "ptn_conv2d.h"
#include <math.h>

// A tile is at most this many rows (output pixels) ...
#define PTN_TILE_MAX_ROWS 12
// ... and this many vectors of output channels.
#define PTN_TILE_MAX_VECTORS 4

// Widest tile of an instruction set, in vectors.
static inline size_t ptn_tile_vectors(ptn_isa isa) {
    return isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON ? 4 : 2;
}

// Rows of the tallest tile that is `vectors` wide: as many as the registers hold beside the
// weights, and few enough for the rows' addresses to stay in general registers. Wide and flat beats
// narrow and tall where 512-bit units are fed at full rate: fewer broadcasts per multiply-add.
static inline size_t ptn_tile_rows(ptn_isa isa, size_t vectors) {
    static const unsigned char wide[] = {12, 12, 9, 6}; // 32 registers
    if (ptn_tile_vectors(isa) == 4) return wide[vectors - 1];
    return isa == PTN_ISA_AVX2 ? 6 : 4; // 16 registers
}

// Channels per turn of a tile's innermost loop: hides the reload of row pointers that do not fit the
// general registers.
#define PTN_TILE_UNROLL 4
// Bytes that a tile prefetches per turn: two lines, or, where few tiles share the way of the next
// weights, as many as come in during a turn.
#define PTN_TILE_PREFETCH 128
#define PTN_TILE_FAR_PREFETCH 512

// Of input and output together.
static inline size_t ptn_maps_bytes(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const size_t floats = s->h * s->w * s->c + plan->out_h * plan->out_w * s->k;
    return s->n * floats * sizeof(float);
}

// How the K/groups output channels of a group are cut into panels: all are `vectors` wide but the
// last, which is as narrow as it can be.
typedef struct ptn_panels {
    size_t vector;         // floats per vector
    size_t vectors, width; // of a full panel, in vectors and in channels
    size_t count;          // number of panels
    size_t padded;         // channels including padding
} ptn_panels;

// Vectors of the panel that begins at `column`, of `channels` in all.
static inline size_t ptn_panel_vectors(const ptn_panels *p, size_t channels, size_t column) {
    return ptn_min(p->vectors, ptn_div_up(channels - column, p->vector));
}

// Time of a panel by its vectors: four run as fast as three, two are slower, one is slowest.
static inline double ptn_panel_time(size_t vectors) {
    static const double time[] = {0, 1.3, 2.2, 3.05, 4};
    return time[vectors];
}

// The width that wastes least: 96 channels are better cut into 48 + 48 than into 64 + 32.
static inline ptn_panels ptn_panels_for(ptn_isa isa, size_t channels) {
    const size_t vector = ptn_isa_vector_floats(isa), all = ptn_div_up(channels, vector);
    const size_t widest = ptn_tile_vectors(isa);
    size_t best = ptn_min(all, widest);
    double best_time = 1e300;
    for (size_t v = widest; v >= 2 && v + 1 >= widest; v--) {
        double t = (double)(all / v) * ptn_panel_time(v) + ptn_panel_time(all % v);
        if (t < best_time) best_time = t, best = ptn_min(all, v);
    }
    return (ptn_panels){.vector = vector,
                        .vectors = best,
                        .width = best * vector,
                        .count = ptn_div_up(all, best),
                        .padded = all * vector};
}

// One tile of the indirect GEMM: out[m][j] for m rows and v vectors of channels.
typedef struct ptn_tile_args {
    size_t taps, channels;
    const float *const *rows; // where each row's channels begin; padding: a zero row
    size_t rows_step;         // from one tap's row pointers to the next tap's
    size_t row_offset;        // added to every row pointer: the group's first channel
    const float *panel;       // [taps][channels][width]
    const char *prefetch;     // bytes that later tiles will want in the second-level cache ...
    size_t prefetch_step;     // ... so many per PTN_TILE_UNROLL channels
    // At every tap instead the row that follows the tile's in the table and, where panels have several
    // vectors, the one `second_row` after it; of both what lies one after the other. With a `window`
    // the taps of a kernel row, so many side by side, take turns: each two rows further on, from the
    // window's first tap.
    bool ahead;
    size_t second_row, window;
    const char *stores;       // where results will go: brought into the first-level cache ...
    size_t stores_step;       // ... so many bytes per PTN_TILE_UNROLL channels
    bool scattered;           // results lie apart: brought in a row per tap
    size_t columns;           // output channels to store, 1 ... width
    float *partial;           // [m][width]: unfinished sums, when taps come in several blocks
    float *const *partials;   // [m]: where each row's are instead, or NULL
    bool first, last;         // whether this is the first, the last block of taps
    float *const *out;        // [m]
    const float *bias, *gate; // of the panel's first column; may be NULL
    ptrdiff_t residual;       // bytes from an output to its residual; used when has_residual
    bool has_residual, residual_last;
    float low, high; // clamp, after the residual unless residual_last
} ptn_tile_args;

// The step of each of `tiles` tiles that bring in `bytes` between them, in so many turns each: no
// more than PTN_TILE_PREFETCH unless they come from `far`, beyond the second-level cache. A single
// tile reads far weights in one go, which some cores' own prefetchers do best left alone.
static inline size_t ptn_tile_prefetch_step(size_t bytes, size_t tiles, size_t turns, bool far) {
    enum { LINE = 64 };
    if (turns == 0 || (far && tiles == 1 && ptn_core_kind_here() == PTN_CORE_ZEN)) return 0;
    const size_t step = ptn_div_up(bytes, tiles * turns);
    if (step <= PTN_TILE_PREFETCH || !far) return ptn_min(PTN_TILE_PREFETCH, step);
    return ptn_min(PTN_TILE_FAR_PREFETCH, ptn_div_up(step, LINE) * LINE);
}

typedef void (*ptn_tile_fn)(const ptn_tile_args *args);
// [vectors - 1][rows - 1]
typedef ptn_tile_fn ptn_tile_table[PTN_TILE_MAX_VECTORS][PTN_TILE_MAX_ROWS];
// Tiles of so many vectors and that step, by their rows - 1.
const ptn_tile_fn *ptn_tiles_for(ptn_isa isa, size_t vectors, size_t prefetch_step);

// Whether an activation is no more than a clamp, and which; others run after the tile is stored.
static inline bool ptn_clamp_of(ptn_activation kind, float *low, float *high) {
    *low = -INFINITY;
    *high = INFINITY;
    if (kind == PTN_ACT_IDENTITY) return true;
    if (kind == PTN_ACT_RELU || kind == PTN_ACT_RELU6) {
        *low = 0;
        if (kind == PTN_ACT_RELU6) *high = 6;
        return true;
    }
    return false;
}

static inline bool ptn_conv2d_epilogue_valid(const ptn_conv2d_epilogue *e) {
    if ((unsigned)e->activation.kind >= PTN_ACTIVATION_COUNT) return false;
    if (e->activation.kind == PTN_ACT_PRELU && !e->activation.slopes) return false;
    return !e->residual_after_activation || !e->residual ||
           ptn_clamp_of(e->activation.kind, &(float){0}, &(float){0});
}

// 1 x 1, stride 1, no padding: output pixel i reads input pixel i.
static inline bool ptn_conv2d_is_pointwise(const ptn_conv2d_shape *s) {
    return s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_bottom == 0 && s->pad_left == 0 && s->pad_right == 0;
}

// Maps that have the input's channels, one after the other and equally many each; more than one only
// for a pointwise convolution with one group.
typedef struct ptn_conv2d_input {
    const float *const *maps;
    size_t count;
} ptn_conv2d_input;

ptn_status ptn_conv2d_direct(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_conv2d_plan *plan, const ptn_conv2d_input *input,
                             const float *packed, size_t packed_stride,
                             const ptn_conv2d_epilogue *epilogue, float *y);
ptn_status ptn_conv2d_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const float *x, const float *packed,
                                size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                                float *y);
// Floats of packed weights, false when they overflow; scratch for a plan whose threads are known; a
// rough time on one thread when the sums alone take `compute`; packing.
bool ptn_conv2d_depthwise_floats(ptn_isa isa, const ptn_conv2d_shape *shape, size_t *floats);
size_t ptn_conv2d_depthwise_scratch(const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
double ptn_conv2d_depthwise_nanoseconds(const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan,
                                        double compute);
void ptn_conv2d_depthwise_pack(ptn_isa isa, const ptn_conv2d_shape *shape, const float *weights,
                               const float *scale, float *packed);
// With few channels the taps of a row are taken together: in memory they are kw * c neighbouring
// numbers, in the image as in the packed weights, and a stem of three channels would else spend its
// time on addresses. Windows that reach over the left or right edge are copied out with zeros.
static inline bool ptn_conv2d_is_merged(const ptn_conv2d_shape *s) {
    return s->c <= 8 && s->groups == 1 && s->kw > 1 && s->dilation_w == 1 &&
           s->kh * s->kw * s->c <= 512;
}

size_t ptn_conv2d_direct_scratch(ptn_isa isa, const ptn_conv2d_shape *shape,
                                 const ptn_conv2d_plan *plan);

// Groups narrower than a vector: whether that way is estimated to be faster than the direct one,
// which does not depend on the image; floats of packed weights (false: too many), scratch for a
// plan whose threads are known, packing, running.
bool ptn_conv2d_grouped_pays(ptn_isa isa, const ptn_conv2d_shape *shape);
bool ptn_conv2d_grouped_floats(ptn_isa isa, const ptn_conv2d_shape *shape, size_t *floats);
size_t ptn_conv2d_grouped_scratch(ptn_isa isa, const ptn_conv2d_shape *shape,
                                  const ptn_conv2d_plan *plan);
void ptn_conv2d_grouped_pack(ptn_isa isa, const ptn_conv2d_shape *shape, const float *weights,
                             const float *scale, float *packed);
ptn_status ptn_conv2d_grouped(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                              const ptn_conv2d_plan *plan, const float *x, const float *packed,
                              size_t packed_stride, const ptn_conv2d_epilogue *epilogue, float *y);

// Few output channels: likewise.
bool ptn_conv2d_narrow_pays(ptn_isa isa, const ptn_conv2d_shape *shape);
bool ptn_conv2d_narrow_floats(ptn_isa isa, const ptn_conv2d_shape *shape, size_t *floats);
size_t ptn_conv2d_narrow_scratch(const ptn_conv2d_shape *shape, const ptn_conv2d_plan *plan);
void ptn_conv2d_narrow_pack(ptn_isa isa, const ptn_conv2d_shape *shape, const float *weights,
                            const float *scale, float *packed);
ptn_status ptn_conv2d_narrow(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_conv2d_plan *plan, const float *x, const float *packed,
                             size_t packed_stride, const ptn_conv2d_epilogue *epilogue, float *y);

// Winograd: planes of a tile along one axis, scratch for a plan whose threads are known, packing,
// running.
size_t ptn_conv2d_winograd_side(ptn_conv2d_algorithm algorithm);
size_t ptn_conv2d_winograd_scratch(ptn_isa isa, const ptn_conv2d_shape *shape,
                                   const ptn_conv2d_plan *plan);
void ptn_conv2d_winograd_pack(ptn_isa isa, const ptn_conv2d_shape *shape,
                              ptn_conv2d_algorithm algorithm, const float *weights,
                              const float *scale, float *packed);
ptn_status ptn_conv2d_winograd(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               const ptn_conv2d_plan *plan, const float *x, const float *packed,
                               size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                               float *y, ptn_conv2d_guard *guard);
bool ptn_conv2d_winograd_applies(const ptn_conv2d_shape *shape);

static inline bool ptn_conv2d_is_winograd(ptn_conv2d_algorithm algorithm) {
    return algorithm == PTN_CONV2D_WINOGRAD_4X4 || algorithm == PTN_CONV2D_WINOGRAD_6X6;
}

// Estimated cycles of one sample's direct sums, and of the plan's algorithm, one of Winograd's two
// forms; the plan's output size must be known.
double ptn_conv2d_winograd_cycles(ptn_isa isa, const ptn_conv2d_shape *shape,
                                  const ptn_conv2d_plan *plan);
double ptn_conv2d_direct_cycles(ptn_isa isa, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan);

// Fills a plan's estimates; its output size must be known.
void ptn_conv2d_estimate(ptn_isa isa, const ptn_conv2d_shape *shape, ptn_conv2d_plan *plan);

#endif
