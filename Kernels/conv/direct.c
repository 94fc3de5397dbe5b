// Driver of the direct convolution: cuts the output into chunks of pixels and panels of channels,
// makes each chunk's table of row addresses and runs tiles over it.
//
// A chunk's table is made in scratch from two small tables, one of input rows and one of input
// columns, and used for all panels. Nothing of the size of the image is ever built.
#include "conv2d_internal.h"
#include <string.h>

// Pixels per chunk: enough to use a panel often, few enough for the table and the
// chunk's activations to stay in the second-level cache.
enum { CHUNK_ROWS = 256, TABLE_ENTRIES = 1 << 16 };
// Weights of one panel that are used on all tiles of a chunk before the next are fetched: they must
// stay in the second-level cache meanwhile. Taps beyond are added in further blocks.
static const size_t BLOCK_BYTES = 384 << 10;

typedef struct direct_job {
    ptn_isa isa;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_epilogue *epilogue;
    ptn_panels panels;
    const ptn_tile_table *tiles;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    size_t pixels, chunks, chunk_rows, panel_parts;
    ptrdiff_t *row_offsets;    // [out_h][kh]: floats from the image's start; -1 outside
    ptrdiff_t *column_offsets; // [out_w][kw]
    size_t out_w;
    bool pointwise; // 1x1, stride 1, no padding: output pixel i reads input pixel i
    bool merged;    // a row of taps is one tap with kw * c channels
    size_t taps, channels; // as the tiles see them
    const float *zeros;    // as many floats as a tile's tap has channels
    char *thread_scratch;
    size_t thread_bytes;
    float low, high;
} direct_job;

static size_t chunk_rows_for(const ptn_conv2d_shape *s) {
    const size_t fit = TABLE_ENTRIES / (s->kh * s->kw);
    return ptn_max(PTN_TILE_MAX_ROWS, ptn_min(CHUNK_ROWS, fit));
}

// Pointers from one tap of a chunk's table to the next: an odd number of cache lines, since taps a
// power of two apart would all fall into the same few sets of the first-level cache.
static size_t table_step(size_t rows) { return (ptn_div_up(rows, 8) | 1) * 8; }

// With few channels the taps of a row are taken together: in memory they are kw * c neighbouring
// numbers, in the image as in the packed weights, and a stem of three channels would else spend its
// time on addresses. Windows that reach over the left or right edge are copied out with zeros.
static bool is_merged(const ptn_conv2d_shape *s) {
    return s->c <= 8 && s->groups == 1 && s->kw > 1 && s->dilation_w == 1 &&
           s->kh * s->kw * s->c <= 512;
}

static size_t window_bytes(const ptn_conv2d_shape *s) {
    if (!is_merged(s)) return 0;
    return ptn_round_64(chunk_rows_for(s) * s->kh * s->kw * s->c * sizeof(float));
}

static size_t zeros_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64((is_merged(s) ? s->kw * s->c : s->c) * sizeof(float));
}

// Row addresses of a chunk, addresses of a tile's outputs, unfinished sums, copied windows.
static size_t table_bytes(const ptn_conv2d_shape *s) {
    return table_step(chunk_rows_for(s)) * s->kh * s->kw * sizeof(float *);
}

static size_t out_bytes(void) { return ptn_round_64(PTN_TILE_MAX_ROWS * sizeof(float *)); }

static size_t thread_scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s) {
    const size_t width = ptn_tile_vectors(isa) * ptn_isa_vector_floats(isa);
    return table_bytes(s) + out_bytes() +
           ptn_round_64(chunk_rows_for(s) * width * sizeof(float)) + window_bytes(s);
}

static bool is_pointwise(const ptn_conv2d_shape *s) {
    return s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_bottom == 0 && s->pad_left == 0 && s->pad_right == 0;
}

static size_t shared_scratch_bytes(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    if (is_pointwise(s)) return zeros_bytes(s);
    return ptn_round_64((plan->out_h * s->kh + plan->out_w * s->kw) * sizeof(ptrdiff_t)) +
           zeros_bytes(s);
}

size_t ptn_conv2d_direct_scratch(ptn_isa isa, const ptn_conv2d_shape *shape,
                                 const ptn_conv2d_plan *plan) {
    return shared_scratch_bytes(shape, plan) +
           (size_t)plan->threads * thread_scratch_bytes(isa, shape);
}

// offsets[o][i] = unit * position of tap i for output o, or -1 outside [0, size).
static void fill_offsets(ptrdiff_t *offsets, size_t outputs, size_t taps, size_t stride,
                         size_t dilation, size_t pad, size_t size, size_t unit) {
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < taps; i++) {
            size_t position = o * stride + i * dilation;
            bool inside = position >= pad && position - pad < size;
            offsets[o * taps + i] = inside ? (ptrdiff_t)((position - pad) * unit) : -1;
        }
}

// Where part `index` of `parts` begins when `rows` are cut into nearly equal parts, so that a small
// map does not end in a sliver.
static size_t part_begin(size_t rows, size_t parts, size_t index) {
    return rows / parts * index + ptn_min(index, rows % parts);
}

// table[tap][row]: where the channels begin that output row `first + row` reads at this tap.
static void fill_table(const direct_job *j, const float *image, size_t first, size_t rows,
                       const float **table) {
    const ptn_conv2d_shape *s = j->shape;
    if (j->pointwise) {
        for (size_t m = 0; m < rows; m++) table[m] = image + (first + m) * s->c;
        return;
    }
    const size_t step = table_step(rows);
    size_t oy = first / j->out_w, ox = first % j->out_w;
    for (size_t m = 0; m < rows; m++) {
        const ptrdiff_t *ys = j->row_offsets + oy * s->kh, *xs = j->column_offsets + ox * s->kw;
        const float **entry = table + m;
        for (size_t i = 0; i < s->kh; i++)
            for (size_t k = 0; k < s->kw; k++, entry += step)
                *entry = (ys[i] | xs[k]) < 0 ? j->zeros : image + ys[i] + xs[k];
        if (++ox == j->out_w) ox = 0, oy++;
    }
}

// As fill_table, with one entry per row of taps; `windows` takes those that cross an edge.
static void fill_merged_table(const direct_job *j, const float *image, size_t first, size_t rows,
                              const float **table, float *windows) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t step = table_step(rows), length = s->kw * s->c;
    size_t oy = first / j->out_w, ox = first % j->out_w;
    for (size_t m = 0; m < rows; m++) {
        const ptrdiff_t *ys = j->row_offsets + oy * s->kh, *xs = j->column_offsets + ox * s->kw;
        const bool inside = xs[0] >= 0 && xs[s->kw - 1] >= 0;
        for (size_t i = 0; i < s->kh; i++) {
            const float **entry = table + i * step + m;
            if (ys[i] < 0) {
                *entry = j->zeros;
            } else if (inside) {
                *entry = image + ys[i] + xs[0];
            } else {
                for (size_t k = 0; k < s->kw; k++)
                    memcpy(windows + k * s->c, xs[k] < 0 ? j->zeros : image + ys[i] + xs[k],
                           s->c * sizeof(float));
                *entry = windows;
                windows += length;
            }
        }
        if (++ox == j->out_w) ox = 0, oy++;
    }
}

static void finish_rows(const direct_job *j, const ptn_tile_args *a, size_t rows, size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < rows; m++)
        j->activate(act->kind, act->slope, slopes, a->columns, a->out[m], a->out[m]);
}

typedef struct chunk {
    size_t sample, first, rows, panel_begin, panel_end;
    const float **table;
    float **out;
    float *partial; // [rows][width of a panel]
    float *windows; // copied ones, when taps are merged
} chunk;

// What a tile brings into the second-level cache while it runs: `bytes` from `from` on, evenly over
// its turns.
static void set_prefetch(ptn_tile_args *a, const void *from, size_t bytes) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    a->prefetch = from;
    a->prefetch_step = turns > 0 ? ptn_min(PTN_TILE_PREFETCH, ptn_div_up(bytes, turns)) : 0;
}

// Spread over the tile's turns: all at once they would keep the weights from coming in.
static void set_stores(ptn_tile_args *a, const float *y, size_t height) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    a->stores = (const char *)y;
    a->stores_step =
        turns > 0 ? ptn_div_up(height * a->columns * sizeof(float), turns) : 0;
}

// The taps that `a` names, on every tile of the chunk. `next` are the weights that come after these,
// NULL when those are in the cache already; `fresh` says that no panel before this one has read the
// chunk's pixels.
static void run_block(const direct_job *j, const chunk *ch, ptn_tile_args *a, size_t vectors,
                      size_t channel, const char *next, bool fresh) {
    const size_t k = j->shape->k, width = vectors * j->panels.vector;
    const float *const *rows = a->rows;
    const float *const *last_tap = rows + (a->taps - 1) * a->rows_step;
    const size_t tiles = ptn_div_up(ch->rows, ptn_tile_rows(j->isa, vectors));
    const size_t bytes = a->taps * a->channels * width * sizeof(float);
    const size_t pixel = j->shape->stride_w * j->shape->c * sizeof(float);
    for (size_t t = 0; t < tiles; t++) {
        size_t begin = part_begin(ch->rows, tiles, t), end = part_begin(ch->rows, tiles, t + 1);
        size_t height = end - begin;
        a->rows = rows + begin;
        a->partial = ch->partial + begin * width;
        set_prefetch(a, a->panel, 0);
        if (next)
            set_prefetch(a, next + bytes / tiles * t, ptn_div_up(bytes, tiles));
        else if (fresh && end < ch->rows)
            // The next tile's pixels at the last tap: no earlier output has read them.
            set_prefetch(a, last_tap[end] + a->row_offset, height * pixel);
        float *y = j->y + (ch->sample * j->pixels + ch->first + begin) * k + channel;
        for (size_t m = 0; m < height; m++) ch->out[m] = y + m * k;
        set_stores(a, y, height);
        (*j->tiles)[vectors - 1][height - 1](a);
        if (j->activate && a->last) finish_rows(j, a, height, channel);
    }
}

static void run_panel(const direct_job *j, const chunk *ch, size_t index) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t group = index / j->panels.count, panel = index % j->panels.count;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t taps = j->taps, in = j->channels, out = s->k / s->groups;
    const size_t column = panel * j->panels.width, channel = group * out + column;
    const size_t vectors = ptn_panel_vectors(&j->panels, out, column);
    const size_t tap_floats = in * vectors * j->panels.vector;
    const size_t block = ptn_max(1, BLOCK_BYTES / (tap_floats * sizeof(float)));
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
    for (size_t tap = 0; tap < taps; tap += block) {
        a.taps = ptn_min(block, taps - tap);
        a.first = tap == 0;
        a.last = tap + a.taps == taps;
        a.rows = ch->table + tap * a.rows_step;
        a.panel = weights + tap * tap_floats;
        // Weights that fit one block stay where they are from one chunk to the next.
        const bool more = !a.last || index + 1 < ch->panel_end;
        const char *next = more && cold ? (const char *)(a.panel + a.taps * tap_floats) : NULL;
        run_block(j, ch, &a, vectors, channel, next, index == ch->panel_begin && a.last);
    }
}

static void run_chunk(void *context, size_t index, int thread) {
    const direct_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    // Parts of the panels vary slowest, so that neighbouring tasks share weights in the cache.
    const size_t row_chunk = index % j->chunks, rest = index / j->chunks;
    const size_t part = rest % j->panel_parts;
    chunk ch = {.sample = rest / j->panel_parts};
    ch.first = part_begin(j->pixels, j->chunks, row_chunk);
    ch.rows = part_begin(j->pixels, j->chunks, row_chunk + 1) - ch.first;
    const size_t all_panels = s->groups * j->panels.count;
    ch.panel_begin = part_begin(all_panels, j->panel_parts, part);
    ch.panel_end = part_begin(all_panels, j->panel_parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ch.table = (const float **)scratch;
    ch.out = (float **)(scratch + table_bytes(s));
    ch.partial = (float *)(scratch + table_bytes(s) + out_bytes());
    ch.windows = (float *)(scratch + j->thread_bytes - window_bytes(s));

    const float *image = j->x + ch.sample * s->h * s->w * s->c;
    if (j->merged)
        fill_merged_table(j, image, ch.first, ch.rows, ch.table, ch.windows);
    else
        fill_table(j, image, ch.first, ch.rows, ch.table);
    for (size_t p = ch.panel_begin; p < ch.panel_end; p++)
        run_panel(j, &ch, p);
}

// Tasks per thread to aim at: one core is often slower than another for a while, and the last task
// should not keep the others waiting for long.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 48 };

// Cuts the work into nearly equal tasks. Weights that stay in the second-level cache are read by
// every chunk of pixels at little cost, so pixels are cut first; larger ones are cut by panels
// first, so that each is read by few chunks. Results do not depend on the cut.
static void cut(direct_job *j, int threads) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t all_panels = s->groups * j->panels.count;
    j->chunks = ptn_div_up(j->pixels, j->chunk_rows);
    j->panel_parts = 1;
    if (threads <= 1) return;
    const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
    const size_t floats = s->kh * s->kw * (s->c / s->groups) * j->panels.padded * s->groups;
    const bool large = floats * sizeof(float) > 2 * BLOCK_BYTES;
    if (large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, s->n * j->chunks));
    const size_t chunks = ptn_div_up(wanted, s->n * j->panel_parts);
    j->chunks = ptn_max(j->chunks, ptn_min(chunks, j->pixels / LEAST_ROWS));
    if (!large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, s->n * j->chunks));
    if (s->n * j->panel_parts % (size_t)threads != 0)
        j->chunks = ptn_min(ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads, j->pixels);
}

ptn_status ptn_conv2d_direct(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_conv2d_plan *plan, const float *x, const float *packed,
                             size_t packed_stride, const ptn_conv2d_epilogue *epilogue, float *y) {
    const ptn_conv2d_shape *s = shape;
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    direct_job j = {.isa = runtime->isa,
                    .shape = s,
                    .epilogue = epilogue,
                    .panels = ptn_panels_for(runtime->isa, s->k / s->groups),
                    .tiles = ptn_tile_tables[runtime->isa],
                    .x = x,
                    .packed = packed,
                    .packed_stride = packed_stride,
                    .y = y,
                    .pixels = plan->out_h * plan->out_w,
                    .chunk_rows = chunk_rows_for(s),
                    .out_w = plan->out_w,
                    .pointwise = is_pointwise(s),
                    .merged = is_merged(s),
                    .taps = is_merged(s) ? s->kh : s->kh * s->kw,
                    .channels = is_merged(s) ? s->kw * s->c : s->c / s->groups,
                    .row_offsets = (ptrdiff_t *)scratch,
                    .column_offsets = (ptrdiff_t *)scratch + plan->out_h * s->kh,
                    .thread_scratch = scratch + shared_scratch_bytes(s, plan),
                    .thread_bytes = thread_scratch_bytes(runtime->isa, s)};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];

    float *zeros = (float *)(j.thread_scratch - zeros_bytes(s));
    memset(zeros, 0, zeros_bytes(s));
    j.zeros = zeros;
    if (!j.pointwise) {
        fill_offsets(j.row_offsets, plan->out_h, s->kh, s->stride_h, s->dilation_h, s->pad_top, s->h,
                     s->w * s->c);
        fill_offsets(j.column_offsets, plan->out_w, s->kw, s->stride_w, s->dilation_w, s->pad_left,
                     s->w, s->c);
    }
    cut(&j, plan->threads);
    ptn_parallel(plan->threads, s->n * j.chunks * j.panel_parts, run_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
