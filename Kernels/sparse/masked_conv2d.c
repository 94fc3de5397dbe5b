// Driver of the masked convolution: the direct convolution's tiles on a list of pixels.
//
// The list is cut into chunks, each chunk's row addresses are made in scratch and used for all
// panels of channels, as in the direct convolution; sums run over taps and channels in the same
// order. Where no sample has weights, biases or gates of its own, the lists of all samples are
// one, so that few active pixels per sample still fill whole tiles.
#include "masked_conv2d.h"
#include <string.h>

// As in the direct convolution: pixels per chunk, taps times pixels, weights used on a whole chunk
// before the next are fetched.
enum { CHUNK_ROWS = 256, TABLE_ENTRIES = 1 << 16 };
static const size_t BLOCK_BYTES = 384 << 10, SMALL_BLOCK_BYTES = 32 << 10;
enum { FEW_ROWS = 96 };
// Tasks per thread to aim at, and pixels that are worth a chunk.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 24 };

typedef struct masked_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_epilogue *epilogue;
    const ptn_masked_conv2d_mask *mask;
    ptn_mask_view outputs;
    ptn_isa isa;
    ptn_panels panels;
    const ptn_tile_table *tiles;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    size_t pixels; // of one sample's output
    ptn_taps taps;
    bool pointwise; // 1x1, stride 1, no padding
    // Lists of active pixels that are cut on their own, chunks of each, parts of the panels.
    size_t lists, chunks, panel_parts, chunk_rows, tile_rows, compute_tasks;
    ptn_inactive_job inactive;
    char *thread_scratch;
    size_t thread_bytes;
    float low, high;
} masked_job;

typedef struct chunk {
    size_t sample; // of weights, bias and gate
    size_t first, rows, panel_begin, panel_end;
    const float **table;
    float **rows_out; // [rows]: output rows, channel 0
    float **out;      // [PTN_TILE_MAX_ROWS]: a tile's
    float *partial;   // [rows][width of a panel]
} chunk;

static size_t chunk_rows_for(const ptn_conv2d_shape *s) {
    const size_t fit = TABLE_ENTRIES / (s->kh * s->kw);
    return ptn_max(PTN_TILE_MAX_ROWS, ptn_min(CHUNK_ROWS, fit));
}

// An odd number of cache lines: see direct.c.
static size_t table_step(size_t rows) { return (ptn_div_up(rows, 8) | 1) * 8; }

static size_t table_bytes(const ptn_conv2d_shape *s) {
    return table_step(chunk_rows_for(s)) * s->kh * s->kw * sizeof(float *);
}

static size_t out_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64((chunk_rows_for(s) + PTN_TILE_MAX_ROWS) * sizeof(float *));
}

static size_t thread_scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s) {
    const size_t width = ptn_tile_vectors(isa) * ptn_isa_vector_floats(isa);
    return table_bytes(s) + out_bytes(s) + ptn_round_64(chunk_rows_for(s) * width * sizeof(float));
}

static size_t zeros_bytes(const ptn_conv2d_shape *s) { return ptn_round_64(s->c * sizeof(float)); }

static size_t shared_scratch_bytes(const ptn_conv2d_shape *s) {
    return zeros_bytes(s) + ptn_round_64(s->kh * s->kw * sizeof(ptrdiff_t));
}

static bool is_pointwise(const ptn_conv2d_shape *s) {
    return s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_bottom == 0 && s->pad_left == 0 && s->pad_right == 0;
}

// Row addresses of `count` pixels of one sample, which are `first` and following in the list.
static void fill_sample(const masked_job *j, size_t sample, size_t first, size_t count, size_t step,
                        const float **table, float **rows_out) {
    const ptn_conv2d_shape *s = j->shape;
    const int32_t *pixels = j->outputs.pixels + first;
    if (j->mask->output == PTN_MASKED_ROWS)
        for (size_t m = 0; m < count; m++) rows_out[m] = j->y + (first + m) * s->k;
    else
        for (size_t m = 0; m < count; m++)
            rows_out[m] = j->y + (sample * j->pixels + (size_t)pixels[m]) * s->k;
    if (!j->pointwise || (j->taps.rows && j->mask->inputs != j->mask->outputs))
        ptn_taps_fill(&j->taps, sample, pixels, count, step, table);
    else if (j->mask->input == PTN_MASKED_ROWS)
        for (size_t m = 0; m < count; m++) table[m] = j->x + (first + m) * s->c;
    else
        for (size_t m = 0; m < count; m++)
            table[m] = j->x + (sample * j->pixels + (size_t)pixels[m]) * s->c;
}

static void fill_chunk(const masked_job *j, const chunk *ch) {
    const size_t *offsets = j->outputs.offsets, end = ch->first + ch->rows;
    const size_t step = table_step(ch->rows);
    size_t sample = ch->sample;
    for (size_t at = ch->first; at < end;) {
        while (offsets[sample + 1] <= at) sample++;
        const size_t count = ptn_min(end, offsets[sample + 1]) - at;
        fill_sample(j, sample, at, count, step, ch->table + (at - ch->first),
                    ch->rows_out + (at - ch->first));
        at += count;
    }
}

static void finish_rows(const masked_job *j, const ptn_tile_args *a, size_t rows, size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < rows; m++)
        j->activate(act->kind, act->slope, slopes, a->columns, a->out[m], a->out[m]);
}

// What a tile brings into the second-level cache while it runs; see direct.c.
static void set_prefetch(ptn_tile_args *a, const void *from, size_t bytes) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    a->prefetch = from;
    a->prefetch_step = turns > 0 ? ptn_min(PTN_TILE_PREFETCH, ptn_div_up(bytes, turns)) : 0;
}

// Brings the places of results into the first-level cache while the tile runs, where they are
// neighbours; scattered ones are left to the store buffers.
static void set_stores(ptn_tile_args *a, size_t height, size_t k) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    const bool together = (size_t)(a->out[height - 1] - a->out[0]) == (height - 1) * k;
    a->stores = (const char *)a->out[0];
    a->stores_step =
        turns > 0 && together ? ptn_div_up(height * a->columns * sizeof(float), turns) : 0;
}

// The taps that `a` names, on every tile of the chunk; `next` are the weights that come after these,
// NULL when those are in the cache already.
static void run_block(const masked_job *j, const chunk *ch, ptn_tile_args *a, size_t vectors,
                      size_t channel, const char *next) {
    const size_t width = vectors * j->panels.vector;
    const float *const *rows = a->rows;
    const size_t tiles = ptn_div_up(ch->rows, ptn_tile_rows(j->isa, vectors));
    const size_t bytes = a->taps * a->channels * width * sizeof(float);
    for (size_t t = 0; t < tiles; t++) {
        const size_t begin = ptn_part_begin(ch->rows, tiles, t);
        const size_t height = ptn_part_begin(ch->rows, tiles, t + 1) - begin;
        a->rows = rows + begin;
        a->partial = ch->partial + begin * width;
        set_prefetch(a, a->panel, 0);
        if (next) set_prefetch(a, next + bytes / tiles * t, ptn_div_up(bytes, tiles));
        for (size_t m = 0; m < height; m++) ch->out[m] = ch->rows_out[begin + m] + channel;
        set_stores(a, height, j->shape->k);
        (*j->tiles)[vectors - 1][height - 1](a);
        if (j->activate && a->last) finish_rows(j, a, height, channel);
    }
}

// Which weights make a block: some taps, or some channels of one tap.
typedef struct block_cut {
    size_t taps, channels;
} block_cut;

// Few pixels read every weight few times, so weights that do not fit the second-level cache come in
// at its rate; then blocks that stay in the first level leave the way free for the next.
static block_cut cut_blocks(size_t taps, size_t channels, size_t width, size_t rows, bool cold) {
    const size_t bytes = cold && rows <= FEW_ROWS ? SMALL_BLOCK_BYTES : BLOCK_BYTES;
    const size_t fit = ptn_max(1, bytes / (width * sizeof(float)));
    if (fit >= channels) return (block_cut){ptn_min(taps, fit / channels), channels};
    const size_t parts = ptn_div_up(channels, fit);
    const size_t piece = ptn_div_up(ptn_div_up(channels, parts), PTN_TILE_UNROLL);
    return (block_cut){1, piece * PTN_TILE_UNROLL};
}

static void run_panel(const masked_job *j, const chunk *ch, size_t index) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t group = index / j->panels.count, panel = index % j->panels.count;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t taps = s->kh * s->kw, in = s->c / s->groups, out = s->k / s->groups;
    const size_t column = panel * j->panels.width, channel = group * out + column;
    const size_t vectors = ptn_panel_vectors(&j->panels, out, column);
    const size_t width = vectors * j->panels.vector, tap_floats = in * width;
    const bool cold = (ch->panel_end - ch->panel_begin) * taps * tap_floats > BLOCK_BYTES / 4;
    const float *weights = j->packed + ch->sample * j->packed_stride +
                           taps * in * (group * j->panels.padded + column);
    ptn_tile_args a = {
        .channels = in,
        .rows_step = table_step(ch->rows),
        .row_offset = group * in,
        .columns = ptn_min(out - column, j->panels.width),
        .out = ch->out,
        .bias = e->bias ? e->bias + ch->sample * e->bias_stride + channel : NULL,
        .gate = e->gate ? e->gate + ch->sample * s->k + channel : NULL,
        .has_residual = e->residual != NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->y),
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    const block_cut cut = cut_blocks(taps, in, width, ch->rows, cold);
    for (size_t tap = 0; tap < taps; tap += cut.taps) {
        for (size_t c = 0; c < in; c += cut.channels) {
            a.taps = ptn_min(cut.taps, taps - tap);
            a.channels = ptn_min(cut.channels, in - c);
            a.row_offset = group * in + c;
            a.first = tap == 0 && c == 0;
            a.last = tap + a.taps == taps && c + a.channels == in;
            a.rows = ch->table + tap * a.rows_step;
            a.panel = weights + tap * tap_floats + c * width;
            const bool more = !a.last || index + 1 < ch->panel_end;
            const float *next = a.panel + a.taps * a.channels * width;
            run_block(j, ch, &a, vectors, channel, more && cold ? (const char *)next : NULL);
        }
    }
}

// Where a chunk of a list of `rows` pixels begins: at a tile, so that cutting finer does not make
// more tiles.
static size_t chunk_begin(const masked_job *j, size_t rows, size_t index) {
    const size_t tiles = ptn_div_up(rows, j->tile_rows);
    if (tiles == 0) return 0;
    return ptn_part_begin(rows, tiles, ptn_part_begin(tiles, j->chunks, index));
}

static void run_task(void *context, size_t index, int thread) {
    const masked_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    if (index >= j->compute_tasks) {
        ptn_inactive_run(&j->inactive, index - j->compute_tasks);
        return;
    }
    const size_t at = index % j->chunks, rest = index / j->chunks;
    const size_t part = rest % j->panel_parts, list = rest / j->panel_parts;
    const size_t begin = j->outputs.offsets[list];
    const size_t end = j->outputs.offsets[j->lists == 1 ? j->outputs.n : list + 1];
    chunk ch = {.sample = list, .first = begin + chunk_begin(j, end - begin, at)};
    ch.rows = begin + chunk_begin(j, end - begin, at + 1) - ch.first;
    if (ch.rows == 0) return;
    const size_t all_panels = s->groups * j->panels.count;
    ch.panel_begin = ptn_part_begin(all_panels, j->panel_parts, part);
    ch.panel_end = ptn_part_begin(all_panels, j->panel_parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ch.table = (const float **)scratch;
    ch.rows_out = (float **)(scratch + table_bytes(s));
    ch.out = ch.rows_out + j->chunk_rows;
    ch.partial = (float *)(scratch + table_bytes(s) + out_bytes(s));
    fill_chunk(j, &ch);
    for (size_t p = ch.panel_begin; p < ch.panel_end; p++) run_panel(j, &ch, p);
}

// Cuts the work into nearly equal tasks, pixels first where the weights stay in the second-level
// cache, panels first where they do not. Results do not depend on the cut.
static void cut(masked_job *j, int threads) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t all_panels = s->groups * j->panels.count;
    size_t longest = j->outputs.count;
    if (j->lists != 1) {
        longest = 0;
        for (size_t n = 0; n < j->outputs.n; n++)
            longest = ptn_max(longest, j->outputs.offsets[n + 1] - j->outputs.offsets[n]);
    }
    const size_t tiles = ptn_div_up(longest, j->tile_rows);
    j->chunks = ptn_max(1, ptn_div_up(tiles, j->chunk_rows / j->tile_rows));
    j->panel_parts = 1;
    if (threads > 1) {
        const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
        const size_t floats =
            s->kh * s->kw * (s->c / s->groups) * j->panels.padded * s->groups;
        const bool large = floats * sizeof(float) > 2 * BLOCK_BYTES;
        if (large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, j->lists * j->chunks));
        const size_t chunks = ptn_div_up(wanted, j->lists * j->panel_parts);
        j->chunks = ptn_max(j->chunks, ptn_min(chunks, longest / LEAST_ROWS));
        if (!large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, j->lists * j->chunks));
        const size_t even = ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads;
        if (j->lists * j->panel_parts % (size_t)threads != 0)
            j->chunks = ptn_max(j->chunks, ptn_min(even, tiles));
    }
    j->compute_tasks = longest == 0 ? 0 : j->lists * j->chunks * j->panel_parts;
}

// As for the dense convolution; see conv2d.c.
static int threads_for(const ptn_runtime *runtime, const ptn_conv2d_plan *plan,
                       const ptn_conv2d_shape *s, size_t active) {
    const double lanes = (double)ptn_isa_vector_floats(runtime->isa);
    const double sums = (double)active * (double)s->k * (double)(s->c / s->groups) *
                        (double)(s->kh * s->kw);
    const double compute = sums / (lanes * 2 * 2.5);
    const double traffic = active > 0 ? (double)plan->packed_floats * 4 / 10 : 0;
    return ptn_threads_worth(runtime->threads, compute > traffic ? compute : traffic);
}

static ptn_status run(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                      const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                      const float *x, const float *packed, size_t packed_stride,
                      const ptn_conv2d_epilogue *e, float *y) {
    masked_job j = {.shape = s,
                    .epilogue = e,
                    .mask = mask,
                    .outputs = mask->outputs->view,
                    .isa = runtime->isa,
                    .panels = ptn_panels_for(runtime->isa, s->k / s->groups),
                    .tiles = ptn_tile_tables[runtime->isa],
                    .x = x,
                    .packed = packed,
                    .packed_stride = packed_stride,
                    .y = y,
                    .pixels = plan->out_h * plan->out_w,
                    .pointwise = is_pointwise(s),
                    .chunk_rows = chunk_rows_for(s),
                    .inactive = ptn_inactive_for(mask, s->k, y),
                    .thread_bytes = thread_scratch_bytes(runtime->isa, s)};
    j.tile_rows = ptn_tile_rows(j.isa, j.panels.vectors);
    const bool shared = packed_stride == 0 && e->bias_stride == 0 && !e->gate;
    j.lists = shared ? 1 : s->n;
    const int threads = threads_for(runtime, plan, s, j.outputs.count);
    char *scratch =
        ptn_scratch_acquire(shared_scratch_bytes(s) + (size_t)threads * j.thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    j.thread_scratch = scratch + shared_scratch_bytes(s);
    memset(scratch, 0, zeros_bytes(s));
    j.taps = ptn_taps_for(s, plan, (ptrdiff_t *)(scratch + zeros_bytes(s)));
    j.taps.layout = mask->input;
    j.taps.x = x;
    j.taps.zeros = (const float *)scratch;
    ptn_status status = PTN_OK;
    if (mask->input != PTN_MASKED_MAP) {
        j.taps.rows = ptn_mask_plan_rows(mask->inputs);
        if (!j.taps.rows) status = PTN_OUT_OF_MEMORY;
    }
    if (!ptn_clamp_of(e->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    if (status == PTN_OK) {
        cut(&j, threads);
        ptn_parallel(threads, j.compute_tasks + j.inactive.tasks, run_task, &j);
    }
    ptn_scratch_release(scratch);
    return status;
}

static bool fits(const ptn_mask_plan *plan, size_t n, size_t h, size_t w) {
    return plan && plan->view.n == n && plan->view.h == h && plan->view.w == w;
}

static bool mask_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan) {
    if (!fits(m->outputs, s->n, plan->out_h, plan->out_w)) return false;
    if ((unsigned)m->input > PTN_MASKED_ACTIVE_MAP || (unsigned)m->output > PTN_MASKED_ROWS ||
        (unsigned)m->inactive > PTN_MASKED_COPY)
        return false;
    if (m->input != PTN_MASKED_MAP && !fits(m->inputs, s->n, s->h, s->w)) return false;
    if (m->previous && !fits(m->previous, s->n, plan->out_h, plan->out_w)) return false;
    return m->output == PTN_MASKED_ROWS || m->inactive != PTN_MASKED_COPY || m->base;
}

static bool epilogue_valid(const ptn_conv2d_epilogue *e) {
    if ((unsigned)e->activation.kind >= PTN_ACTIVATION_COUNT) return false;
    if (e->activation.kind == PTN_ACT_PRELU && !e->activation.slopes) return false;
    return !e->residual_after_activation || !e->residual ||
           ptn_clamp_of(e->activation.kind, &(float){0}, &(float){0});
}

ptn_status ptn_masked_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_masked_conv2d_mask *mask, const float *x,
                             const float *packed, size_t packed_stride,
                             const ptn_conv2d_epilogue *epilogue, float *y) {
    if (!epilogue_valid(epilogue)) return PTN_BAD_ARGUMENT;
    ptn_conv2d_shape s = *shape;
    const bool tiles = s.choice == PTN_CONV2D_WINOGRAD_FORCE_4X4 ||
                       s.choice == PTN_CONV2D_WINOGRAD_FORCE_6X6;
    if (!tiles) s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    const ptn_status status = ptn_conv2d_plan_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    if (!mask_valid(mask, &s, &plan)) return PTN_BAD_ARGUMENT;
    if (tiles && (s.dilation_h != 1 || s.dilation_w != 1 || packed_stride != 0 ||
                  mask->input != PTN_MASKED_MAP))
        return PTN_BAD_ARGUMENT;
    if (s.n == 0) return PTN_OK;
    if (tiles) return ptn_masked_winograd(runtime, &s, &plan, mask, x, packed, epilogue, y);
    if (plan.algorithm == PTN_CONV2D_DEPTHWISE)
        return ptn_masked_depthwise(runtime, &s, &plan, mask, x, packed, packed_stride, epilogue,
                                    y);
    return run(runtime, &s, &plan, mask, x, packed, packed_stride, epilogue, y);
}
