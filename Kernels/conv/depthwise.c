// Depthwise convolution: one task is a band of rows of one sample and some of its channels.
#include "conv2d_internal.h"
#include <stdint.h>

// Outputs side by side in one tile, at most.
#define PTN_DEPTHWISE_COLUMNS 8

// A tile of outputs: one or two rows, a few columns, all channels from the first to the last.
typedef struct ptn_depthwise_tile {
    size_t c, kh, kw, stride, dilation;
    const float *const *rows; // input rows that the tile reads; NULL outside the image
    ptrdiff_t left;           // floats from a row's start to the first tap of the first output
    size_t first_column, last_column; // columns inside the image, counted from there
    size_t columns;           // outputs in a row that exist
    bool edge;                // whether anything is outside
    const float *weights;     // [kh*kw][c]
    const float *bias, *gate; // [c] or NULL
    const float *residual;    // like out, or NULL
    bool residual_last;
    float low, high;
    float *out;
    size_t out_row; // floats from one output row to the next
    size_t first_channel, last_channel;
} ptn_depthwise_tile;

typedef void (*ptn_depthwise_fn)(const ptn_depthwise_tile *tile);
// What a tile's columns meet: nothing outside the image, the usual padding, anything.
enum { INNER, LEFT, RIGHT, BOTH, SOME, PLACES };
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
#define ADDRESS_OF_TABLE 1
#if defined(__x86_64__)
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar, &dw_tiles_avx2,
                                                                &dw_tiles_avx512, NULL};
#elif defined(__aarch64__)
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar, NULL, NULL,
                                                                &dw_tiles_neon};
#else
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = {&dw_tiles_scalar};
#endif

typedef struct depthwise_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_epilogue *epilogue;
    const ptn_depthwise_fn (*sized)[2][PLACES]; // [rows - 1][wide][place]; NULL: `any`
    ptn_depthwise_fn any;
    ptn_activate_row_fn activate;
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    size_t bands, band_rows, parts, part_channels, block_channels;
    const float **rows; // [threads][row_slots]
    size_t row_slots;
    float low, high;
} depthwise_job;

static void activate_tile(const depthwise_job *j, const ptn_depthwise_tile *t, size_t rows) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const size_t c = t->c, channels = t->last_channel - t->first_channel;
    for (size_t r = 0; r < rows; r++) {
        float *row = t->out + r * t->out_row + t->first_channel;
        if (channels == c && act->kind != PTN_ACT_PRELU) {
            j->activate(act->kind, act->slope, NULL, t->columns * c, row, row);
            continue;
        }
        const float *slopes = act->slopes ? act->slopes + t->first_channel : NULL;
        for (size_t b = 0; b < t->columns; b++, row += c)
            j->activate(act->kind, act->slope, slopes, channels, row, row);
    }
}

#ifdef TUNE
#include <stdlib.h>
static size_t tune(const char *name, size_t value) {
    const char *text = getenv(name);
    return text ? (size_t)atoi(text) : value;
}
#else
#define tune(name, value) (value)
#endif

// Columns of the next tile when so many outputs are left: seven fit most maps, four the rest.
static size_t tile_columns(size_t left) { if (tune("T4", 0)) return 4; return left <= 4 || left == 8 || left == 12 ? 4 : 7; }

static bool find_rows(const depthwise_job *j, size_t sample, size_t oy, size_t count,
                      const float **rows) {
    const ptn_conv2d_shape *s = j->shape;
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        const size_t position = oy * s->stride_h + i * s->dilation_h;
        const bool inside = position >= s->pad_top && position - s->pad_top < s->h;
        rows[i] = inside ? j->x + (sample * s->h + position - s->pad_top) * s->w * s->c : NULL;
        all &= inside;
    }
    return all;
}

static int place_of(const ptn_conv2d_shape *s, const ptn_depthwise_tile *t, size_t wide,
                    size_t wanted) {
    if (t->columns < wide) return SOME;
    const size_t left = t->first_column;
    const size_t right = t->last_column < wanted ? wanted - t->last_column : 0;
    if ((left != 0 && left != s->kw / 2) || (right != 0 && right != s->kw / 2 + 1 - s->stride_w))
        return SOME;
    return left ? (right ? BOTH : LEFT) : (right ? RIGHT : INNER);
}

// `rows` rows of outputs from `oy` on.
static void run_rows(const depthwise_job *j, ptn_depthwise_tile *t, size_t sample, size_t oy,
                     size_t rows, const float **inputs) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t count = j->sized ? s->kh + (rows - 1) * s->stride_h : s->kh;
    const bool all = find_rows(j, sample, oy, count, inputs);
    const size_t reach = (s->kw - 1) * s->dilation_w + 1, out_w = j->plan->out_w;
    for (size_t ox = 0; ox < out_w;) {
        const size_t wide = j->sized ? tile_columns(out_w - ox) : PTN_DEPTHWISE_COLUMNS;
        const size_t from = ox * s->stride_w, wanted = (wide - 1) * s->stride_w + reach;
        t->columns = ptn_min(wide, out_w - ox);
        t->left = ((ptrdiff_t)from - (ptrdiff_t)s->pad_left) * (ptrdiff_t)s->c;
        t->first_column = s->pad_left > from ? s->pad_left - from : 0;
        t->last_column = s->w + s->pad_left > from ? s->w + s->pad_left - from : 0;
        t->edge = !all || t->columns < wide || t->first_column > 0 || t->last_column < wanted;
        const size_t at = ((sample * j->plan->out_h + oy) * out_w + ox) * s->c;
        t->out = j->y + at;
        t->residual = j->epilogue->residual ? j->epilogue->residual + at : NULL;
        (j->sized ? j->sized[rows - 1][wide > 4][place_of(s, t, wide, wanted)] : j->any)(t);
        if (j->activate) activate_tile(j, t, rows);
        ox += t->columns;
    }
}

static void run_band(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t band = index % j->bands, rest = index / j->bands;
    const size_t part = rest % j->parts, sample = rest / j->parts;
    const float **rows = j->rows + (size_t)thread * j->row_slots;
    ptn_depthwise_tile t = {
        .c = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .stride = s->stride_w,
        .dilation = s->dilation_w,
        .rows = rows,
        .weights = j->packed + sample * j->packed_stride,
        .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
        .gate = e->gate ? e->gate + sample * s->k : NULL,
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
        .out_row = j->plan->out_w * s->c,
    };
    const size_t first = part * j->part_channels;
    const size_t last = ptn_min(s->c, first + j->part_channels);
    const size_t begin = band * j->band_rows, end = ptn_min(j->plan->out_h, begin + j->band_rows);
    for (size_t c = first; c < last; c += j->block_channels) {
        t.first_channel = c;
        t.last_channel = ptn_min(last, c + j->block_channels);
        for (size_t oy = begin; oy < end;) {
            const size_t some = j->sized ? ptn_min(tune("R", 2), end - oy) : 1;
            run_rows(j, &t, sample, oy, some, rows);
            oy += some;
        }
    }
}

// Tiles of constant size exist for small square kernels.
static const ptn_depthwise_fn (*sized_tiles(ptn_isa isa, const ptn_conv2d_shape *s))[2][PLACES] {
    const bool fits = s->kh == s->kw && (s->kh == 3 || s->kh == 5 || s->kh == 7) &&
                      s->stride_h == s->stride_w && s->stride_h <= 2 && s->dilation_h == 1 &&
                      s->dilation_w == 1 && s->c >= ptn_isa_vector_floats(isa);
    return fits ? (*tiles[isa])[(s->kh - 3) / 2][s->stride_h - 1] : NULL;
}

static void cut(depthwise_job *j, ptn_isa isa, int threads) {
    const ptn_conv2d_shape *s = j->shape;
    (void)isa;
    (void)threads;
    j->band_rows = tune("BAND", 8);
    j->bands = ptn_div_up(j->plan->out_h, j->band_rows);
    j->block_channels = tune("BLOCK", 1 << 14);
    j->part_channels = ptn_div_up(s->c, j->block_channels) * j->block_channels;
    j->part_channels = ptn_min(j->part_channels, tune("PART", 1 << 20));
    j->parts = ptn_div_up(s->c, j->part_channels);
}

ptn_status ptn_conv2d_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const float *x, const float *packed,
                                size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                                float *y) {
    const float **rows = ptn_scratch_acquire(plan->scratch_bytes);
    if (!rows) return PTN_OUT_OF_MEMORY;
    depthwise_job j = {.shape = shape,
                       .plan = plan,
                       .epilogue = epilogue,
                       .sized = sized_tiles(runtime->isa, shape),
                       .any = any_tile[runtime->isa],
                       .x = x,
                       .packed = packed,
                       .packed_stride = packed_stride,
                       .y = y,
                       .rows = rows,
                       .row_slots = shape->kh + 2};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    cut(&j, runtime->isa, plan->threads);
    ptn_parallel(plan->threads, shape->n * j.parts * j.bands, run_band, &j);
    ptn_scratch_release(rows);
    return PTN_OK;
}
