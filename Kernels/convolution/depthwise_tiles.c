// Covers rows of depthwise outputs with tiles and sets the tiles' input addresses.
#include "depthwise_tiles.h"
#include "../core/fetch.h"
#include <string.h>

#define PTN_SOURCE "../convolution/depthwise_tiles.inc"
#include "../core/foreach_isa.h"

static const ptn_depthwise_fn any_tile[PTN_ISA_COUNT] = PTN_TABLE(depthwise_any);
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = PTN_POINTERS(depthwise_tile_table);

typedef ptn_depthwise_axis axis;

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
    return (axis){size, outputs, taps, pad, stride, dilation, dilation / common, stride / common};
}

static void activate_tile(const ptn_depthwise_job *j, const ptn_depthwise_tile *t, size_t rows) {
    const size_t channels = t->last_channel - t->first_channel;
    for (size_t r = 0; r < rows; r++)
        ptn_epilogue_activate_pixels(&j->epilogue, t->first_channel, channels, t->columns,
                                     t->out_step, t->out + r * t->out_row + t->first_channel);
}

// Whether the next tile should be seven outputs wide instead of four, with `left` outputs left in
// the row. Most maps are multiples of seven. With 16 registers seven pays only if the last tile of
// a row would otherwise have very few outputs.
static bool wide_pays(const ptn_depthwise_job *j, size_t left) {
    if (!j->many_registers) return j->vertical.taps <= 5 && (left == 7 || left == 14);
    return left > 4 && left != 8 && left != 12;
}

// Finds which columns of a tile of `most` outputs are inside the image. `position` is the column of
// the first output's first tap in the padded image.
static void find_columns(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t most,
                         size_t position) {
    const axis *h = &j->horizontal;
    const size_t end = h->size + h->pad, wanted = (most - 1) * h->phase_stride + h->taps;
    t->left = (position - h->pad) * t->c;
    t->first_column = h->pad > position ? ptn_div_up(h->pad - position, h->unit) : 0;
    t->last_column = end > position ? ptn_div_up(end - position, h->unit) : 0;
    const size_t left = t->first_column, padding = h->taps / 2;
    const size_t right = t->last_column < wanted ? wanted - t->last_column : 0;
    if (t->columns < most || (left != 0 && left != padding) ||
        (right != 0 && right + h->phase_stride != padding + 1))
        t->place = PTN_DEPTHWISE_SOME;
    else
        t->place = left ? (right ? PTN_DEPTHWISE_BOTH : PTN_DEPTHWISE_LEFT)
                        : (right ? PTN_DEPTHWISE_RIGHT : PTN_DEPTHWISE_INNER);
}

// Sets up the next tile of at most `left` outputs at `position` and returns its micro-kernel.
static ptn_depthwise_fn next_tile(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t rows,
                                  size_t left, size_t position) {
    if (!j->sized) {
        t->columns = ptn_min(PTN_DEPTHWISE_COLUMNS, left);
        find_columns(j, t, PTN_DEPTHWISE_COLUMNS, position);
        return j->any;
    }
    if (left >= 7 && wide_pays(j, left)) {
        t->columns = 7;
        find_columns(j, t, 7, position);
        if (j->sized[rows - 1][1][t->place]) return j->sized[rows - 1][1][t->place];
    }
    t->columns = ptn_min(4, left);
    find_columns(j, t, 4, position);
    return j->sized[rows - 1][0][t->place];
}

void ptn_depthwise_find_rows(const ptn_depthwise_job *j, size_t sample, size_t oy, size_t outputs,
                             const float **rows) {
    const axis *v = &j->vertical;
    const size_t row = j->shape->w * j->shape->c, count = v->taps + (outputs - 1) * v->phase_stride;
    for (size_t i = 0; i < count; i++) {
        const size_t position = oy * v->stride + i * v->unit;
        const bool inside = position >= v->pad && position - v->pad < v->size;
        rows[i] = inside ? j->x + (sample * v->size + position - v->pad) * row : NULL;
    }
}

// Prefetches the outputs after a tile, at most seven of the `left`, and their inputs in the rows
// that the output rows above have not read.
static void fetch_next(const ptn_depthwise_job *j, const ptn_depthwise_tile *t, size_t rows,
                       size_t ox, size_t left) {
    const axis *h = &j->horizontal, *v = &j->vertical;
    const size_t columns = ptn_min(left, 7), at = ox * h->stride + h->taps - h->stride;
    const size_t first = at > h->pad ? at - h->pad : 0;
    const size_t last = ptn_min(h->size, first + columns * h->stride);
    const size_t count = v->taps + (rows - 1) * v->stride, fresh = rows * v->stride;
    for (size_t i = count > fresh ? count - fresh : 0; i < count && first < last; i++)
        if (t->rows[i]) ptn_fetch(t->rows[i] + first * t->c, (last - first) * t->c);
    for (size_t r = 0; r < rows; r++)
        ptn_fetch(t->out + r * t->out_row + t->columns * t->c, columns * t->c);
}

void ptn_depthwise_outputs(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t rows,
                           size_t ox, size_t end, float *y) {
    const axis *h = &j->horizontal;
    while (ox < end) {
        const size_t left = ptn_div_up(end - ox, h->phases);
        const ptn_depthwise_fn tile = next_tile(j, t, rows, left, ox * h->stride);
        t->out = y;
        if (j->far && t->columns < left) fetch_next(j, t, rows, ox + t->columns, left - t->columns);
        tile(t);
        if (j->epilogue.activate) activate_tile(j, t, rows);
        ox += t->columns * h->phases;
        y += t->columns * t->out_step;
    }
}

ptn_depthwise_tile ptn_depthwise_tile_for(const ptn_depthwise_job *j, size_t sample,
                                          const float **rows) {
    const ptn_conv2d_shape *s = j->shape;
    return (ptn_depthwise_tile){
        .c = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .stride = j->horizontal.phase_stride,
        .rows = rows,
        .step = s->dilation_w * s->c,
        .weights = j->packed + sample * j->packed_stride,
        .end = ptn_epilogue_at(&j->epilogue, sample, 0),
        .out_step = j->horizontal.phases * s->c,
        .last_channel = s->c,
    };
}

// Micro-kernels of constant size, which exist for small square kernels; NULL for other shapes.
static const ptn_depthwise_fn (*sized_tiles(const ptn_depthwise_job *j,
                                            ptn_isa isa))[2][PTN_DEPTHWISE_PLACES] {
    const size_t taps = j->vertical.taps, stride = j->vertical.phase_stride;
    const bool fits = (taps == 3 || taps == 5 || taps == 7) && taps == j->horizontal.taps &&
                      stride <= 2 && stride == j->horizontal.phase_stride &&
                      j->shape->c >= j->vector;
    return fits ? (*tiles[isa])[(taps - 3) / 2][stride - 1] : NULL;
}

void ptn_depthwise_prepare(ptn_depthwise_job *j, ptn_isa isa, const ptn_conv2d_plan *plan,
                           const ptn_conv2d_epilogue *epilogue) {
    const ptn_conv2d_shape *s = j->shape;
    j->epilogue = ptn_epilogue_for(epilogue, isa, s->k, j->y);
    j->vertical = axis_for(s->h, plan->out_h, s->kh, s->pad_top, s->stride_h, s->dilation_h);
    j->horizontal = axis_for(s->w, plan->out_w, s->kw, s->pad_left, s->stride_w, s->dilation_w);
    j->any = any_tile[isa];
    j->vector = ptn_isa_vector_floats(isa);
    j->many_registers = isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON;
    j->sized = sized_tiles(j, isa);
}
