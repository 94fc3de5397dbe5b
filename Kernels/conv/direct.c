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

// The outputs of a row, from `begin` to before `end`, that find a column of taps inside the image.
typedef struct column_range {
    size_t begin, end;
} column_range;

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
    ptrdiff_t *row_offsets; // [out_h][kh]: floats from the image's start; -1 outside
    column_range *columns;  // [kw]
    column_range inside;    // outputs whose whole window is in the row
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

static size_t window_bytes(const ptn_conv2d_shape *s) {
    if (!ptn_conv2d_is_merged(s)) return 0;
    return ptn_round_64(chunk_rows_for(s) * s->kh * s->kw * s->c * sizeof(float));
}

static size_t zeros_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64((ptn_conv2d_is_merged(s) ? s->kw * s->c : s->c) * sizeof(float));
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
    return ptn_round_64(plan->out_h * s->kh * sizeof(ptrdiff_t) + s->kw * sizeof(column_range)) +
           zeros_bytes(s);
}

size_t ptn_conv2d_direct_scratch(ptn_isa isa, const ptn_conv2d_shape *shape,
                                 const ptn_conv2d_plan *plan) {
    return shared_scratch_bytes(shape, plan) +
           (size_t)plan->threads * thread_scratch_bytes(isa, shape);
}

static void fill_row_offsets(const direct_job *j, size_t out_h) {
    const ptn_conv2d_shape *s = j->shape;
    for (size_t o = 0; o < out_h; o++)
        for (size_t i = 0; i < s->kh; i++) {
            const size_t at = o * s->stride_h + i * s->dilation_h;
            const bool inside = at >= s->pad_top && at - s->pad_top < s->h;
            j->row_offsets[o * s->kh + i] =
                inside ? (ptrdiff_t)((at - s->pad_top) * s->w * s->c) : -1;
        }
}

static void fill_columns(direct_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    j->inside = (column_range){0, j->out_w};
    for (size_t k = 0; k < s->kw; k++) {
        const size_t tap = k * s->dilation_w, end = s->w + s->pad_left;
        column_range r = {.begin = 0, .end = 0};
        if (tap < s->pad_left) r.begin = ptn_div_up(s->pad_left - tap, s->stride_w);
        if (tap < end) r.end = ptn_div_up(end - tap, s->stride_w);
        r.begin = ptn_min(r.begin, j->out_w);
        r.end = ptn_max(r.begin, ptn_min(r.end, j->out_w));
        j->columns[k] = r;
        j->inside.begin = ptn_max(j->inside.begin, r.begin);
        j->inside.end = ptn_min(j->inside.end, r.end);
    }
    j->inside.end = ptn_max(j->inside.begin, j->inside.end);
}

// Where part `index` of `parts` begins when `rows` are cut into nearly equal parts, so that a small
// map does not end in a sliver.
static size_t part_begin(size_t rows, size_t parts, size_t index) {
    return rows / parts * index + ptn_min(index, rows % parts);
}

// A run of neighbouring outputs of one row: those at [begin, end) of it, entries from `row` on.
typedef struct output_run {
    size_t y, begin, end, row;
} output_run;

static output_run run_at(const direct_job *j, size_t first, size_t row, size_t rows) {
    const size_t at = first + row, x = at % j->out_w;
    return (output_run){at / j->out_w, x, ptn_min(j->out_w, x + rows - row), row};
}

static void fill_constant(const float **entries, size_t count, const float *value) {
    for (size_t i = 0; i < count; i++) entries[i] = value;
}

static void fill_linear(const float **entries, size_t count, const float *first, size_t step) {
    const uintptr_t from = (uintptr_t)first, bytes = step * sizeof(float);
    for (size_t i = 0; i < count; i++) entries[i] = (const float *)(from + i * bytes);
}

// One tap of a run: zeros, then pixels in even steps, then zeros.
static void fill_tap(const direct_job *j, const output_run *run, const float *image_row, size_t k,
                     const float **entries) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t begin = ptn_min(ptn_max(j->columns[k].begin, run->begin), run->end);
    const size_t end = ptn_max(begin, ptn_min(j->columns[k].end, run->end));
    fill_constant(entries, begin - run->begin, j->zeros);
    if (begin < end) {
        const size_t x = begin * s->stride_w + k * s->dilation_w - s->pad_left;
        fill_linear(entries + (begin - run->begin), end - begin, image_row + x * s->c,
                    s->stride_w * s->c);
    }
    fill_constant(entries + (end - run->begin), run->end - end, j->zeros);
}

// table[tap][row]: where the channels begin that output row `first + row` reads at this tap.
static void fill_table(const direct_job *j, const float *image, size_t first, size_t rows,
                       const float **table) {
    const ptn_conv2d_shape *s = j->shape;
    if (j->pointwise) {
        fill_linear(table, rows, image + first * s->c, s->c);
        return;
    }
    const size_t step = table_step(rows);
    for (size_t row = 0; row < rows;) {
        const output_run run = run_at(j, first, row, rows);
        const size_t count = run.end - run.begin;
        const ptrdiff_t *ys = j->row_offsets + run.y * s->kh;
        const float **entries = table + row;
        for (size_t i = 0; i < s->kh; i++)
            for (size_t k = 0; k < s->kw; k++, entries += step) {
                if (ys[i] < 0)
                    fill_constant(entries, count, j->zeros);
                else
                    fill_tap(j, &run, image + ys[i], k, entries);
            }
        row += count;
    }
}

// Copies the windows of outputs [begin, end) that reach over an edge, and enters them.
static float *copy_windows(const direct_job *j, const float *image_row, size_t begin, size_t end,
                           const float **entries, float *windows) {
    const ptn_conv2d_shape *s = j->shape;
    for (size_t o = begin; o < end; o++) {
        entries[o - begin] = windows;
        for (size_t k = 0; k < s->kw; k++, windows += s->c) {
            const size_t at = o * s->stride_w + k;
            const bool is_inside = at >= s->pad_left && at - s->pad_left < s->w;
            memcpy(windows, is_inside ? image_row + (at - s->pad_left) * s->c : j->zeros,
                   s->c * sizeof(float));
        }
    }
    return windows;
}

// As fill_table, with one entry per row of taps; `windows` takes those that cross an edge.
static void fill_merged_table(const direct_job *j, const float *image, size_t first, size_t rows,
                              const float **table, float *windows) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t step = table_step(rows);
    for (size_t row = 0; row < rows;) {
        const output_run run = run_at(j, first, row, rows);
        const size_t count = run.end - run.begin;
        const ptrdiff_t *ys = j->row_offsets + run.y * s->kh;
        const size_t begin = ptn_min(ptn_max(j->inside.begin, run.begin), run.end);
        const size_t end = ptn_max(begin, ptn_min(j->inside.end, run.end));
        for (size_t i = 0; i < s->kh; i++) {
            const float **entries = table + i * step + row;
            if (ys[i] < 0) {
                fill_constant(entries, count, j->zeros);
                continue;
            }
            const float *line = image + ys[i];
            windows = copy_windows(j, line, run.begin, begin, entries, windows);
            if (begin < end)
                fill_linear(entries + (begin - run.begin), end - begin,
                            line + (begin * s->stride_w - s->pad_left) * s->c, s->stride_w * s->c);
            windows = copy_windows(j, line, end, run.end, entries + (end - run.begin), windows);
        }
        row += count;
    }
}

static void finish_rows(const direct_job *j, const ptn_tile_args *a, size_t rows, size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < rows; m++)
        j->activate(act->kind, act->slope, slopes, a->columns, a->out[m], a->out[m]);
}

// Neighbouring outputs of a chunk and the taps that any of them finds inside the image, by rows of
// taps. What lies in the padding above and below is not multiplied: on a 7 x 7 map that is a tenth
// of a 3 x 3 convolution.
typedef struct segment {
    size_t begin, end;
    size_t tap_begin, tap_end;
} segment;

enum { MAX_SEGMENTS = 8, LEAST_SEGMENT = 6 };

typedef struct chunk {
    size_t sample, first, rows, panel_begin, panel_end;
    segment segments[MAX_SEGMENTS];
    size_t segment_count;
    const float **table;
    float **out;
    float *partial; // [rows][width of a panel]
    float *windows; // copied ones, when taps are merged
} chunk;

// `bytes` spread evenly over a tile's turns. All at once, prefetches would keep the weights from
// coming in.
static size_t step_of(size_t bytes, size_t turns) {
    return turns > 0 ? ptn_div_up(bytes, turns) : 0;
}

// What a tile brings into the caches while it runs, by its height: `low` rows or one more. Computed
// once per block of taps: divisions would take a good part of a small tile's time.
typedef struct tile_steps {
    size_t low, taller; // the first `taller` tiles have low + 1 rows
    size_t weights;     // bytes of the next weights per tile
    size_t weight_step, pixel_step[2], store_step[2];
} tile_steps;

static tile_steps steps_for(const direct_job *j, size_t rows, const ptn_tile_args *a, size_t bytes,
                            size_t tiles) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    const size_t pixel = j->shape->stride_w * j->shape->c * sizeof(float);
    tile_steps t = {.low = rows / tiles,
                    .taller = rows % tiles,
                    .weights = bytes / tiles,
                    .weight_step = ptn_min(PTN_TILE_PREFETCH, step_of(bytes / tiles + 1, turns))};
    for (size_t i = 0; i < 2; i++) {
        const size_t height = t.low + i;
        t.pixel_step[i] = ptn_min(PTN_TILE_PREFETCH, step_of(height * pixel, turns));
        t.store_step[i] = step_of(height * a->columns * sizeof(float), turns);
    }
    return t;
}

// A block of taps of one panel.
typedef struct tap_block {
    size_t begin, end;    // taps
    const float *weights; // of the first tap
    size_t tap_floats;
    size_t vectors, channel;
    const char *next; // the weights that come after these; NULL when the cache holds them already
    bool fresh;       // no panel before this one has read the chunk's pixels
} tap_block;

// The part of a segment's taps that a block holds.
static segment within(const segment *g, const tap_block *block) {
    segment part = *g;
    part.tap_begin = ptn_min(ptn_max(block->begin, g->tap_begin), block->end);
    part.tap_end = ptn_max(part.tap_begin, ptn_min(block->end, g->tap_end));
    if (part.tap_begin == part.tap_end) part.tap_begin = part.tap_end = block->begin;
    return part;
}

// A segment's taps, all of them in the block, on every tile of the segment.
static void run_segment(const direct_job *j, const chunk *ch, const segment *g,
                        const tap_block *block, ptn_tile_args *a) {
    const size_t k = j->shape->k, width = block->vectors * j->panels.vector;
    const size_t rows = g->end - g->begin;
    a->taps = g->tap_end - g->tap_begin;
    if (a->taps == 0 && !a->last) {
        if (a->first) memset(ch->partial + g->begin * width, 0, rows * width * sizeof(float));
        return;
    }
    a->panel = block->weights + (g->tap_begin - block->begin) * block->tap_floats;
    const float *const *table = ch->table + g->tap_begin * a->rows_step;
    const float *const *last_tap = table + (ptn_max(1, a->taps) - 1) * a->rows_step;
    const size_t tiles = ptn_div_up(rows, ptn_tile_rows(j->isa, block->vectors));
    // The segment's share of the weights to bring in.
    const size_t row_bytes =
        block->tap_floats * sizeof(float) * (block->end - block->begin) / ch->rows;
    const tile_steps steps = steps_for(j, rows, a, row_bytes * rows, tiles);
    const ptn_tile_fn *heights = (*j->tiles)[block->vectors - 1];
    const char *next = block->next ? block->next + row_bytes * g->begin : NULL;
    float *y = j->y + (ch->sample * j->pixels + ch->first + g->begin) * k + block->channel;
    for (size_t t = 0, begin = g->begin; t < tiles; t++) {
        const bool tall = t < steps.taller;
        const size_t height = steps.low + tall, end = begin + height;
        a->rows = table + begin;
        a->partial = ch->partial + begin * width;
        a->prefetch = (const char *)a->panel;
        a->prefetch_step = 0;
        if (next) {
            a->prefetch = next + steps.weights * t;
            a->prefetch_step = steps.weight_step;
        } else if (block->fresh && end < ch->rows && a->taps > 0) {
            // The next tile's pixels at the last tap: no earlier output has read them.
            a->prefetch = (const char *)(last_tap[end] + a->row_offset);
            a->prefetch_step = steps.pixel_step[tall];
        }
        a->stores = (const char *)y;
        a->stores_step = steps.store_step[tall];
        for (size_t m = 0; m < height; m++, y += k) ch->out[m] = y;
        heights[height - 1](a);
        if (j->activate && a->last) finish_rows(j, a, height, block->channel);
        begin = end;
    }
}

// The segments that a block sees: neighbours with the same taps of it are one.
static void run_block(const direct_job *j, const chunk *ch, const tap_block *block,
                      ptn_tile_args *a) {
    segment joined = within(&ch->segments[0], block);
    for (size_t i = 1; i < ch->segment_count; i++) {
        const segment next = within(&ch->segments[i], block);
        if (next.tap_begin == joined.tap_begin && next.tap_end == joined.tap_end) {
            joined.end = next.end;
            continue;
        }
        run_segment(j, ch, &joined, block, a);
        joined = next;
    }
    run_segment(j, ch, &joined, block, a);
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
        tap_block b = {.begin = tap,
                       .end = ptn_min(taps, tap + block),
                       .weights = weights + tap * tap_floats,
                       .tap_floats = tap_floats,
                       .vectors = vectors,
                       .channel = channel};
        a.first = tap == 0;
        a.last = b.end == taps;
        b.fresh = index == ch->panel_begin && a.last;
        // Weights that fit one block stay where they are from one chunk to the next.
        const bool more = !a.last || index + 1 < ch->panel_end;
        if (more && cold) b.next = (const char *)(weights + b.end * tap_floats);
        run_block(j, ch, &b, &a);
    }
}

// The rows of taps that output row `y` finds inside the image, as taps.
static segment taps_of_row(const direct_job *j, size_t y) {
    const size_t kh = j->shape->kh, per_row = j->taps / kh;
    const ptrdiff_t *rows = j->row_offsets + y * kh;
    size_t begin = 0, end = kh;
    while (begin < kh && rows[begin] < 0) begin++;
    while (end > begin && rows[end - 1] < 0) end--;
    return (segment){.tap_begin = begin * per_row, .tap_end = end * per_row};
}

// Adds outputs to the last segment when they have its taps, or when either would be so small that
// its tiles cost more than the taps saved; else begins another.
static void append(chunk *ch, segment next) {
    if (ch->segment_count == 0) {
        ch->segments[ch->segment_count++] = next;
        return;
    }
    segment *last = &ch->segments[ch->segment_count - 1];
    const bool same = last->tap_begin == next.tap_begin && last->tap_end == next.tap_end;
    const bool small = last->end - last->begin < LEAST_SEGMENT ||
                       next.end - next.begin < LEAST_SEGMENT;
    if (!same && !small && ch->segment_count < MAX_SEGMENTS) {
        ch->segments[ch->segment_count++] = next;
        return;
    }
    last->end = next.end;
    last->tap_begin = ptn_min(last->tap_begin, next.tap_begin);
    last->tap_end = ptn_max(last->tap_end, next.tap_end);
}

static void fill_segments(const direct_job *j, chunk *ch) {
    ch->segment_count = 0;
    if (j->pointwise) {
        append(ch, (segment){0, ch->rows, 0, j->taps});
        return;
    }
    for (size_t row = 0; row < ch->rows;) {
        const output_run run = run_at(j, ch->first, row, ch->rows);
        segment next = taps_of_row(j, run.y);
        next.begin = row;
        next.end = row += run.end - run.begin;
        append(ch, next);
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
    fill_segments(j, &ch);
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
                    .merged = ptn_conv2d_is_merged(s),
                    .taps = ptn_conv2d_is_merged(s) ? s->kh : s->kh * s->kw,
                    .channels = ptn_conv2d_is_merged(s) ? s->kw * s->c : s->c / s->groups,
                    .row_offsets = (ptrdiff_t *)scratch,
                    .columns = (column_range *)((ptrdiff_t *)scratch + plan->out_h * s->kh),
                    .thread_scratch = scratch + shared_scratch_bytes(s, plan),
                    .thread_bytes = thread_scratch_bytes(runtime->isa, s)};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];

    float *zeros = (float *)(j.thread_scratch - zeros_bytes(s));
    memset(zeros, 0, zeros_bytes(s));
    j.zeros = zeros;
    if (!j.pointwise) {
        fill_row_offsets(&j, plan->out_h);
        fill_columns(&j);
    }
    cut(&j, plan->threads);
    ptn_parallel(plan->threads, s->n * j.chunks * j.panel_parts, run_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
