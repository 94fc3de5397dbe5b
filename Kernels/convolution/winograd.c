// Driver of Winograd's convolution: 36 multiplications for 16 outputs, or 64 for 36, where direct
// sums need 144 and 324. Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv
// 1509.09308.
//
// The image is cut into tiles of outputs, the tiles into blocks whose transformed pixels stay in
// the second-level cache. For each plane a block's transformed pixels are multiplied by that
// plane's weights with the tiles of the direct convolution; then products are transformed back,
// with the epilogue. Sums run over channels in order, independent of the cut.
#include "../core/fetch.h"
#include "algorithm.h"
#include "cost.h"
#include "panel_select.h"
#include "winograd_cost.h"
#include "winograd_cut.h"
#include "winograd_guard.h"
#include "winograd_pixels.h"
#include "winograd_product.h"
#include <string.h>

static size_t pixels_bytes(const ptn_winograd_form *form, const ptn_winograd_cut *c,
                           const ptn_conv2d_shape *s) {
    return ptn_round_64(form->planes * c->block_tiles * s->c * sizeof(float));
}

static size_t products_bytes(const ptn_winograd_form *form, const ptn_winograd_cut *c) {
    const size_t width = c->by_plane ? c->panels.padded : c->panels.width;
    return ptn_round_64(form->planes * c->block_tiles * width * sizeof(float));
}

// Number of blocks that are computed at the same time.
static size_t block_sets(const ptn_winograd_cut *c, int threads) {
    return c->by_plane ? 1 : (size_t)threads;
}

static size_t cut_bytes(const ptn_winograd_form *form, const ptn_winograd_cut *c,
                        const ptn_conv2d_shape *s, int threads) {
    return ptn_round_64(s->c * sizeof(float)) + ptn_round_64(s->n * c->tiles) +
           block_sets(c, threads) * (pixels_bytes(form, c, s) + products_bytes(form, c)) +
           (size_t)threads * ptn_winograd_table_bytes(c->block_tiles);
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const ptn_winograd_form *form = ptn_winograd_form_of(plan->algorithm);
    const ptn_winograd_cut c =
        ptn_winograd_cut_for(form, isa, s, plan->out_h, plan->out_w, (size_t)plan->threads);
    return cut_bytes(form, &c, s, plan->threads);
}

typedef struct winograd_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    ptn_epilogue epilogue;
    const ptn_winograd_form *form;
    ptn_winograd_cut cut;
    ptn_isa isa;
    ptn_winograd_input_fn input;
    ptn_winograd_output_fn output;
    ptn_sample_places places;
    const float *x, *packed;
    size_t packed_stride, packed_inputs, layer_inputs;
    const uint8_t *wanted;
    float *y;
    const float *zeros;
    char *inputs, *products, *tables; // transformed pixels; products; addresses
    // [n][tiles]: 1 for a tile that the guard leaves out; NULL without a guard.
    uint8_t *uneven;
    bool is_far; // the maps exceed the caches
} winograd_job;

typedef struct block {
    size_t sample, first; // sample, and the block's first tile in it
    float *u;             // transformed pixels: [plane][tile][channel]
    ptn_winograd_block of;
} block;

static block block_at(const winograd_job *j, size_t index, size_t set) {
    const ptn_winograd_cut *c = &j->cut;
    const size_t at = index % c->blocks, each = c->tiles / c->blocks, rest = c->tiles % c->blocks;
    block b = {.sample = index / c->blocks,
               .first = each * at + ptn_min(at, rest),
               .u = (float *)(j->inputs + set * pixels_bytes(j->form, c, j->shape))};
    b.of = (ptn_winograd_block){
        .tiles = each + (at < rest),
        .u = b.u,
        .products = (float *)(j->products + set * products_bytes(j->form, c)),
    };
    return b;
}

// Position of a tile's outputs in the image. With dilation d, neighbouring outputs of a tile are d
// apart.
typedef struct place {
    size_t top, left, rows, columns; // rows and columns may be 0: some phases are smaller
} place;

static size_t outputs_left(size_t size, size_t first, size_t dilation, size_t outputs) {
    return first < size ? ptn_min(outputs, ptn_div_up(size - first, dilation)) : 0;
}

static place place_of(const winograd_job *j, size_t tile) {
    const ptn_winograd_cut *c = &j->cut;
    const ptn_conv2d_shape *s = j->shape;
    const size_t m = j->form->outputs, rest = tile / c->tiles_w, phase = rest / c->tiles_h;
    place p = {.top = phase / c->phases_w + rest % c->tiles_h * m * s->dilation_h,
               .left = phase % c->phases_w + tile % c->tiles_w * m * s->dilation_w};
    p.rows = outputs_left(j->plan->out_h, p.top, s->dilation_h, m);
    p.columns = outputs_left(j->plan->out_w, p.left, s->dilation_w, m);
    return p;
}

static uint8_t *uneven_at(const winograd_job *j, const block *b, size_t tile) {
    return j->uneven + b->sample * j->cut.tiles + b->first + tile;
}

// Transforms a tile's input pixels and, with a guard, decides whether it is left out.
static void transform_tile(const winograd_job *j, const block *b, size_t tile) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t from = ptn_sample_at(j->places.inputs, b->sample);
    const float *image = j->x + from * s->h * s->w * s->c;
    if (j->is_far && tile + 1 < b->of.tiles) {
        const place next = place_of(j, b->first + tile + 1);
        ptn_winograd_fetch_pixels(s, j->form->side, next.top, next.left, image);
    }
    const place at = place_of(j, b->first + tile);
    const float *pixels[PTN_WINOGRAD_MAX_PLANES];
    ptn_winograd_pixels(s, j->form->side, at.top, at.left, image, j->zeros, pixels);
    j->input(pixels, s->c, b->of.tiles * s->c, b->u + tile * s->c);
    if (!j->uneven) return;
    float sums[PTN_GUARD_SUMS] = {0};
    ptn_winograd_measure(j->form, j->isa, pixels, s->c, sums);
    const uint64_t outputs = ptn_winograd_outputs_inside(j->form, at.rows, at.columns);
    *uneven_at(j, b, tile) =
        ptn_winograd_is_uneven(j->form, sums, outputs, at.rows, at.columns, j->layer_inputs);
}

static ptn_winograd_weights weights_of(const winograd_job *j, const block *b) {
    return (ptn_winograd_weights){.form = j->form,
                                  .shape = j->shape,
                                  .panels = &j->cut.panels,
                                  .packed = j->packed + b->sample * j->packed_stride,
                                  .packed_channels = j->packed_inputs,
                                  .isa = j->isa,
                                  .wanted = j->wanted ? j->wanted + b->sample * j->cut.panels.count
                                                      : NULL,
                                  .side_by_side = j->cut.by_plane};
}

static void *table_of(const winograd_job *j, int thread) {
    return j->tables + (size_t)thread * ptn_winograd_table_bytes(j->cut.block_tiles);
}

// Offset in floats of a tile's first output from y.
static size_t output_at(const winograd_job *j, const block *b, const place *at) {
    const ptn_conv2d_plan *plan = j->plan;
    const size_t to = ptn_sample_at(j->places.outputs, b->sample);
    return ((to * plan->out_h + at->top) * plan->out_w + at->left) * j->shape->k;
}

static void activate_tile(const winograd_job *j, const ptn_winograd_output *a, size_t channel) {
    for (size_t i = 0; i < a->rows; i++)
        ptn_epilogue_activate_pixels(&j->epilogue, channel, a->channels, a->columns, a->out_pixel,
                                     a->out + i * a->out_row);
}

// Prefetches a tile's outputs and residuals; `a` has their layout.
static void fetch_outputs(const winograd_job *j, const block *b, const ptn_winograd_panel *p,
                          const ptn_winograd_output *a, size_t tile) {
    const place at = place_of(j, b->first + tile);
    const float *first = j->y + output_at(j, b, &at) + p->channel;
    for (size_t i = 0; i < at.rows; i++)
        for (size_t k = 0; k < at.columns; k++) {
            const float *out = first + i * a->out_row + k * a->out_pixel;
            ptn_fetch(out, p->channels);
            if (a->end.has_residual) ptn_fetch(ptn_epilogue_residual(&a->end, out), p->channels);
        }
}

// Transforms the products of tiles [first, last) of the block back, with the epilogue.
static void transform_back(const winograd_job *j, const block *b, const ptn_winograd_panel *p,
                           size_t first, size_t last) {
    const ptn_conv2d_shape *s = j->shape;
    ptn_winograd_output a = {
        .step = b->of.tiles * p->row,
        .channels = p->channels,
        .out_row = s->dilation_h * j->plan->out_w * s->k,
        .out_pixel = s->dilation_w * s->k,
        .end = ptn_epilogue_at(&j->epilogue, b->sample, p->channel),
    };
    for (size_t t = first; t < last; t++) {
        const place at = place_of(j, b->first + t);
        if (at.rows == 0 || at.columns == 0) continue;
        if (j->uneven && *uneven_at(j, b, t)) continue;
        if (j->is_far && t + 1 < b->of.tiles) fetch_outputs(j, b, p, &a, t + 1);
        a.products = b->of.products + t * p->row + p->first;
        a.rows = at.rows;
        a.columns = at.columns;
        a.out = j->y + output_at(j, b, &at) + p->channel;
        j->output(&a);
        if (j->epilogue.activate) activate_tile(j, &a, p->channel);
    }
}

static bool is_wanted(const winograd_job *j, const block *b, size_t panel) {
    return !j->wanted || j->wanted[b->sample * j->cut.panels.count + panel];
}

// Computes one block with all panels, on one thread.
static void run_block(void *context, size_t index, int thread) {
    const winograd_job *j = context;
    const block b = block_at(j, index, (size_t)thread);
    const ptn_winograd_weights weights = weights_of(j, &b);
    for (size_t t = 0; t < b.of.tiles; t++) transform_tile(j, &b, t);
    ptn_winograd_enter(&weights, &b.of, table_of(j, thread));
    for (size_t i = 0; i < j->cut.panels.count; i++) {
        if (!is_wanted(j, &b, i)) continue;
        const ptn_winograd_panel p = ptn_winograd_panel_at(&weights, i);
        const size_t floats = j->packed_inputs * p.width;
        for (size_t plane = 0; plane < j->form->planes; plane++)
            ptn_winograd_multiply(&weights, &b.of, &p, plane, p.weights + (plane + 1) * floats,
                                  table_of(j, thread));
        transform_back(j, &b, &p, 0, b.of.tiles);
    }
}

// One block that all threads compute together, plane by plane, so that each plane's weights are
// read once per block.
typedef struct block_job {
    const winograd_job *job;
    block b;
} block_job;

static void run_block_tile(void *context, size_t tile, int thread) {
    (void)thread;
    const block_job *k = context;
    transform_tile(k->job, &k->b, tile);
}

static void run_block_plane(void *context, size_t plane, int thread) {
    const block_job *k = context;
    const ptn_winograd_weights weights = weights_of(k->job, &k->b);
    ptn_winograd_multiply_plane(&weights, &k->b.of, plane, table_of(k->job, thread));
}

static void run_block_back(void *context, size_t tile, int thread) {
    (void)thread;
    const block_job *k = context;
    const ptn_winograd_weights weights = weights_of(k->job, &k->b);
    for (size_t index = 0; index < k->job->cut.panels.count; index++) {
        if (!is_wanted(k->job, &k->b, index)) continue;
        const ptn_winograd_panel p = ptn_winograd_panel_at(&weights, index);
        transform_back(k->job, &k->b, &p, tile, tile + 1);
    }
}

static void run_by_plane(const winograd_job *j, int threads, size_t blocks) {
    for (size_t index = 0; index < blocks; index++) {
        block_job k = {.job = j, .b = block_at(j, index, 0)};
        ptn_parallel(threads, k.b.of.tiles, run_block_tile, &k);
        ptn_parallel(threads, j->form->planes, run_block_plane, &k);
        ptn_parallel(threads, k.b.of.tiles, run_block_back, &k);
    }
}

// Reports to the guard which tiles and outputs were left out.
static void report(const winograd_job *j, ptn_conv2d_guard *guard) {
    const size_t tiles = j->cut.tiles, out_w = j->plan->out_w, pixels = j->plan->out_h * out_w;
    guard->tiles = j->shape->n * tiles;
    for (size_t t = 0; t < guard->tiles; t++) guard->tiles_left_out += j->uneven[t];
    if (guard->tiles_left_out == 0) return;
    memset(guard->left_out, 0, j->shape->n * pixels);
    for (size_t t = 0; t < guard->tiles; t++) {
        if (!j->uneven[t]) continue;
        const place at = place_of(j, t % tiles);
        uint8_t *first = guard->left_out + t / tiles * pixels + at.top * out_w + at.left;
        for (size_t i = 0; i < at.rows; i++)
            for (size_t k = 0; k < at.columns; k++)
                first[i * j->shape->dilation_h * out_w + k * j->shape->dilation_w] = 1;
    }
}

static ptn_status run(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    const ptn_conv2d_plan *plan = call->plan;
    const ptn_winograd_form *form = ptn_winograd_form_of(plan->algorithm);
    const ptn_isa isa = call->runtime->isa;
    const int threads = plan->threads;
    const ptn_panels panels = ptn_panels_prefix(ptn_panels_for(isa, call->packed_outputs), s->k);
    const ptn_winograd_cut cut =
        ptn_winograd_cut_with(form, &panels, s, plan->out_h, plan->out_w, (size_t)threads);
    char *scratch = ptn_scratch_acquire(cut_bytes(form, &cut, s, threads));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    winograd_job j = {
        .shape = s,
        .plan = plan,
        .epilogue = ptn_epilogue_for(call->epilogue, isa, s->k, call->y),
        .form = form,
        .cut = cut,
        .isa = isa,
        .input = ptn_winograd_input_for(form, isa),
        .output = ptn_winograd_output_for(form, isa),
        .x = call->input.maps[0],
        .packed = call->packed,
        .packed_stride = call->packed_stride,
        .packed_inputs = call->packed_inputs,
        .layer_inputs = call->layer_inputs,
        .wanted = call->wanted,
        .places = call->places,
        .y = call->y,
        .zeros = (float *)scratch,
        .is_far = ptn_maps_bytes(s, plan->out_h, plan->out_w) > PTN_FAR_BYTES,
    };
    memset(scratch, 0, s->c * sizeof(float));
    char *flags = scratch + ptn_round_64(s->c * sizeof(float));
    if (call->guard) j.uneven = (uint8_t *)flags;
    j.inputs = flags + ptn_round_64(s->n * j.cut.tiles);
    j.products = j.inputs + block_sets(&j.cut, threads) * pixels_bytes(form, &j.cut, s);
    j.tables = j.products + block_sets(&j.cut, threads) * products_bytes(form, &j.cut);
    const size_t blocks = s->n * j.cut.blocks;
    if (j.cut.by_plane)
        run_by_plane(&j, threads, blocks);
    else
        ptn_parallel(threads, blocks, run_block, &j);
    if (call->guard) report(&j, call->guard);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

static bool applies(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return ptn_conv2d_winograd_applies(s);
}

static bool floats(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                   size_t *count) {
    return ptn_winograd_floats(ptn_winograd_form_of(algorithm), isa, s, count);
}

static double cycles(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                     const ptn_conv2d_plan *plan) {
    return ptn_winograd_cycles(isa, s, algorithm, plan->out_h, plan->out_w);
}

// Halved, because there may be three parallel regions instead of one: a second thread pays only for
// more work.
static double nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double compute =
        (double)s->n * cycles(isa, s, plan->algorithm, plan) / PTN_CYCLES_PER_NANOSECOND / 2;
    return ptn_with_weights_nanoseconds(compute, plan);
}

static void pack(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed) {
    ptn_winograd_pack(ptn_winograd_form_of(algorithm), isa, s, weights, scale, part, packed);
}

static void select_channels(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                            const float *packed, const ptn_conv2d_shape *part,
                            const ptn_channel_lists *lists, float *selected) {
    const size_t planes = ptn_winograd_form_of(algorithm)->planes;
    ptn_panels_select(isa, planes, s, packed, part, lists, selected);
}

const ptn_conv2d_functions ptn_conv2d_winograd = {
    .applies = applies,
    .floats = floats,
    .scratch = scratch_bytes,
    .cycles = cycles,
    .nanoseconds = nanoseconds,
    .parts = ptn_panels_parts,
    .pack = pack,
    .run = run,
    .select = select_channels,
    .reads_parts = true,
};
