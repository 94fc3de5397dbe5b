// Depthwise convolution: one task is a band of rows of one sample and some of its channels.
#include "depthwise.h"

// Keeps the compiler from making each address of a walk a multiple of its step, which takes more
// registers than there are.
#define PTN_OPAQUE(pointer) __asm__("" : "+r"(pointer))

#define PTN_SOURCE "../convolution/depthwise.inc"
#include "../core/foreach_isa.h"

static const ptn_depthwise_fn any_tile[PTN_ISA_COUNT] = PTN_TABLE(dw_any);
static const ptn_depthwise_table *const tiles[PTN_ISA_COUNT] = PTN_POINTERS(dw_tiles);

typedef ptn_depthwise_axis axis;

typedef struct depthwise_job {
    ptn_depthwise_job tiles;
    size_t bands, parts; // tasks per sample: of rows, of channels
    const float **rows;  // [threads][row_slots]
    size_t row_slots;
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

static void activate_tile(const ptn_depthwise_job *j, const ptn_depthwise_tile *t, size_t rows) {
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

// Whether the next tile should be seven outputs wide rather than four when so many are left. Most
// maps are multiples of seven; with 16 registers it pays only where a map would end in a sliver.
static bool wide_pays(const ptn_depthwise_job *j, size_t left) {
    if (!j->many_registers) return j->vertical.taps <= 5 && (left == 7 || left == 14);
    return left > 4 && left != 8 && left != 12;
}

// Which columns of a tile with `most` outputs lie inside the image, when the first tap of the first
// output is at `position`, padding included.
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
        t->place = SOME;
    else
        t->place = left ? (right ? BOTH : LEFT) : (right ? RIGHT : INNER);
}

// Lays the next tile of at most `left` outputs at `position` and says what computes it.
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

// Brings in the inputs and outputs of the `left` outputs that follow a tile, at most a tile's: of the
// input rows those that the rows of outputs above have not read.
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

void ptn_depthwise_outputs(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t rows, size_t ox,
                           size_t end, float *y) {
    const axis *h = &j->horizontal;
    while (ox < end) {
        const size_t left = ptn_div_up(end - ox, h->phases);
        const ptn_depthwise_fn tile = next_tile(j, t, rows, left, ox * h->stride);
        t->out = y;
        t->residual = j->epilogue->residual ? j->epilogue->residual + (y - j->y) : NULL;
        if (j->far && t->columns < left) fetch_next(j, t, rows, ox + t->columns, left - t->columns);
        tile(t);
        if (j->activate) activate_tile(j, t, rows);
        ox += t->columns * h->phases;
        y += t->columns * t->out_step;
    }
}

ptn_depthwise_tile ptn_depthwise_tile_for(const ptn_depthwise_job *j, size_t sample,
                                          const float **rows) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->epilogue;
    return (ptn_depthwise_tile){
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
        .last_channel = s->c,
    };
}

// Output row `oy` and, with `rows` 2, the next one of its phase.
static void run_rows(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t sample, size_t oy,
                     size_t rows, const float **inputs) {
    const axis *v = &j->vertical, *h = &j->horizontal;
    ptn_depthwise_find_rows(j, sample, oy, rows, inputs);
    float *y = j->y + (sample * v->outputs + oy) * h->outputs * t->c;
    for (size_t phase = 0; phase < ptn_min(h->phases, h->outputs); phase++)
        ptn_depthwise_outputs(j, t, rows, phase, h->outputs, y + phase * t->c);
}

static void run_task(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    const ptn_depthwise_job *tiles = &j->tiles;
    const ptn_conv2d_shape *s = tiles->shape;
    const axis *v = &tiles->vertical;
    const size_t band = index % j->bands, rest = index / j->bands;
    const size_t part = rest % j->parts, sample = rest / j->parts;
    const size_t vectors = ptn_div_up(s->c, tiles->vector), pairs = ptn_div_up(v->outputs, 2);
    const float **rows = j->rows + (size_t)thread * j->row_slots;
    ptn_depthwise_tile t = ptn_depthwise_tile_for(tiles, sample, rows);
    t.out_row = v->phases * tiles->horizontal.outputs * s->c;
    t.first_channel = ptn_part_begin(vectors, j->parts, part) * tiles->vector;
    t.last_channel = ptn_min(s->c, ptn_part_begin(vectors, j->parts, part + 1) * tiles->vector);
    const size_t begin = 2 * ptn_part_begin(pairs, j->bands, band);
    const size_t end = ptn_min(v->outputs, 2 * ptn_part_begin(pairs, j->bands, band + 1));
    for (size_t first = begin; first < ptn_min(end, begin + v->phases); first++)
        for (size_t oy = first; oy < end;) {
            const size_t both = tiles->sized && end - oy > v->phases ? 2 : 1;
            run_rows(tiles, &t, sample, oy, both, rows);
            oy += both * v->phases;
        }
}

// Vectors of channels one after the other: [c / vector][kh*kw][vector]. The last one ends where the
// channels end and repeats some of the one before; channels that do not fill a vector are padded.
bool ptn_conv2d_depthwise_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_float_bytes(s->kh, s->kw, ptn_div_up(s->c, vector), vector, floats);
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

size_t ptn_conv2d_depthwise_scratch(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    return (size_t)plan->threads * ptn_depthwise_row_slots(s) * sizeof(float *);
}

double ptn_conv2d_depthwise_nanoseconds(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                                        double compute) {
    // Few operations for each number: the way from the caches counts as much.
    const double read = (double)s->h * (double)s->w;
    const double written = (double)plan->out_h * (double)plan->out_w;
    return 1.5 * compute + (read + written) * (double)s->n * (double)s->c * sizeof(float) / 50;
}

// Maps that the last cache does not hold together, and tiles whose rows are long enough to be worth it.
// (EPYC, Zen 4: 1.1 to 2.2 times as fast from 16 MB on; 0.85 to 1.6 times on 10 to 15 MB.) Channels
// and neighbours that lie apart are not fetched.
static bool is_far(const depthwise_job *j, const ptn_conv2d_plan *plan) {
    enum { LEAST_FLOATS = 128 };
    const ptn_conv2d_shape *s = j->tiles.shape;
    return j->parts == 1 && s->dilation_h == 1 && s->dilation_w == 1 &&
           s->c * (j->tiles.many_registers ? 7 : 4) > LEAST_FLOATS &&
           ptn_maps_bytes(s, plan) >= PTN_FARTHEST_BYTES;
}

// Tiles of constant size exist for small square kernels.
static const ptn_depthwise_fn (*sized_tiles(const ptn_depthwise_job *j, ptn_isa isa))[2][PLACES] {
    const size_t taps = j->vertical.taps, stride = j->vertical.phase_stride;
    const bool fits = (taps == 3 || taps == 5 || taps == 7) && taps == j->horizontal.taps &&
                      stride <= 2 && stride == j->horizontal.phase_stride &&
                      j->shape->c >= j->vector;
    return fits ? (*tiles[isa])[(taps - 3) / 2][stride - 1] : NULL;
}

// Cuts the work into bands of rows, which share input rows at their borders: one for each thread,
// which then finds its part of the map in its own cache again at the next call; more where work is
// large and a thread may be held up. Small maps have few rows and many channels. Results do not
// depend on the cut.
static void cut(depthwise_job *j, const ptn_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = j->tiles.shape;
    const size_t threads = (size_t)plan->threads, vector = j->tiles.vector;
    const size_t pairs = ptn_div_up(j->tiles.vertical.outputs, 2);
    j->bands = j->parts = 1;
    if (threads <= 1) return;
    const double each = plan->multiply_adds / (double)vector / 1e5 / (double)threads;
    const size_t wanted = threads * (each > 4 ? 4 : each > 1 ? (size_t)each : 1);
    j->bands = ptn_min(pairs, ptn_div_up(wanted, s->n));
    if (j->bands * s->n < threads)
        j->parts =
            ptn_min(ptn_div_up(threads, j->bands * s->n), ptn_div_up(s->c, 4 * vector));
}

void ptn_depthwise_prepare(ptn_depthwise_job *j, ptn_isa isa, const ptn_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = j->shape;
    j->vertical = axis_for(s->h, plan->out_h, s->kh, s->pad_top, s->stride_h, s->dilation_h);
    j->horizontal = axis_for(s->w, plan->out_w, s->kw, s->pad_left, s->stride_w, s->dilation_w);
    j->any = any_tile[isa];
    j->vector = ptn_isa_vector_floats(isa);
    j->many_registers = isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON;
    j->sized = sized_tiles(j, isa);
    j->activate = NULL;
    if (!ptn_clamp_of(j->epilogue->activation.kind, &j->low, &j->high))
        j->activate = ptn_activate_row[isa];
}

ptn_status ptn_conv2d_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                const ptn_conv2d_plan *plan, const float *x, const float *packed,
                                size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                                float *y) {
    const float **rows = ptn_scratch_acquire(plan->scratch_bytes);
    if (!rows) return PTN_OUT_OF_MEMORY;
    depthwise_job j = {.tiles = {.shape = shape,
                                 .epilogue = epilogue,
                                 .x = x,
                                 .packed = packed,
                                 .packed_stride = packed_stride,
                                 .y = y},
                       .rows = rows,
                       .row_slots = ptn_depthwise_row_slots(shape)};
    ptn_depthwise_prepare(&j.tiles, runtime->isa, plan);
    cut(&j, plan);
    j.tiles.far = is_far(&j, plan);
    ptn_parallel(plan->threads, shape->n * j.parts * j.bands, run_task, &j);
    ptn_scratch_release(rows);
    return PTN_OK;
}
