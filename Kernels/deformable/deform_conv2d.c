// Driver of the deformable convolution: chooses the way, plans, packs weights and cuts the work. A
// task is some pixels of one sample; deform_panels.c, deform_grouped.c and deform_depthwise.c run
// the tasks.
#include "ptn_deform_conv2d.h"
#include "deform_depthwise.h"
#include "deform_grouped.h"
#include "deform_panels.h"
#include <string.h>

static ptn_deform_way way_of(ptn_isa isa, const ptn_conv2d_shape *s) {
    if (s->groups == s->c && s->k == s->c) return PTN_DEFORM_DEPTHWISE;
    return ptn_deform_grouped_fits(isa, s) ? PTN_DEFORM_GROUPED : PTN_DEFORM_PANELS;
}

static ptn_deform_tiling tiling_for(ptn_isa isa, const ptn_deform_conv2d_shape *shape) {
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t taps = s->kh * s->kw, entries = shape->offset_groups * taps;
    ptn_deform_tiling t;
    switch (way_of(isa, s)) {
    case PTN_DEFORM_PANELS: t = ptn_deform_panels_tiling(isa, shape); break;
    case PTN_DEFORM_GROUPED: t = ptn_deform_grouped_tiling(isa, shape); break;
    case PTN_DEFORM_DEPTHWISE:
        t = (ptn_deform_tiling){.pixels = ptn_planned_pixels(entries), .taps = taps};
        t.table = ptn_round_64(taps * sizeof(float *));
    }
    t.plan = ptn_round_64(ptn_corners_bytes(t.pixels * entries));
    t.compact = ptn_round_64(ptn_places_floats(entries) * sizeof(float));
    return t;
}

static size_t thread_bytes(const ptn_deform_tiling *t) {
    return t->plan + t->compact + t->blended + t->partial + t->table + t->out;
}

static size_t zeros_floats(const ptn_conv2d_shape *s) { return ptn_div_up(s->c, 16) * 16; }

// Bytes of the zeros and the places of taps.
static size_t places_bytes(const ptn_deform_conv2d_shape *shape) {
    const size_t entries = shape->offset_groups * shape->conv.kh * shape->conv.kw;
    return ptn_round_64((zeros_floats(&shape->conv) + ptn_places_floats(entries)) * sizeof(float));
}

static size_t shared_bytes(ptn_isa isa, const ptn_deform_conv2d_shape *shape) {
    const bool grouped = way_of(isa, &shape->conv) == PTN_DEFORM_GROUPED;
    return places_bytes(shape) + (grouped ? ptn_deform_blocks_bytes(isa, &shape->conv) : 0);
}

static double estimated_nanoseconds(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                                    const ptn_deform_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = &shape->conv;
    const double lanes = (double)ptn_isa_vector_floats(isa);
    const double sampled =
        (double)s->n * (double)(plan->out_h * plan->out_w) * (double)s->c * (double)(s->kh * s->kw);
    return (plan->multiply_adds + 12 * sampled) / (lanes * 2 * 2.5);
}

// Whether sizes are small enough: positions of taps and rows of floats are multiplied only by small
// numbers.
static bool sizes_fit(const ptn_deform_conv2d_shape *shape, const ptn_deform_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = &shape->conv;
    size_t entries, pixels;
    return ptn_sampling_fits(s->h, s->w, s->c) && ptn_mul(s->kh, s->kw, &entries) &&
           ptn_mul(entries, shape->offset_groups, &entries) &&
           ptn_mul(plan->out_h, plan->out_w, &pixels) &&
           ptn_float_bytes(entries, 4096, 1, 1, NULL) &&
           ptn_float_bytes(s->n, pixels, ptn_max(2 * entries, shape->offset_step), 1, NULL) &&
           ptn_float_bytes(s->n, pixels, ptn_max(entries, shape->mask_step), 1, NULL) &&
           ptn_float_bytes(s->c, s->kh * s->kw, 1024, 1, NULL);
}

static bool packed_floats(ptn_isa isa, const ptn_conv2d_shape *s, size_t *floats) {
    const ptn_deform_way way = way_of(isa, s);
    if (way == PTN_DEFORM_DEPTHWISE) return ptn_float_bytes(s->kh, s->kw, s->c, 1, floats);
    if (way == PTN_DEFORM_GROUPED) return ptn_deform_grouped_floats(isa, s, floats);
    return ptn_panels_floats(isa, s, floats);
}

ptn_status ptn_deform_conv2d_plan_for(const ptn_runtime *runtime,
                                      const ptn_deform_conv2d_shape *shape,
                                      ptn_deform_conv2d_plan *plan) {
    memset(plan, 0, sizeof *plan);
    if (shape->offset_groups == 0 || shape->conv.c % shape->offset_groups != 0)
        return PTN_BAD_ARGUMENT;
    ptn_conv2d_shape conv = shape->conv;
    conv.choice = PTN_CONV2D_SUMS;
    ptn_conv2d_plan dense;
    ptn_status status = ptn_conv2d_outline_for(runtime, &conv, &dense);
    if (status != PTN_OK) return status;
    plan->out_h = dense.out_h;
    plan->out_w = dense.out_w;
    plan->multiply_adds = dense.multiply_adds;
    if (!sizes_fit(shape, plan) || !packed_floats(runtime->isa, &conv, &plan->packed_floats))
        return PTN_SIZE_OVERFLOW;
    plan->threads =
        ptn_threads_worth(runtime->threads, estimated_nanoseconds(runtime->isa, shape, plan));
    const ptn_deform_tiling t = tiling_for(runtime->isa, shape);
    plan->scratch_bytes =
        shared_bytes(runtime->isa, shape) + (size_t)plan->threads * thread_bytes(&t);
    return PTN_OK;
}

ptn_status ptn_deform_conv2d_pack(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                                  const float *weights, const float *scale, float *packed) {
    const ptn_conv2d_shape *s = &shape->conv;
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (s->groups == 0 || s->c == 0 || s->k == 0 || s->c % s->groups || s->k % s->groups)
        return PTN_BAD_ARGUMENT;
    const size_t taps = s->kh * s->kw;
    const ptn_deform_way way = way_of(isa, s);
    if (way == PTN_DEFORM_GROUPED) {
        ptn_deform_grouped_pack(isa, s, weights, scale, packed);
        return PTN_OK;
    }
    if (way == PTN_DEFORM_DEPTHWISE) {
        for (size_t c = 0; c < s->c; c++)
            for (size_t t = 0; t < taps; t++)
                packed[t * s->c + c] = weights[c * taps + t] * (scale ? scale[c] : 1);
        return PTN_OK;
    }
    for (size_t part = 0; part < ptn_panels_parts(isa, s); part++)
        ptn_panels_pack(isa, s, weights, scale, part, packed);
    return PTN_OK;
}

// Target number of tasks per thread; fewest pixels of a task.
enum { TASKS_PER_THREAD = 12, TASK_ROWS = 48, NARROW_TASK_ROWS = 32 };

// Cuts the work into nearly equal tasks. Pixels are cut first. If there are few, panels are cut
// too: each part then blends the same samples again, so only while that costs little compared with
// the products.
static void cut(ptn_deform_job *j, int threads) {
    const size_t n = j->conv->n, wanted = TASKS_PER_THREAD * (size_t)threads;
    const size_t pixels = j->map.pixels;
    const bool narrow = j->way != PTN_DEFORM_PANELS;
    const size_t height = narrow ? 1 : ptn_deform_tile_height(j);
    const size_t tiles = ptn_div_up(pixels, height);
    j->chunks = narrow ? 1 : ptn_div_up(tiles, j->tiling.pixels / height);
    j->panel_parts = 1;
    if (threads <= 1) return;
    const size_t least = narrow ? NARROW_TASK_ROWS : TASK_ROWS;
    j->chunks = ptn_max(j->chunks, ptn_min(ptn_div_up(wanted, n), pixels / least));
    if (narrow) return;
    if (j->conv->groups == 1 && n * j->chunks < 2 * (size_t)threads)
        j->panel_parts = ptn_min(ptn_div_up(2 * (size_t)threads, n * j->chunks),
                                 ptn_max(1, j->panels.count / 2));
    else if (n * j->chunks % (size_t)threads != 0)
        j->chunks = ptn_min(ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads, tiles);
}

static void place_taps(const ptn_deform_job *j) {
    const ptn_conv2d_shape *s = j->conv;
    for (size_t tap = 0; tap < j->taps; tap++) {
        j->map.tap_y[tap] = (float)(tap / s->kw * s->dilation_h);
        j->map.tap_x[tap] = (float)(tap % s->kw * s->dilation_w);
    }
    ptn_repeat_places(&j->map);
}

static ptn_planned_map map_of(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                              const ptn_deform_conv2d_plan *plan, const float *x,
                              const float *offset, const float *mask) {
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t taps = s->kh * s->kw, entries = shape->offset_groups * taps;
    const size_t step = shape->offset_step ? shape->offset_step : 2 * entries;
    return (ptn_planned_map){
        .isa = isa,
        .p = {.image = {.h = s->h, .w = s->w, .step = s->c},
              .scale = 1,
              .is_logit = shape->mask_is_logit},
        .x = x,
        .offset = offset,
        .mask = mask,
        .groups = shape->offset_groups,
        .points = taps,
        .offset_pixel = shape->offset_is_shared ? 0 : step,
        .offset_group = 2 * taps,
        .mask_pixel = shape->mask_step ? shape->mask_step : entries,
        .mask_group = taps,
        .pixels = plan->out_h * plan->out_w,
        .out_w = plan->out_w,
        .stride_h = s->stride_h,
        .stride_w = s->stride_w,
        .pad_top = s->pad_top,
        .pad_left = s->pad_left,
    };
}

// The job, except for pointers of a call; `scratch` has the plan's scratch_bytes.
static ptn_deform_job job_of(const ptn_runtime *runtime, const ptn_deform_conv2d_shape *shape,
                             const ptn_deform_conv2d_plan *plan, ptn_planned_map map,
                             char *scratch) {
    const ptn_conv2d_shape *s = &shape->conv;
    ptn_deform_job j = {
        .way = way_of(runtime->isa, s),
        .shape = shape,
        .conv = s,
        .map = map,
        .panels = ptn_panels_for(runtime->isa, s->k / s->groups),
        .taps = map.points,
        .entries = map.groups * map.points,
        .tiling = tiling_for(runtime->isa, shape),
        .blocks = (ptn_grouped_block *)(scratch + places_bytes(shape)),
        .thread_scratch = scratch + shared_bytes(runtime->isa, shape),
    };
    j.thread_bytes = thread_bytes(&j.tiling);
    memset(scratch, 0, zeros_floats(s) * sizeof(float));
    j.map.p.image.zeros = (const float *)scratch;
    ptn_set_places(&j.map, (float *)scratch + zeros_floats(s));
    place_taps(&j);
    if (j.way == PTN_DEFORM_GROUPED) ptn_deform_find_blocks(&j);
    cut(&j, plan->threads);
    return j;
}

ptn_status ptn_deform_conv2d(const ptn_runtime *runtime, const ptn_deform_conv2d_shape *shape,
                             const float *x, const float *offset, const float *mask,
                             const float *packed, const ptn_conv2d_epilogue *epilogue, float *y) {
    static void (*const task[])(void *, size_t, int) = {
        [PTN_DEFORM_PANELS] = ptn_deform_panels,
        [PTN_DEFORM_GROUPED] = ptn_deform_grouped,
        [PTN_DEFORM_DEPTHWISE] = ptn_deform_depthwise,
    };
    const size_t n = shape->conv.n;
    ptn_deform_conv2d_plan plan;
    if (!ptn_conv2d_epilogue_valid(epilogue, y)) return PTN_BAD_ARGUMENT;
    const ptn_status status = ptn_deform_conv2d_plan_for(runtime, shape, &plan);
    if (status != PTN_OK || n == 0) return status;
    char *scratch = ptn_scratch_acquire(plan.scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const ptn_planned_map map = map_of(runtime->isa, shape, &plan, x, offset, mask);
    ptn_deform_job j = job_of(runtime, shape, &plan, map, scratch);
    j.epilogue = ptn_epilogue_for(epilogue, runtime->isa, shape->conv.k, y);
    j.packed = packed;
    j.y = y;
    ptn_parallel(plan.threads, n * j.chunks * j.panel_parts, task[j.way], &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
