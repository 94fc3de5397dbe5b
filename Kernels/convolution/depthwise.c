// Depthwise convolution: one task is a band of rows of one sample and some of its channels.
#include "../core/fetch.h"
#include "algorithm.h"
#include "cost.h"
#include "depthwise_tiles.h"

typedef ptn_depthwise_axis axis;

typedef struct depthwise_job {
    ptn_depthwise_job tiles;
    ptn_sample_places places;
    size_t bands, parts; // tasks per sample: of rows, of channels
    const float **rows;  // [threads][row_slots]
    size_t row_slots;
} depthwise_job;

// Computes output row `oy` and, with `rows` 2, the next row of the same phase, of sample `to` of y
// from sample `from` of x.
static void run_rows(const ptn_depthwise_job *j, ptn_depthwise_tile *t, size_t from, size_t to,
                     size_t oy, size_t rows, const float **inputs) {
    const axis *v = &j->vertical, *h = &j->horizontal;
    ptn_depthwise_find_rows(j, from, oy, rows, inputs);
    float *y = j->y + (to * v->outputs + oy) * h->outputs * t->c;
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
    const size_t from = ptn_sample_at(j->places.inputs, sample);
    const size_t to = ptn_sample_at(j->places.outputs, sample);
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
            run_rows(tiles, &t, from, to, oy, both, rows);
            oy += both * v->phases;
        }
}

// Whether tiles prefetch: the maps together exceed the last-level cache, and tile rows are long
// enough. Not where channels are cut into parts or the kernel is dilated. (EPYC, Zen 4: 1.1 to 2.2
// times as fast from 16 MB on; 0.85 to 1.6 times on 10 to 15 MB.)
static bool is_far(const depthwise_job *j, const ptn_conv2d_plan *plan) {
    enum { LEAST_FLOATS = 128 };
    const ptn_conv2d_shape *s = j->tiles.shape;
    return j->parts == 1 && s->dilation_h == 1 && s->dilation_w == 1 &&
           s->c * (j->tiles.many_registers ? 7 : 4) > LEAST_FLOATS &&
           ptn_maps_bytes(s, plan->out_h, plan->out_w) >= PTN_FARTHEST_BYTES;
}

// Cuts the work into bands of rows; neighbouring bands read the same input rows at their border.
// One band per thread, so that a thread's part of the map is still in its cache in the next layer;
// more bands for large work, where a slow thread would delay the others. Small maps, with few rows
// and many channels, are cut by channels too. Results do not depend on the cut.
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
        j->parts = ptn_min(ptn_div_up(threads, j->bands * s->n), ptn_div_up(s->c, 4 * vector));
}

static bool applies(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return ptn_conv2d_is_depthwise(s);
}

// Packed as [c / vector][kh*kw][vector]. If c is not a multiple of the vector, the last vector ends
// at the last channel and overlaps the one before; fewer channels than one vector are padded.
static bool floats(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                   size_t *count) {
    (void)algorithm;
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const size_t vector = ptn_isa_vector_floats(isa);
    return ptn_float_bytes(s->kh, s->kw, ptn_div_up(s->c, vector), vector, count);
}

static size_t parts(ptn_isa isa, const ptn_conv2d_shape *s) {
    return ptn_div_up(s->c, ptn_isa_vector_floats(isa));
}

static void pack(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed) {
    (void)algorithm;
    const size_t vector = ptn_isa_vector_floats(isa), taps = s->kh * s->kw;
    const size_t first = s->c < vector ? 0 : ptn_min(part * vector, s->c - vector);
    packed += part * taps * vector;
    for (size_t i = 0; i < vector; i++) {
        const size_t c = first + i;
        for (size_t t = 0; t < taps; t++)
            packed[t * vector + i] = c < s->c ? weights[c * taps + t] * (scale ? scale[c] : 1) : 0;
    }
}

// Address of channel `c` of the first tap in packed weights of `channels` channels.
static size_t lane_of(size_t c, size_t channels, size_t taps, size_t vector) {
    const size_t part = c / vector;
    const size_t first = channels < vector ? 0 : ptn_min(part * vector, channels - vector);
    return part * taps * vector + c - first;
}

// Copies chosen channels; inputs and outputs are the same ones. The last vector of a packed form
// may repeat channels of the one before.
static void select_channels(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                            const float *packed, const ptn_conv2d_shape *part,
                            const ptn_channel_lists *lists, float *selected) {
    (void)algorithm;
    const size_t vector = ptn_isa_vector_floats(isa), taps = s->kh * s->kw;
    const size_t count = parts(isa, part);
    for (size_t i = 0; i < count; i++, selected += taps * vector) {
        const size_t first = part->c < vector ? 0 : ptn_min(i * vector, part->c - vector);
        for (size_t lane = 0; lane < vector; lane++) {
            const size_t c = first + lane;
            const bool chosen = c < lists->output_count;
            const size_t at =
                chosen ? lane_of(ptn_channel_at(lists->outputs, c), s->c, taps, vector) : 0;
            for (size_t t = 0; t < taps; t++)
                selected[t * vector + lane] = chosen ? packed[at + t * vector] : 0;
        }
    }
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    (void)isa;
    return (size_t)plan->threads * ptn_depthwise_row_slots(s) * sizeof(float *);
}

// Few multiply-adds per value, so reading and writing the maps at 50 bytes per nanosecond is added.
static double nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double compute = ptn_product_nanoseconds(isa, plan->multiply_adds);
    const double read = (double)s->h * (double)s->w;
    const double written = (double)plan->out_h * (double)plan->out_w;
    return 1.5 * compute + (read + written) * (double)s->n * (double)s->c * sizeof(float) / 50;
}

static ptn_status run(const ptn_conv2d_call *call) {
    const ptn_conv2d_plan *plan = call->plan;
    const float **rows = ptn_scratch_acquire(plan->scratch_bytes);
    if (!rows) return PTN_OUT_OF_MEMORY;
    depthwise_job j = {.tiles = {.shape = call->shape,
                                 .x = call->input.maps[0],
                                 .packed = call->packed,
                                 .packed_stride = call->packed_stride,
                                 .y = call->y},
                       .places = call->places,
                       .rows = rows,
                       .row_slots = ptn_depthwise_row_slots(call->shape)};
    ptn_depthwise_prepare(&j.tiles, call->runtime->isa, plan, call->epilogue);
    cut(&j, plan);
    j.tiles.far = is_far(&j, plan);
    ptn_parallel(plan->threads, call->shape->n * j.parts * j.bands, run_task, &j);
    ptn_scratch_release(rows);
    return PTN_OK;
}

const ptn_conv2d_functions ptn_conv2d_depthwise = {
    .applies = applies,
    .pays = applies, // always the fastest for depthwise shapes
    .floats = floats,
    .scratch = scratch_bytes,
    .nanoseconds = nanoseconds,
    .parts = parts,
    .pack = pack,
    .run = run,
    .select = select_channels,
    .joined_pixels = 1,
};
