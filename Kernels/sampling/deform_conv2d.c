// Driver of the deformable convolution.
//
// A task is a chunk of output pixels of one sample. Its positions are planned once; then, a few
// taps at a time, sampled pixels are blended into rows that stay in the second-level cache, and the
// convolution's tiles multiply these rows by the packed weights of all panels. Unfinished sums wait
// in scratch for the next taps. Depthwise forms sum over the taps as they blend.
#include "ptn_deform_conv2d.h"
#include "../conv/conv2d_internal.h"
#include "sampling.h"
#include <string.h>

// Floats of blended rows in a chunk, of one panel's weights for the same taps, of a chunk's
// unfinished sums, and bytes of its plan: together they stay in the second-level cache.
enum { BLENDED_FLOATS = 72 << 10, PANEL_FLOATS = 48 << 10, PARTIAL_FLOATS = 48 << 10 };
enum { PLAN_BYTES = 160 << 10, MOST_ROWS = 252, LEAST_ROWS = 24 };
// Pixels of a depthwise form that are planned together.
enum { DEPTHWISE_ROWS = 8 };

typedef struct deform_job {
    ptn_isa isa;
    const ptn_deform_conv2d_shape *shape;
    const ptn_conv2d_shape *conv;
    const ptn_conv2d_epilogue *epilogue;
    ptn_panels panels;
    const ptn_tile_table *tiles;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *offset, *mask, *packed;
    float *y;
    size_t pixels, out_w, taps, entries; // entries: of one pixel's plan
    size_t offset_step, mask_step;
    const float *tap_y, *tap_x, *zeros;
    size_t chunks, panel_parts;
    size_t chunk_rows, tap_block, row_floats; // of blended rows
    char *thread_scratch;
    size_t thread_bytes;
    float low, high;
} deform_job;

static bool is_depthwise(const ptn_conv2d_shape *s) { return s->groups == s->c && s->k == s->c; }

// An odd number of cache lines: rows a power of two apart would fall into few sets of the cache.
static size_t row_floats(const ptn_conv2d_shape *s) { return (ptn_div_up(s->c, 16) | 1) * 16; }

// How the work of a chunk is cut; follows from the shape alone.
typedef struct tiling {
    size_t rows, taps;              // pixels of a chunk, taps that are blended together
    size_t plan, blended, partial, table, out; // bytes of scratch
} tiling;

static tiling tiling_for(ptn_isa isa, const ptn_deform_conv2d_shape *shape) {
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t taps = s->kh * s->kw, entries = shape->offset_groups * taps;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    const size_t columns = panels.padded * s->groups;
    tiling t = {.rows = DEPTHWISE_ROWS, .taps = taps};
    if (!is_depthwise(s)) {
        const size_t weights = s->c / s->groups * panels.width;
        size_t fit = ptn_min(PANEL_FLOATS / weights,
                             BLENDED_FLOATS / (row_floats(s) * 2 * LEAST_ROWS));
        fit = ptn_min(ptn_max(fit, 1), taps);
        t.taps = ptn_div_up(taps, ptn_div_up(taps, fit));
        t.rows = ptn_min(MOST_ROWS, BLENDED_FLOATS / (t.taps * row_floats(s)));
        if (t.taps < taps) t.rows = ptn_min(t.rows, PARTIAL_FLOATS / columns);
        t.rows = ptn_min(t.rows, PLAN_BYTES / ptn_corners_bytes(entries));
        t.rows = ptn_max(t.rows / PTN_TILE_MAX_ROWS * PTN_TILE_MAX_ROWS, LEAST_ROWS);
        t.blended = t.rows * t.taps * row_floats(s) * sizeof(float);
        t.partial = ptn_round_64(t.rows * columns * sizeof(float));
        t.table = ptn_round_64(t.rows * t.taps * sizeof(float *));
        t.out = ptn_round_64(PTN_TILE_MAX_ROWS * sizeof(float *));
    }
    if (is_depthwise(s)) t.table = ptn_round_64(taps * sizeof(float *));
    t.plan = ptn_round_64(ptn_corners_bytes(t.rows * entries));
    return t;
}

static size_t thread_bytes(const tiling *t) {
    return t->plan + t->blended + t->partial + t->table + t->out;
}

static size_t zeros_floats(const ptn_conv2d_shape *s) { return ptn_div_up(s->c, 16) * 16; }

static size_t shared_bytes(const ptn_deform_conv2d_shape *shape) {
    const size_t entries = shape->offset_groups * shape->conv.kh * shape->conv.kw;
    return ptn_round_64((zeros_floats(&shape->conv) + 2 * entries) * sizeof(float));
}

static double estimated_nanoseconds(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                                    const ptn_deform_conv2d_plan *plan) {
    const ptn_conv2d_shape *s = &shape->conv;
    const double lanes = (double)ptn_isa_vector_floats(isa);
    const double sampled = (double)s->n * (double)(plan->out_h * plan->out_w) * (double)s->c *
                           (double)(s->kh * s->kw);
    return (plan->multiply_adds + 12 * sampled) / (lanes * 2 * 2.5);
}

// Places of taps and rows of floats are multiplied by small numbers only.
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
    if (is_depthwise(s)) return ptn_float_bytes(s->kh, s->kw, s->c, 1, floats);
    // The panels' padding can exceed the channels by less than one panel.
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    size_t padded;
    return ptn_mul(panels.padded, s->groups, &padded) &&
           ptn_float_bytes(s->kh, s->kw, s->c / s->groups, padded, floats);
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
    ptn_status status = ptn_conv2d_plan_for(runtime, &conv, &dense);
    if (status != PTN_OK) return status;
    plan->out_h = dense.out_h;
    plan->out_w = dense.out_w;
    plan->multiply_adds = dense.multiply_adds;
    if (!sizes_fit(shape, plan) || !packed_floats(runtime->isa, &conv, &plan->packed_floats))
        return PTN_SIZE_OVERFLOW;
    plan->threads =
        ptn_threads_worth(runtime->threads, estimated_nanoseconds(runtime->isa, shape, plan));
    const tiling t = tiling_for(runtime->isa, shape);
    plan->scratch_bytes = shared_bytes(shape) + (size_t)plan->threads * thread_bytes(&t);
    return PTN_OK;
}

// Panels [tap][c][width] of one group, as the convolution's tiles read them.
static void pack_group(const ptn_panels *p, size_t out, size_t in, size_t taps,
                       const float *weights, const float *scale, float *packed) {
    for (size_t first = 0; first < out; first += p->width) {
        const size_t columns = ptn_min(out - first, p->width);
        const size_t width = ptn_panel_vectors(p, out, first) * p->vector;
        float *panel = packed + first * in * taps;
        memset(panel, 0, in * taps * width * sizeof *panel);
        for (size_t j = 0; j < columns; j++) {
            const float *filter = weights + (first + j) * in * taps;
            for (size_t c = 0; c < in; c++)
                for (size_t t = 0; t < taps; t++)
                    panel[(t * in + c) * width + j] =
                        filter[c * taps + t] * (scale ? scale[first + j] : 1);
        }
    }
}

ptn_status ptn_deform_conv2d_pack(ptn_isa isa, const ptn_deform_conv2d_shape *shape,
                                  const float *weights, const float *scale, float *packed) {
    const ptn_conv2d_shape *s = &shape->conv;
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (s->groups == 0 || s->c == 0 || s->k == 0 || s->c % s->groups || s->k % s->groups)
        return PTN_BAD_ARGUMENT;
    const size_t in = s->c / s->groups, out = s->k / s->groups, taps = s->kh * s->kw;
    if (is_depthwise(s)) {
        for (size_t c = 0; c < s->c; c++)
            for (size_t t = 0; t < taps; t++)
                packed[t * s->c + c] = weights[c * taps + t] * (scale ? scale[c] : 1);
        return PTN_OK;
    }
    const ptn_panels panels = ptn_panels_for(isa, out);
    for (size_t g = 0; g < s->groups; g++)
        pack_group(&panels, out, in, taps, weights + g * out * in * taps,
                   scale ? scale + g * out : NULL, packed + g * panels.padded * in * taps);
    return PTN_OK;
}

static size_t part_begin(size_t rows, size_t parts, size_t index) {
    return rows / parts * index + ptn_min(index, rows % parts);
}

typedef struct chunk {
    size_t sample, first, rows, panel_begin, panel_end;
    ptn_corners corners;
    float *blended, *partial;
    const float **table; // [tap_block][rows]
    float **out;
} chunk;

static void plan_rows(const deform_job *j, const ptn_corners *corners, size_t sample, size_t first,
                      size_t rows) {
    const ptn_conv2d_shape *s = j->conv;
    ptn_positions p = {
        .image = {.pixels = j->x + sample * s->h * s->w * s->c,
                  .zeros = j->zeros,
                  .h = s->h,
                  .w = s->w,
                  .step = s->c},
        .count = j->entries,
        .tap_y = j->tap_y,
        .tap_x = j->tap_x,
        .scale = 1,
        .is_logit = j->shape->mask_is_logit,
    };
    size_t oy = first / j->out_w, ox = first % j->out_w;
    for (size_t m = 0; m < rows; m++) {
        const size_t pixel = sample * j->pixels + first + m;
        p.offsets = j->offset + pixel * j->offset_step;
        p.modulation = j->mask ? j->mask + pixel * j->mask_step : NULL;
        p.origin_y = (float)((double)(oy * s->stride_h) - (double)s->pad_top);
        p.origin_x = (float)((double)(ox * s->stride_w) - (double)s->pad_left);
        ptn_plan_corners[j->isa](&p, corners, m * j->entries);
        if (++ox == j->out_w) ox = 0, oy++;
    }
}

static void activate_rows(const deform_job *j, float *const *rows, size_t count, size_t columns,
                          size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < count; m++)
        j->activate(act->kind, act->slope, slopes, columns, rows[m], rows[m]);
}

// Where the weights of a panel begin for a tap.
static const float *weights_of(const deform_job *j, size_t panel, size_t tap) {
    const ptn_conv2d_shape *s = j->conv;
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    const size_t group = panel / j->panels.count;
    const size_t column = panel % j->panels.count * j->panels.width;
    const size_t width = ptn_panel_vectors(&j->panels, out, column) * j->panels.vector;
    return j->packed + j->taps * in * (group * j->panels.padded + column) + tap * in * width;
}

// What tiles bring into the caches while they run, evenly over their turns.
static void set_streams(ptn_tile_args *a, const char *next, size_t bytes, float *y, size_t height) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    a->prefetch = next ? next : (const char *)a->panel;
    a->prefetch_step =
        next && turns > 0 ? ptn_min(PTN_TILE_PREFETCH, ptn_div_up(bytes, turns)) : 0;
    a->stores = (const char *)y;
    a->stores_step =
        a->last && turns > 0 ? ptn_div_up(height * a->columns * sizeof(float), turns) : 0;
}

// Multiplies the blended rows of `taps` taps from `tap` on by one panel.
static void run_panel(const deform_job *j, const chunk *ch, size_t panel, size_t tap, size_t taps) {
    const ptn_conv2d_shape *s = j->conv;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    const size_t group = panel / j->panels.count;
    const size_t column = panel % j->panels.count * j->panels.width;
    const size_t vectors = ptn_panel_vectors(&j->panels, out, column);
    const size_t width = vectors * j->panels.vector, channel = group * out + column;
    ptn_tile_args a = {
        .taps = taps,
        .channels = in,
        .rows_step = j->chunk_rows,
        .row_offset = group * in,
        .panel = weights_of(j, panel, tap),
        .columns = ptn_min(out - column, j->panels.width),
        .first = tap == 0,
        .last = tap + taps == j->taps,
        .out = ch->out,
        .bias = e->bias ? e->bias + ch->sample * e->bias_stride + channel : NULL,
        .gate = e->gate ? e->gate + ch->sample * s->k + channel : NULL,
        .has_residual = e->residual != NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->y),
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    // The panel after this one, or the first panel of the taps after these.
    const char *next = NULL;
    if (panel + 1 < ch->panel_end)
        next = (const char *)weights_of(j, panel + 1, tap);
    else if (!a.last)
        next = (const char *)weights_of(j, ch->panel_begin, tap + taps);
    const size_t bytes = taps * in * width * sizeof(float);
    const size_t tiles = ptn_div_up(ch->rows, ptn_tile_rows(j->isa, vectors));
    float *partial = ch->partial + (group * j->panels.padded + column) * j->chunk_rows;
    for (size_t t = 0; t < tiles; t++) {
        const size_t begin = part_begin(ch->rows, tiles, t);
        const size_t height = part_begin(ch->rows, tiles, t + 1) - begin;
        float *y = j->y + (ch->sample * j->pixels + ch->first + begin) * s->k + channel;
        for (size_t m = 0; m < height; m++) ch->out[m] = y + m * s->k;
        a.rows = ch->table + begin;
        a.partial = partial + begin * width;
        const char *stream = next ? next + bytes / tiles * t : NULL;
        set_streams(&a, stream, ptn_div_up(bytes, tiles), y, height);
        (*j->tiles)[vectors - 1][height - 1](&a);
        if (j->activate && a.last) activate_rows(j, ch->out, height, a.columns, channel);
    }
}

static chunk chunk_of(const deform_job *j, const tiling *t, size_t index, int thread) {
    const size_t rest = index / j->chunks, part = rest % j->panel_parts;
    const size_t panels = j->conv->groups * j->panels.count;
    chunk ch = {.sample = rest / j->panel_parts};
    ch.first = part_begin(j->pixels, j->chunks, index % j->chunks);
    ch.rows = part_begin(j->pixels, j->chunks, index % j->chunks + 1) - ch.first;
    ch.panel_begin = part_begin(panels, j->panel_parts, part);
    ch.panel_end = part_begin(panels, j->panel_parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ch.corners = ptn_corners_in(scratch, t->rows * j->entries);
    ch.blended = (float *)(scratch += t->plan);
    ch.partial = (float *)(scratch += t->blended);
    ch.table = (const float **)(scratch += t->partial);
    ch.out = (float **)(scratch + t->table);
    return ch;
}

static void run_chunk(void *context, size_t index, int thread) {
    const deform_job *j = context;
    const tiling t = tiling_for(j->isa, j->shape);
    const chunk ch = chunk_of(j, &t, index, thread);
    plan_rows(j, &ch.corners, ch.sample, ch.first, ch.rows);
    const size_t tap_floats = j->chunk_rows * j->row_floats;
    for (size_t tap = 0; tap < j->tap_block; tap++)
        for (size_t m = 0; m < ch.rows; m++)
            ch.table[tap * j->chunk_rows + m] =
                ch.blended + tap * tap_floats + m * j->row_floats;
    for (size_t tap = 0; tap < j->taps; tap += j->tap_block) {
        const size_t taps = ptn_min(j->tap_block, j->taps - tap);
        const ptn_blend_args blend = {
            .corners = &ch.corners,
            .pixels = ch.rows,
            .taps = j->taps,
            .offset_groups = j->shape->offset_groups,
            .channels = j->conv->c / j->shape->offset_groups,
            .tap_begin = tap,
            .tap_end = tap + taps,
            .out = ch.blended,
            .row_floats = j->row_floats,
            .tap_floats = tap_floats,
        };
        ptn_blend_rows[j->isa](&blend);
        for (size_t p = ch.panel_begin; p < ch.panel_end; p++) run_panel(j, &ch, p, tap, taps);
    }
}

static void run_depthwise(void *context, size_t index, int thread) {
    const deform_job *j = context;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t sample = index / j->chunks, c = j->conv->c;
    const size_t end = part_begin(j->pixels, j->chunks, index % j->chunks + 1);
    const tiling t = tiling_for(j->isa, j->shape);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    const ptn_corners corners = ptn_corners_in(scratch, DEPTHWISE_ROWS * j->entries);
    const float **weights = (const float **)(scratch + t.plan);
    for (size_t tap = 0; tap < j->taps; tap++) weights[tap] = j->packed + tap * c;
    ptn_gather_args a = {
        .corners = &corners,
        .taps = j->taps,
        .offset_groups = j->shape->offset_groups,
        .channels = c / j->shape->offset_groups,
        .weights = weights,
        .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
        .gate = e->gate ? e->gate + sample * c : NULL,
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    for (size_t p = part_begin(j->pixels, j->chunks, index % j->chunks); p < end;) {
        const size_t rows = ptn_min(DEPTHWISE_ROWS, end - p);
        plan_rows(j, &corners, sample, p, rows);
        for (size_t m = 0; m < rows; m++, p++) {
            const size_t at = (sample * j->pixels + p) * c;
            a.first = m * j->entries;
            a.residual = e->residual ? e->residual + at : NULL;
            a.out = j->y + at;
            ptn_gather_pixel[j->isa](&a);
            if (j->activate) activate_rows(j, &a.out, 1, c, 0);
        }
    }
}

// Tasks per thread to aim at, and the smallest that are worth it.
enum { TASKS_PER_THREAD = 12, TASK_ROWS = 48, DEPTHWISE_TASK_ROWS = 32 };

// Cuts the work into nearly equal tasks. Pixels are cut first; where they are few, panels too, each
// part then blending for itself, as long as that costs little beside the products.
static void cut(deform_job *j, int threads) {
    const size_t n = j->conv->n, wanted = TASKS_PER_THREAD * (size_t)threads;
    const bool depthwise = is_depthwise(j->conv);
    const size_t least = depthwise ? DEPTHWISE_TASK_ROWS : TASK_ROWS;
    j->chunks = depthwise ? 1 : ptn_div_up(j->pixels, j->chunk_rows);
    j->panel_parts = 1;
    if (threads <= 1) return;
    const size_t chunks = ptn_min(ptn_div_up(wanted, n), j->pixels / least);
    j->chunks = ptn_max(j->chunks, chunks);
    if (depthwise) return;
    if (j->conv->groups == 1 && n * j->chunks < 2 * (size_t)threads)
        j->panel_parts = ptn_min(ptn_div_up(2 * (size_t)threads, n * j->chunks),
                                 ptn_max(1, j->panels.count / 2));
    else if (n * j->chunks % (size_t)threads != 0)
        j->chunks = ptn_min(ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads, j->pixels);
}

static void place_taps(const deform_job *j, float *tap_y, float *tap_x) {
    const ptn_conv2d_shape *s = j->conv;
    for (size_t e = 0; e < j->entries; e++) {
        const size_t tap = e % j->taps;
        tap_y[e] = (float)(tap / s->kw * s->dilation_h);
        tap_x[e] = (float)(tap % s->kw * s->dilation_w);
    }
}

static ptn_status check(const ptn_conv2d_epilogue *e) {
    if ((unsigned)e->activation.kind >= PTN_ACTIVATION_COUNT ||
        (e->activation.kind == PTN_ACT_PRELU && !e->activation.slopes))
        return PTN_BAD_ARGUMENT;
    const bool clamps = ptn_clamp_of(e->activation.kind, &(float){0}, &(float){0});
    return e->residual && e->residual_after_activation && !clamps ? PTN_BAD_ARGUMENT : PTN_OK;
}

ptn_status ptn_deform_conv2d(const ptn_runtime *runtime, const ptn_deform_conv2d_shape *shape,
                             const float *x, const float *offset, const float *mask,
                             const float *packed, const ptn_conv2d_epilogue *epilogue, float *y) {
    const ptn_conv2d_shape *s = &shape->conv;
    ptn_deform_conv2d_plan plan;
    ptn_status status = check(epilogue);
    if (status == PTN_OK) status = ptn_deform_conv2d_plan_for(runtime, shape, &plan);
    if (status != PTN_OK || s->n == 0) return status;
    char *scratch = ptn_scratch_acquire(plan.scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;

    const tiling t = tiling_for(runtime->isa, shape);
    const size_t taps = s->kh * s->kw, entries = shape->offset_groups * taps;
    float *zeros = (float *)scratch, *tap_y = zeros + zeros_floats(s), *tap_x = tap_y + entries;
    deform_job j = {
        .isa = runtime->isa,
        .shape = shape,
        .conv = s,
        .epilogue = epilogue,
        .panels = ptn_panels_for(runtime->isa, s->k / s->groups),
        .tiles = ptn_tile_tables[runtime->isa],
        .x = x,
        .offset = offset,
        .mask = mask,
        .packed = packed,
        .y = y,
        .pixels = plan.out_h * plan.out_w,
        .out_w = plan.out_w,
        .taps = taps,
        .entries = entries,
        .offset_step = shape->offset_is_shared ? 0
                       : shape->offset_step    ? shape->offset_step
                                               : 2 * entries,
        .mask_step = shape->mask_step ? shape->mask_step : entries,
        .tap_y = tap_y,
        .tap_x = tap_x,
        .zeros = zeros,
        .chunk_rows = t.rows,
        .tap_block = t.taps,
        .row_floats = row_floats(s),
        .thread_scratch = scratch + shared_bytes(shape),
        .thread_bytes = thread_bytes(&t),
    };
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    memset(zeros, 0, zeros_floats(s) * sizeof(float));
    place_taps(&j, tap_y, tap_x);
    cut(&j, plan.threads);
    ptn_parallel(plan.threads, s->n * j.chunks * j.panel_parts,
                 is_depthwise(s) ? run_depthwise : run_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
