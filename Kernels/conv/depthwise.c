// Depthwise convolution: one task is a band of rows of one sample and some of its channels.
#include "conv2d_internal.h"
#include <stdint.h>

// Outputs side by side in one tile, at most.
#define PTN_DEPTHWISE_COLUMNS 8

// What a tile's columns meet: nothing outside the image, the usual padding, anything.
enum { INNER, LEFT, RIGHT, BOTH, SOME, PLACES };

// A tile of outputs: one or two rows, a few columns, all channels from the first to the last.
// Columns are counted from the first tap of the first output, in steps of the dilation.
typedef struct ptn_depthwise_tile {
    size_t c, kh, kw, stride;
    const float *const *rows;         // input rows that the tile reads; NULL outside the image
    ptrdiff_t left;                   // floats from a row's start to column 0
    size_t step;                      // floats from one column to the next
    size_t first_column, last_column; // columns inside the image
    size_t columns;                   // outputs in a row that exist
    int place;
    const float *weights;     // as packed
    const float *bias, *gate; // [c] or NULL
    const float *residual;    // like out, or NULL
    bool residual_last;
    float low, high;
    float *out;
    size_t out_step, out_row; // floats from one output to the next, to the row below
    size_t first_channel, last_channel;
} ptn_depthwise_tile;

typedef void (*ptn_depthwise_fn)(const ptn_depthwise_tile *tile);
// [(kernel - 3) / 2][stride - 1][rows - 1][wide][place]
typedef ptn_depthwise_fn ptn_depthwise_table[3][2][2][2][PLACES];

// `offset` floats from `row`. Where padding would be it lies outside the row; then it is not read,
// and pointer arithmetic must not say where it is.
static inline const float *ptn_depthwise_at(const float *row, ptrdiff_t offset) {
    return (const float *)((uintptr_t)row + (uintptr_t)offset * sizeof(float));
}

// Keeps the compiler from making each address of a walk a multiple of its step, which takes more
// registers than there are.
#define PTN_OPAQUE(pointer) __asm__("" : "+r"(pointer))

#define PTN_SOURCE "../conv/depthwise.inc"
#include "../core/foreach_isa.h"

static const ptn_depthwise_fn any_tile[PTN_ISA_COUNT] = PTN_TABLE(dw_any);
#if defined(__x86_64__)
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar, &dw_tiles_avx2,
                                                                &dw_tiles_avx512, NULL};
#elif defined(__aarch64__)
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar, NULL, NULL,
                                                                &dw_tiles_neon};
#else
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar};
#endif

// One axis. With dilation d, outputs that lie `phases` apart read the image at multiples of d from
// where the first of them begins: each phase is a convolution without dilation.
typedef struct axis {
    size_t size, outputs, taps, pad;
    size_t stride, unit;          // as given, stride and dilation
    size_t phases, phase_stride;  // `phases` outputs further is `phase_stride` units further
} axis;

typedef struct depthwise_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_epilogue *epilogue;
    axis vertical, horizontal;
    const ptn_depthwise_fn (*sized)[2][PLACES]; // [rows - 1][wide][place]; NULL: `any`
    ptn_depthwise_fn any;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    size_t bands, parts; // tasks per sample: of rows, of channels
    size_t vector;
    const float **rows; // [threads][row_slots]
    size_t row_slots;
    float low, high;
} depthwise_job;

static size_t greatest_common_divisor(size_t a, size_t b) {
    while (b > 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static axis axis_for(size_t size, size_t outputs, size_t taps, size_t pad, size_t stride,
                     size_t dilation) {
    const size_t common = greatest_common_divisor(stride, dilation);
    return (axis){size,   outputs,  taps,              pad,
                  stride, dilation, dilation / common, stride / common};
}

static void activate_tile(const depthwise_job *j, const ptn_depthwise_tile *t, size_t rows) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const size_t channels = t->last_channel - t->first_channel;
    for (size_t r = 0; r < rows; r++) {
        float *row = t->out + r * t->out_row + t->first_channel;
        if (channels == t->out_step && act->kind != PTN_ACT_PRELU) {
            j->activate(act->kind, act->slope, NULL, t->columns * channels, row, row);
            continue;
        }
        const float *slopes = act->slopes ? act->slopes + t->first_channel : NULL;
        for (size_t b = 0; b < t->columns; b++, row += t->out_step)
            j->activate(act->kind, act->slope, slopes, channels, row, row);
    }
}

// Columns of the next tile when so many outputs are left: seven fit most maps, four the rest.
static size_t tile_columns(size_t left) {
    return left <= 4 || left == 8 || left == 12 ? 4 : 7;
}

// Which columns of a tile with `wide` outputs lie inside the image, when the first tap of the first
// output is at `position`, padding included.
static void find_columns(const depthwise_job *j, ptn_depthwise_tile *t, size_t wide,
                         size_t position) {
    const axis *h = &j->horizontal;
    const size_t end = h->size + h->pad, wanted = (wide - 1) * h->phase_stride + h->taps;
    t->left = ((ptrdiff_t)position - (ptrdiff_t)h->pad) * (ptrdiff_t)t->c;
    t->first_column = h->pad > position ? ptn_div_up(h->pad - position, h->unit) : 0;
    t->last_column = end > position ? ptn_div_up(end - position, h->unit) : 0;
    const size_t left = t->first_column, padding = h->taps / 2;
    const size_t right = t->last_column < wanted ? wanted - t->last_column : 0;
    if (t->columns < wide || (left != 0 && left != padding) ||
        (right != 0 && right + h->phase_stride != padding + 1))
        t->place = SOME;
    else
        t->place = left ? (right ? BOTH : LEFT) : (right ? RIGHT : INNER);
}

static void find_rows(const depthwise_job *j, size_t sample, size_t oy, size_t count,
                      const float **rows) {
    const axis *v = &j->vertical;
    const size_t row = j->shape->w * j->shape->c;
    for (size_t i = 0; i < count; i++) {
        const size_t position = oy * v->stride + i * v->unit;
        const bool inside = position >= v->pad && position - v->pad < v->size;
        rows[i] = inside ? j->x + (sample * v->size + position - v->pad) * row : NULL;
    }
}

// Output row `oy` and, with `rows` 2, the next one of its phase.
static void run_rows(const depthwise_job *j, ptn_depthwise_tile *t, size_t sample, size_t oy,
                     size_t rows, const float **inputs) {
    const axis *v = &j->vertical, *h = &j->horizontal;
    find_rows(j, sample, oy, v->taps + (rows - 1) * v->phase_stride, inputs);
    for (size_t phase = 0; phase < ptn_min(h->phases, h->outputs); phase++)
        for (size_t ox = phase; ox < h->outputs;) {
            const size_t left = ptn_div_up(h->outputs - ox, h->phases);
            const size_t wide = j->sized ? tile_columns(left) : PTN_DEPTHWISE_COLUMNS;
            t->columns = ptn_min(wide, left);
            find_columns(j, t, wide, ox * h->stride);
            const size_t at = ((sample * v->outputs + oy) * h->outputs + ox) * t->c;
            t->out = j->y + at;
            t->residual = j->epilogue->residual ? j->epilogue->residual + at : NULL;
            (j->sized ? j->sized[rows - 1][wide > 4][t->place] : j->any)(t);
            if (j->activate) activate_tile(j, t, rows);
            ox += t->columns * h->phases;
        }
}

// Where part `index` of `parts` begins.
static size_t part_begin(size_t size, size_t parts, size_t index) {
    return size / parts * index + ptn_min(index, size % parts);
}

static void run_task(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const axis *v = &j->vertical;
    const size_t band = index % j->bands, rest = index / j->bands;
    const size_t part = rest % j->parts, sample = rest / j->parts;
    const size_t vectors = ptn_div_up(s->c, j->vector), pairs = ptn_div_up(v->outputs, 2);
    const float **rows = j->rows + (size_t)thread * j->row_slots;
    ptn_depthwise_tile t = {
        .c = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .stride = j->horizontal.phase_stride,
        .rows = rows,
        .step = s->dilation_w * s->c,
        .weights = j->packed + sample * j->packed_stride,
        .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
        .gate = e->gate ? e->gate + sample * s->k : NULL,
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
        .out_step = j->horizontal.phases * s->c,
        .out_row = v->phases * j->horizontal.outputs * s->c,
        .first_channel = part_begin(vectors, j->parts, part) * j->vector,
        .last_channel = ptn_min(s->c, part_begin(vectors, j->parts, part + 1) * j->vector),
    };
    const size_t begin = 2 * part_begin(pairs, j->bands, band);
    const size_t end = ptn_min(v->outputs, 2 * part_begin(pairs, j->bands, band + 1));
    for (size_t first = begin; first < ptn_min(end, begin + v->phases); first++)
        for (size_t oy = first; oy < end;) {
            const size_t both = j->sized && end - oy > v->phases ? 2 : 1;
            run_rows(j, &t, sample, oy, both, rows);
            oy += both * v->phases;
        }
}

// A vector of channels after the other, [c / vector][kh*kw][vector]. The last one ends where the
// channels end and repeats some of the one before; channels that fill no vector are padded.
size_t ptn_conv2d_depthwise_channels(ptn_isa isa, size_t channels) {
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_div_up(channels, vector) * vector;
}

void ptn_conv2d_depthwise_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                               const float *scale, float *packed) {
    const size_t vector = ptn_isa_vector_floats(isa), taps = s->kh * s->kw;
    for (size_t begin = 0; begin < s->c; begin += vector, packed += taps * vector) {
        const size_t first = s->c < vector ? 0 : ptn_min(begin, s->c - vector);
        for (size_t i = 0; i < vector; i++) {
            const size_t c = first + i;
            for (size_t t = 0; t < taps; t++)
                packed[t * vector + i] =
                    c < s->c ? weights[c * taps + t] * (scale ? scale[c] : 1) : 0;
        }
    }
}

// Tiles of constant size exist for small square kernels.
static const ptn_depthwise_fn (*sized_tiles(const depthwise_job *j, ptn_isa isa))[2][PLACES] {
    const size_t taps = j->vertical.taps, stride = j->vertical.phase_stride;
    const bool fits = (taps == 3 || taps == 5 || taps == 7) && taps == j->horizontal.taps &&
                      stride <= 2 && stride == j->horizontal.phase_stride &&
                      j->shape->c >= j->vector;
    return fits ? (*tiles[isa])[(taps - 3) / 2][stride - 1] : NULL;
}

// Cuts the work into tasks. Results do not depend on the cut.
static void cut(depthwise_job *j, int threads) {
    (void)threads;
    j->bands = 1;
    j->parts = 1;
    if (threads <= 1) return;
    size_t pairs = ptn_div_up(j->vertical.outputs, 2);
    j->bands = ptn_min(pairs, DEF_BANDS);
    j->parts = ptn_min(DEF_PARTS, ptn_div_up(j->shape->c, j->vector));
}

ptn_status ptn_conv2d_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const float *x, const float *packed,
                                size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                                float *y) {
    const ptn_conv2d_shape *s = shape;
    const float **rows = ptn_scratch_acquire(plan->scratch_bytes);
    if (!rows) return PTN_OUT_OF_MEMORY;
    depthwise_job j = {
        .shape = s,
        .epilogue = epilogue,
        .vertical = axis_for(s->h, plan->out_h, s->kh, s->pad_top, s->stride_h, s->dilation_h),
        .horizontal = axis_for(s->w, plan->out_w, s->kw, s->pad_left, s->stride_w, s->dilation_w),
        .any = any_tile[runtime->isa],
        .x = x,
        .packed = packed,
        .packed_stride = packed_stride,
        .y = y,
        .vector = ptn_isa_vector_floats(runtime->isa),
        .rows = rows,
        .row_slots = s->kh + 2};
    j.sized = sized_tiles(&j, runtime->isa);
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    cut(&j, plan->threads);
    ptn_parallel(plan->threads, s->n * j.parts * j.bands, run_task, &j);
    ptn_scratch_release(rows);
    return PTN_OK;
}
