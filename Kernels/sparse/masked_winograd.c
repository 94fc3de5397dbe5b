// Tile-sparse Winograd: only tiles with an active output are transformed, multiplied and
// transformed back, and only their active outputs are stored.
//
// The active tiles of all samples form one list, which is cut into blocks whose transformed pixels
// stay in the second-level cache, as in the dense driver (convolution/winograd.c). Sums run over
// channels in order, independent of the cut.
#include "masked_winograd.h"
#include "../convolution/cost.h"
#include "../convolution/winograd_cut.h"
#include "../convolution/winograd_guard.h"
#include "../core/divider.h"
#include "../core/fetch.h"
#include "inactive.h"
#include "masked_tile_inputs.h"
#include "masked_tile_outputs.h"
#include <string.h>

enum { TASKS_PER_THREAD = 4 };

typedef struct tiles_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_masked_conv2d_mask *mask;
    const ptn_winograd_form *form;
    ptn_winograd_cut cut;
    ptn_isa isa;
    ptn_tile_inputs pixels;
    ptn_tile_outputs outputs;
    const float *packed;
    const int32_t *tiles;  // active tiles of all samples
    const size_t *offsets; // [n + 1]
    ptn_divider by_tiles_w;
    size_t count, blocks, block_tiles, width; // width: floats per tile and plane of products
    char *inputs, *products, *threads;
    size_t input_bytes, product_bytes, thread_bytes;
    uint8_t *uneven; // [count]: 1 for a tile that the guard leaves out; NULL without a guard
    bool staged;     // all threads compute one block together
    ptn_inactive_job inactive;
    bool is_far; // the maps exceed the caches
} tiles_job;

typedef struct tiles_block {
    const tiles_job *job;
    size_t first;
    float *u; // [plane][tile][channel]
    ptn_winograd_block of;
    ptn_winograd_weights weights;
} tiles_block;

static tiles_block block_at(const tiles_job *j, size_t index, size_t set) {
    const size_t first = ptn_part_begin(j->count, j->blocks, index);
    tiles_block b = {.job = j,
                     .first = first,
                     .u = (float *)(j->inputs + set * j->input_bytes),
                     .weights = {.form = j->form,
                                 .shape = j->shape,
                                 .panels = &j->cut.panels,
                                 .packed = j->packed,
                                 .packed_channels = j->shape->c,
                                 .isa = j->isa,
                                 .side_by_side = j->staged}};
    b.of = (ptn_winograd_block){.tiles = ptn_part_begin(j->count, j->blocks, index + 1) - first,
                                .u = b.u,
                                .products = (float *)(j->products + set * j->product_bytes)};
    return b;
}

// Position of tile `at` of the list.
static ptn_tile_place place_of(const tiles_job *j, size_t at) {
    size_t low = 0, high = j->shape->n;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (j->offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    const size_t m = j->form->outputs, tile = (size_t)j->tiles[at];
    const size_t down = ptn_divide(j->by_tiles_w, tile);
    ptn_tile_place p = {.sample = low, .top = down * m, .left = (tile - down * j->cut.tiles_w) * m};
    p.rows = ptn_min(m, j->plan->out_h - p.top);
    p.columns = ptn_min(m, j->plan->out_w - p.left);
    return p;
}

// The outputs that the guard considers in a tile. With a dense map as input these are all outputs,
// active or not, so that the same tiles are left out as in the dense convolution.
static uint64_t judged_outputs(const tiles_job *j, const ptn_tile_place *at) {
    return j->mask->input == PTN_MASKED_MAP
               ? ptn_winograd_outputs_inside(j->form, at->rows, at->columns)
               : ptn_tile_outputs_active(&j->outputs, at);
}

static void transform_tile(const tiles_block *b, size_t tile) {
    const tiles_job *j = b->job;
    if (j->is_far && tile + 1 < b->of.tiles) {
        const ptn_tile_place next = place_of(j, b->first + tile + 1);
        ptn_tile_inputs_fetch(&j->pixels, &next);
    }
    const ptn_tile_place at = place_of(j, b->first + tile);
    const size_t c = j->shape->c;
    float sums[PTN_GUARD_SUMS] = {0};
    ptn_tile_inputs_transform(&j->pixels, &at, b->of.tiles * c, b->u + tile * c,
                              j->uneven ? sums : NULL);
    if (j->uneven)
        j->uneven[b->first + tile] =
            ptn_winograd_is_uneven(j->form, sums, judged_outputs(j, &at), at.rows, at.columns, c);
}

static void *table_of(const tiles_job *j, int thread) {
    return j->threads + (size_t)thread * j->thread_bytes;
}

static void transform_back(const tiles_block *b, const ptn_winograd_panel *p, size_t tile,
                           int thread) {
    const tiles_job *j = b->job;
    if (j->uneven && j->uneven[b->first + tile]) return;
    if (j->is_far && tile + 1 < b->of.tiles) {
        const ptn_tile_place next = place_of(j, b->first + tile + 1);
        ptn_tile_outputs_fetch(&j->outputs, p, &next);
    }
    const ptn_tile_place at = place_of(j, b->first + tile);
    float *values =
        (float *)((char *)table_of(j, thread) + ptn_winograd_table_bytes(j->block_tiles));
    ptn_tile_outputs_store(&j->outputs, p, &at, b->of.products + tile * p->row + p->first,
                           b->of.tiles * p->row, values);
}

// Computes one block with all panels on one thread, or clears inactive pixels.
static void run_block(void *context, size_t index, int thread) {
    const tiles_job *j = context;
    if (index >= j->blocks) {
        ptn_inactive_run(&j->inactive, index - j->blocks);
        return;
    }
    const tiles_block b = block_at(j, index, (size_t)thread);
    for (size_t t = 0; t < b.of.tiles; t++) transform_tile(&b, t);
    ptn_winograd_enter(&b.weights, &b.of, table_of(j, thread));
    for (size_t i = 0; i < j->cut.panels.count; i++) {
        const ptn_winograd_panel p = ptn_winograd_panel_at(&b.weights, i);
        for (size_t plane = 0; plane < j->form->planes; plane++)
            ptn_winograd_multiply(&b.weights, &b.of, &p, plane,
                                  p.weights + (plane + 1) * j->shape->c * p.width,
                                  table_of(j, thread));
        for (size_t t = 0; t < b.of.tiles; t++) transform_back(&b, &p, t, thread);
    }
}

static void stage_tile(void *context, size_t tile, int thread) {
    (void)thread;
    transform_tile(context, tile);
}

static void stage_plane(void *context, size_t plane, int thread) {
    const tiles_block *b = context;
    ptn_winograd_multiply_plane(&b->weights, &b->of, plane, table_of(b->job, thread));
}

static void stage_back(void *context, size_t tile, int thread) {
    const tiles_block *b = context;
    for (size_t index = 0; index < b->job->cut.panels.count; index++) {
        const ptn_winograd_panel p = ptn_winograd_panel_at(&b->weights, index);
        transform_back(b, &p, tile, thread);
    }
}

static void stage_inactive(void *context, size_t index, int thread) {
    (void)thread;
    ptn_inactive_run(context, index);
}

static void run_staged(tiles_job *j, int threads) {
    for (size_t index = 0; index < j->blocks; index++) {
        tiles_block b = block_at(j, index, 0);
        ptn_parallel(threads, b.of.tiles, stage_tile, &b);
        ptn_parallel(threads, j->form->planes, stage_plane, &b);
        ptn_parallel(threads, b.of.tiles, stage_back, &b);
    }
    ptn_parallel(threads, j->inactive.tasks, stage_inactive, &j->inactive);
}

// Cuts the list into blocks. With large weights, or too few tiles for the threads, all threads
// share each block; if the weights stay in the second-level cache, blocks are made smaller instead,
// as in the dense driver.
static void cut_tiles(tiles_job *j, int threads) {
    const ptn_panels *panels = &j->cut.panels;
    const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
    size_t fit = j->cut.block_tiles;
    const bool few = threads > 1 && ptn_div_up(j->count, fit) < wanted;
    const bool small = j->plan->packed_floats * sizeof(float) <= PTN_WINOGRAD_SMALL_WEIGHTS;
    if (few && small && !j->cut.by_plane) {
        const size_t most = ptn_max(1, j->count / PTN_TILE_MAX_HEIGHT);
        const size_t blocks = ptn_div_up(ptn_min(wanted, most), (size_t)threads) * (size_t)threads;
        fit = ptn_max(1, ptn_div_up(j->count, blocks));
    }
    j->staged = j->cut.by_plane || (few && !small);
    if (j->staged && !j->cut.by_plane) fit *= (size_t)threads;
    j->blocks = ptn_div_up(j->count, fit);
    j->block_tiles = j->blocks > 0 ? ptn_div_up(j->count, j->blocks) : 0;
    j->width = j->staged ? panels->padded : panels->width;
    const size_t floats = j->form->planes * j->block_tiles * sizeof(float);
    j->input_bytes = ptn_round_64(floats * j->shape->c);
    j->product_bytes = ptn_round_64(floats * j->width);
    j->thread_bytes = ptn_winograd_table_bytes(j->block_tiles) +
                      ptn_round_64(ptn_tile_outputs_floats(j->form, panels->width) * sizeof(float));
}

static ptn_status run_tiles(tiles_job *j, int threads) {
    cut_tiles(j, threads);
    const size_t sets = j->staged ? 1 : (size_t)threads, zeros = j->shape->c * sizeof(float);
    char *scratch =
        ptn_scratch_acquire(ptn_round_64(zeros) + sets * (j->input_bytes + j->product_bytes) +
                            (size_t)threads * j->thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros);
    j->pixels.zeros = (const float *)scratch;
    j->inputs = scratch + ptn_round_64(zeros);
    j->products = j->inputs + sets * j->input_bytes;
    j->threads = j->products + sets * j->product_bytes;
    if (j->staged)
        run_staged(j, threads);
    else
        ptn_parallel(threads, j->blocks + j->inactive.tasks, run_block, j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

// Reports to the guard which tiles and active outputs were left out.
static void report(const tiles_job *j, ptn_conv2d_guard *guard) {
    const size_t m = j->form->outputs, out_w = j->plan->out_w, pixels = j->plan->out_h * out_w;
    guard->tiles = j->count;
    for (size_t t = 0; t < j->count; t++) guard->tiles_left_out += j->uneven[t];
    if (guard->tiles_left_out == 0) return;
    memset(guard->left_out, 0, j->shape->n * pixels);
    for (size_t t = 0; t < j->count; t++) {
        if (!j->uneven[t]) continue;
        const ptn_tile_place at = place_of(j, t);
        uint8_t *first = guard->left_out + at.sample * pixels + at.top * out_w + at.left;
        for (uint64_t rest = ptn_tile_outputs_active(&j->outputs, &at); rest; rest &= rest - 1) {
            const size_t bit = (size_t)__builtin_ctzll(rest);
            first[bit / m * out_w + bit % m] = 1;
        }
    }
}

static int threads_for(const ptn_runtime *runtime, const tiles_job *j) {
    if (j->count == 0) return 1;
    const double products =
        (double)j->count * (double)j->form->planes * (double)j->shape->c * (double)j->shape->k;
    const double compute = 1.5 * ptn_product_nanoseconds(runtime->isa, products);
    return ptn_threads_worth(runtime->threads, ptn_with_weights_nanoseconds(compute, j->plan));
}

ptn_status ptn_masked_winograd(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                               const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                               const float *x, const float *packed, const ptn_conv2d_epilogue *e,
                               float *y) {
    const ptn_winograd_form *form = ptn_winograd_form_of(plan->algorithm);
    const ptn_winograd_cut cut =
        ptn_winograd_cut_for(form, runtime->isa, s, plan->out_h, plan->out_w, 1);
    tiles_job j = {.shape = s,
                   .plan = plan,
                   .mask = mask,
                   .form = form,
                   .cut = cut,
                   .by_tiles_w = ptn_divider_for(cut.tiles_w),
                   .isa = runtime->isa,
                   .pixels = ptn_tile_inputs_for(s, form, runtime->isa, mask, x),
                   .outputs = {.form = form,
                               .output = ptn_winograd_output_for(form, runtime->isa),
                               .mask = &mask->outputs->view,
                               .epilogue = ptn_epilogue_for(e, runtime->isa, s->k, y),
                               .residual = e->residual,
                               .y = y,
                               .out_h = plan->out_h,
                               .out_w = plan->out_w,
                               .k = s->k,
                               .y_step = mask->y_step ? mask->y_step : s->k,
                               .panel_width = cut.panels.width},
                   .packed = packed,
                   .is_far = ptn_maps_bytes(s, plan->out_h, plan->out_w) > PTN_FAR_BYTES,
                   .inactive = ptn_inactive_for(mask, s->k, y)};
    const ptn_mask_plan *order = mask->output_order ? mask->output_order : mask->outputs;
    if (mask->output == PTN_MASKED_COMPACT && !(j.outputs.index = ptn_mask_plan_index(order)))
        return PTN_OUT_OF_MEMORY;
    if (mask->input == PTN_MASKED_COMPACT && !(j.pixels.index = ptn_mask_plan_index(mask->inputs)))
        return PTN_OUT_OF_MEMORY;
    const size_t all = s->n * j.cut.tiles, offsets = ptn_round_64((s->n + 1) * sizeof(size_t));
    const size_t tiles = ptn_round_64((all + 1) * sizeof(int32_t));
    char *list = ptn_scratch_acquire(offsets + tiles + all + 1);
    if (!list) return PTN_OUT_OF_MEMORY;
    if (mask->guard) j.uneven = (uint8_t *)(list + offsets + tiles);
    j.offsets = (const size_t *)list;
    j.tiles = (const int32_t *)(list + offsets);
    ptn_status status = ptn_mask_plan_tiles(mask->outputs, form->outputs, form->outputs,
                                            (int32_t *)(list + offsets), (size_t *)list);
    j.count = status == PTN_OK ? j.offsets[s->n] : 0;
    const int threads = threads_for(runtime, &j);
    if (status == PTN_OK) status = run_tiles(&j, threads);
    if (status == PTN_OK && mask->guard) report(&j, mask->guard);
    ptn_scratch_release(list);
    return status;
}
