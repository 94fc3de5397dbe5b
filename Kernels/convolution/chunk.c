// Panels of weights on the tiles of a chunk, a block of weights at a time.
#include "chunk.h"
#include <string.h>

enum { MOST_ROWS = 256, TABLE_ENTRIES = 1 << 16, LEAST_SEGMENT = 6, MOST_LISTED_TAPS = 49 };
// Few outputs read every weight few times, so weights that do not fit the second-level cache come in
// at its rate; blocks that stay in the first level then leave the way free for the next.
enum { FEW_ROWS = 96, VERY_FEW_ROWS = 32 };
static const size_t SMALL_BLOCK_BYTES = 32 << 10, KEPT_BYTES = 1 << 20;
// Where a core reads weights from its second-level cache as fast as it multiplies by them, blocks of
// one tap may be as large as this: the fewer the blocks of a tap, the less often sums are stored.
static const size_t ZEN_TAP_BYTES = 128 << 10;

size_t ptn_chunk_rows(size_t taps) {
    return ptn_max(PTN_TILE_MAX_ROWS, ptn_min(MOST_ROWS, TABLE_ENTRIES / taps));
}

static size_t table_bytes(size_t taps) {
    return ptn_chunk_step(ptn_chunk_rows(taps)) * taps * sizeof(float *);
}

static size_t places_bytes(size_t taps) {
    return ptn_round_64((ptn_chunk_rows(taps) + PTN_TILE_MAX_ROWS) * sizeof(float *));
}

size_t ptn_chunk_bytes(ptn_isa isa, size_t taps) {
    const size_t width = ptn_tile_vectors(isa) * ptn_isa_vector_floats(isa);
    return table_bytes(taps) + places_bytes(taps) +
           ptn_round_64(ptn_chunk_rows(taps) * width * sizeof(float));
}

void ptn_chunk_place(ptn_chunk *chunk, size_t taps, char *scratch) {
    chunk->table = (const float **)scratch;
    chunk->places = (float **)(scratch + table_bytes(taps));
    chunk->out = chunk->places + ptn_chunk_rows(taps);
    chunk->partial = (float *)(scratch + table_bytes(taps) + places_bytes(taps));
}

void ptn_chunk_append(ptn_chunk *chunk, size_t end, size_t tap_begin, size_t tap_end) {
    ptn_segment next = {.tap_begin = tap_begin, .tap_end = tap_end, .end = end};
    if (chunk->segment_count > 0) {
        ptn_segment *last = &chunk->segments[chunk->segment_count - 1];
        next.begin = last->end;
        const bool same = last->tap_begin == tap_begin && last->tap_end == tap_end;
        const bool small =
            last->end - last->begin < LEAST_SEGMENT || end - next.begin < LEAST_SEGMENT;
        if (same || small || chunk->segment_count == PTN_MAX_SEGMENTS) {
            last->end = end;
            last->tap_begin = ptn_min(last->tap_begin, tap_begin);
            last->tap_end = ptn_max(last->tap_end, tap_end);
            return;
        }
    }
    chunk->segments[chunk->segment_count++] = next;
}

// Some taps of one panel, or some channels of one tap: weights that stay in a cache while all tiles of
// the chunk use them.
typedef struct block {
    size_t tap_begin, tap_end;
    const float *weights; // of the first tap
    size_t tap_floats;    // from one tap's weights to the next
    size_t vectors, channel;
    const char *next; // the weights that come after these; NULL when the cache holds them already
    bool far;         // it can hold none of them from one chunk to the next
    bool fresh;       // no panel before this one has read the chunk's pixels
} block;

// What a tile brings into the caches while it runs, by its height: `low` rows or one more. All at
// once, prefetches would keep the weights from coming in. Computed once per segment: divisions would
// take a good part of a small tile's time.
typedef struct tile_steps {
    size_t low, taller; // the first `taller` tiles have low + 1 rows
    size_t weights;     // bytes of the next weights per tile
    size_t weight_step, pixel_step[2], store_step[2];
} tile_steps;

static size_t step_of(size_t bytes, size_t turns) {
    return turns > 0 ? ptn_div_up(bytes, turns) : 0;
}

static tile_steps steps_for(const ptn_chunk_job *j, const ptn_tile_args *a, size_t rows,
                            size_t bytes, size_t tiles, bool far) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    tile_steps t = {.low = rows / tiles,
                    .taller = rows % tiles,
                    .weights = bytes / tiles,
                    .weight_step = ptn_tile_prefetch_step(bytes, tiles, turns, far)};
    for (size_t i = 0; i < 2; i++) {
        const size_t height = t.low + i;
        t.pixel_step[i] = ptn_min(PTN_TILE_PREFETCH, step_of(height * j->pixel_bytes, turns));
        t.store_step[i] = step_of(height * a->columns * sizeof(float), turns);
    }
    return t;
}

static void finish_rows(const ptn_chunk_job *j, const ptn_tile_args *a, size_t rows,
                        size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t m = 0; m < rows; m++)
        j->activate(act->kind, act->slope, slopes, a->columns, a->out[m], a->out[m]);
}

// The part of a segment's taps that a block holds.
static ptn_segment within(const ptn_segment *g, const block *b) {
    ptn_segment part = *g;
    part.tap_begin = ptn_min(ptn_max(b->tap_begin, g->tap_begin), b->tap_end);
    part.tap_end = ptn_max(part.tap_begin, ptn_min(b->tap_end, g->tap_end));
    if (part.tap_begin == part.tap_end) part.tap_begin = part.tap_end = b->tap_begin;
    return part;
}

// Outputs that run with the same taps: [begin, end) of the chunk's, or of a list of them.
typedef struct output_run {
    size_t begin, end, taps;
    const float *const *table; // of the first tap
    const uint16_t *list;      // NULL: outputs in order
    size_t sharing;            // outputs that bring in the next block's weights between them
} output_run;

// Where a tile's sums and results are, when its outputs are listed.
static void place_listed(const ptn_chunk_job *j, const ptn_chunk *ch, const uint16_t *list,
                         size_t height, const block *b, float **partials) {
    const size_t width = b->vectors * j->panels.vector;
    for (size_t m = 0; m < height; m++) {
        partials[m] = ch->partial + list[m] * width;
        ch->out[m] = (ch->place ? ch->place + list[m] * j->outputs : ch->places[list[m]]) +
                     b->channel;
    }
}

static void place_in_order(const ptn_chunk_job *j, const ptn_chunk *ch, size_t begin, size_t height,
                           const block *b) {
    for (size_t m = 0; m < height; m++)
        ch->out[m] = (ch->place ? ch->place + (begin + m) * j->outputs : ch->places[begin + m]) +
                     b->channel;
}

// How many of `count` rows lie one after the other, from the first on.
static size_t run_of_rows(const ptn_chunk_job *j, const float *const *rows, size_t count) {
    const size_t floats = j->pixel_bytes / sizeof(float);
    size_t run = 1;
    while (run < count && rows[run] == rows[run - 1] + floats) run++;
    return run;
}

// Brings in the next tile's `count` rows at every tap, as two runs: of each a line per turn, which is
// enough for MOST rows.
static void look_ahead(const ptn_chunk_job *j, ptn_tile_args *a, size_t height, size_t count) {
    enum { LINE = 64, ROW_STEP = PTN_TILE_UNROLL * sizeof(float), MOST = LINE / ROW_STEP };
    const float *const *rows = a->rows + height;
    const size_t run = run_of_rows(j, rows, count);
    const size_t second = run < count && run <= MOST ? run : count / 2;
    const size_t more = run_of_rows(j, rows + second, count - second);
    a->ahead = true;
    a->second_row = second;
    a->window = 0;
    const size_t longer = ptn_max(more, ptn_min(run, second));
    a->prefetch_step = ptn_min(LINE, longer * ROW_STEP);
}

// Brings in what the next tile, of `count` outputs from `begin` on, needs of far maps.
static void fetch_far(const ptn_chunk_job *j, const ptn_chunk *ch, const output_run *run,
                      const block *b, const ptn_tile_args *a, size_t begin, size_t count) {
    for (size_t m = begin; m < begin + count; m++) {
        const float *out = (ch->place ? ch->place + m * j->outputs : ch->places[m]) + b->channel;
        ptn_fetch(out, a->columns);
        if (a->has_residual)
            ptn_fetch((const float *)((uintptr_t)out + (uintptr_t)a->residual), a->columns);
    }
    if (j->ahead || !b->fresh) return;
    for (size_t tap = 0; tap < run->taps; tap++)
        for (size_t m = begin; m < begin + count; m++)
            ptn_fetch(run->table[tap * a->rows_step + m] + a->row_offset, a->channels);
}

// Brings in the pixels of the next tile's first six outputs, two of a kernel row at each of its taps.
static void look_along(ptn_tile_args *a) {
    a->ahead = true;
    a->second_row = 1;
    a->window = PTN_CHUNK_WINDOW;
    a->prefetch_step = PTN_CHUNK_WINDOW * PTN_TILE_UNROLL * sizeof(float);
}

static void run_outputs(const ptn_chunk_job *j, const ptn_chunk *ch, const output_run *run,
                        const block *b, ptn_tile_args *a) {
    const size_t width = b->vectors * j->panels.vector, rows = run->end - run->begin;
    if (rows == 0) return;
    a->taps = run->taps;
    const float *const *last_tap = run->table + (ptn_max(1, a->taps) - 1) * a->rows_step;
    const size_t tiles = ptn_div_up(rows, ptn_tile_rows(j->isa, b->vectors));
    const size_t row_bytes = a->channels * width * (b->tap_end - b->tap_begin) * sizeof(float) /
                             run->sharing;
    const tile_steps steps = steps_for(j, a, rows, row_bytes * rows, tiles, b->far);
    const char *next = b->next ? b->next + row_bytes * run->begin : NULL;
    const ptn_tile_fn *heights = ptn_tiles_for(j->isa, b->vectors, next ? steps.weight_step : 0);
    const bool along = j->windows && b->fresh && !run->list && run->taps == j->taps;
    float *partials[PTN_TILE_MAX_ROWS];
    a->partials = run->list ? partials : NULL;
    for (size_t t = 0, begin = run->begin; t < tiles; t++) {
        const bool tall = t < steps.taller;
        const size_t height = steps.low + tall, end = begin + height;
        a->rows = run->table + begin;
        a->partial = ch->partial + begin * width;
        a->prefetch = (const char *)a->panel;
        a->prefetch_step = 0;
        a->ahead = false;
        if (next) {
            a->prefetch = next + steps.weights * t;
            a->prefetch_step = steps.weight_step;
        } else if (j->ahead && b->fresh && end < run->end) {
            look_ahead(j, a, height, ptn_min(height, run->end - end));
        } else if (along && end + 2 * PTN_CHUNK_WINDOW <= run->end) {
            look_along(a);
        } else if (j->pixel_bytes > 0 && b->fresh && end < run->end && a->taps > 0) {
            // The next tile's pixels at the last tap: no earlier output has read them.
            a->prefetch = (const char *)(last_tap[end] + a->row_offset);
            a->prefetch_step = steps.pixel_step[tall];
        }
        if (run->list)
            place_listed(j, ch, run->list + begin, height, b, partials);
        else
            place_in_order(j, ch, begin, height, b);
        const size_t apart = (size_t)(ch->out[height - 1] - ch->out[0]);
        const bool together = apart == (height - 1) * j->outputs;
        a->stores_step = together ? steps.store_step[tall] : 0;
        a->scattered = j->scattered && a->last && !together;
        a->stores = (const char *)ch->out[0];
        if (j->far && a->last && !run->list && end < run->end)
            fetch_far(j, ch, run, b, a, end, ptn_min(height, run->end - end));
        heights[height - 1](a);
        if (j->activate && a->last) finish_rows(j, a, height, b->channel);
        begin = end;
    }
}

// A segment's taps, all of them in the block, on every tile of the segment.
static void run_segment(const ptn_chunk_job *j, const ptn_chunk *ch, const ptn_segment *g,
                        const block *b, ptn_tile_args *a) {
    const size_t width = b->vectors * j->panels.vector, rows = g->end - g->begin;
    const size_t taps = g->tap_end - g->tap_begin;
    if (taps == 0 && !a->last) {
        if (a->first) memset(ch->partial + g->begin * width, 0, rows * width * sizeof(float));
        return;
    }
    a->panel = b->weights + (g->tap_begin - b->tap_begin) * b->tap_floats;
    const output_run run = {.begin = g->begin,
                            .end = g->end,
                            .taps = taps,
                            .table = ch->table + g->tap_begin * a->rows_step,
                            .sharing = ch->rows};
    run_outputs(j, ch, &run, b, a);
}

// For each tap the outputs that find it inside the image, then the others. Where blocks hold one tap
// each, those alone are multiplied: nine of ten products on a 7 x 7 map that its rows of taps leave.
typedef struct tap_lists {
    size_t inside[MOST_LISTED_TAPS];
    uint16_t outputs[MOST_LISTED_TAPS][FEW_ROWS];
} tap_lists;

// The table's entries of a tap move to the front with their outputs.
static bool list_outputs(const ptn_chunk_job *j, const ptn_chunk *ch, tap_lists *lists) {
    const size_t step = ptn_chunk_step(ch->rows);
    size_t outside = 0;
    for (size_t tap = 0; tap < j->taps; tap++) {
        const float **entries = ch->table + tap * step;
        uint16_t others[FEW_ROWS];
        size_t in = 0, out = 0;
        for (size_t row = 0; row < ch->rows; row++) {
            if (entries[row] == j->zeros) {
                others[out++] = (uint16_t)row;
                continue;
            }
            entries[in] = entries[row];
            lists->outputs[tap][in++] = (uint16_t)row;
        }
        memcpy(lists->outputs[tap] + in, others, out * sizeof *others);
        lists->inside[tap] = in;
        outside += out;
    }
    return outside > 0;
}

// A block that holds one tap, by its list.
static void run_listed(const ptn_chunk_job *j, const ptn_chunk *ch, const tap_lists *lists,
                       const block *b, ptn_tile_args *a) {
    const size_t tap = b->tap_begin, inside = lists->inside[tap];
    const size_t width = b->vectors * j->panels.vector;
    const uint16_t *list = lists->outputs[tap];
    if (a->first)
        for (size_t i = inside; i < ch->rows; i++)
            memset(ch->partial + list[i] * width, 0, width * sizeof(float));
    a->panel = b->weights;
    output_run run = {.end = inside,
                      .taps = 1,
                      .table = ch->table + tap * a->rows_step,
                      .list = list,
                      .sharing = ptn_max(1, inside)};
    run_outputs(j, ch, &run, b, a);
    if (!a->last) return;
    // Outputs that do not have the last tap still have to be finished.
    a->first = false;
    run.begin = inside;
    run.end = ch->rows;
    run.taps = 0;
    run_outputs(j, ch, &run, b, a);
}

// The segments that a block sees: neighbours with the same taps of it are one.
static void run_block(const ptn_chunk_job *j, const ptn_chunk *ch, const block *b,
                      ptn_tile_args *a) {
    ptn_segment joined = within(&ch->segments[0], b);
    for (size_t i = 1; i < ch->segment_count; i++) {
        const ptn_segment next = within(&ch->segments[i], b);
        if (next.tap_begin == joined.tap_begin && next.tap_end == joined.tap_end) {
            joined.end = next.end;
            continue;
        }
        run_segment(j, ch, &joined, b, a);
        joined = next;
    }
    run_segment(j, ch, &joined, b, a);
}

// Taps, or channels of one tap, of a block of weights.
typedef struct block_cut {
    size_t taps, channels;
} block_cut;

static block_cut cut_blocks(size_t taps, size_t channels, size_t width, bool small) {
    const size_t row = width * sizeof(float);
    const size_t bytes = small ? SMALL_BLOCK_BYTES : PTN_CHUNK_BLOCK_BYTES;
    if (bytes >= channels * row)
        return (block_cut){ptn_min(taps, bytes / (channels * row)), channels};
    const bool zen = small && ptn_core_kind_here() == PTN_CORE_ZEN;
    const size_t fit = ptn_max(1, (zen ? ZEN_TAP_BYTES : bytes) / row);
    const size_t parts = ptn_div_up(channels, fit);
    const size_t piece = ptn_div_up(ptn_div_up(channels, parts), PTN_TILE_UNROLL);
    return (block_cut){1, ptn_min(channels, piece * PTN_TILE_UNROLL)};
}

// Of so many panels.
static size_t weight_bytes(const ptn_chunk_job *j, size_t panels) {
    return panels * j->taps * j->channels * j->panels.width * sizeof(float);
}

static size_t chunk_panels(const ptn_chunk *ch) { return ch->panel_end - ch->panel_begin; }

// Where another chunk brings in the other panels, the cache may yet hold some of these: it takes fewer
// outputs for them to come in too slowly.
static bool has_small_blocks(const ptn_chunk_job *j, const ptn_chunk *ch) {
    if (weight_bytes(j, chunk_panels(ch)) > KEPT_BYTES) return ch->rows <= FEW_ROWS;
    return j->taps > 1 && ch->rows <= VERY_FEW_ROWS &&
           weight_bytes(j, j->groups * j->panels.count) > KEPT_BYTES;
}

static void run_panel(const ptn_chunk_job *j, const ptn_chunk *ch, const tap_lists *lists,
                      size_t index) {
    const size_t group = index / j->panels.count, panel = index % j->panels.count;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t out = j->outputs / j->groups, in = j->channels;
    const size_t column = panel * j->panels.width, channel = group * out + column;
    const size_t vectors = ptn_panel_vectors(&j->panels, out, column);
    const size_t width = vectors * j->panels.vector, tap_floats = in * width;
    const bool cold = weight_bytes(j, chunk_panels(ch)) > PTN_CHUNK_BLOCK_BYTES;
    const float *weights = j->packed + ch->sample * j->packed_stride +
                           j->taps * in * (group * j->panels.padded + column);
    ptn_tile_args a = {
        .rows_step = ptn_chunk_step(ch->rows),
        .columns = ptn_min(out - column, j->panels.width),
        .out = ch->out,
        .bias = e->bias ? e->bias + ch->sample * e->bias_stride + channel : NULL,
        .gate = e->gate ? e->gate + ch->sample * j->outputs + channel : NULL,
        .has_residual = e->residual != NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->y),
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    const bool small = has_small_blocks(j, ch);
    block_cut cut = cut_blocks(j->taps, in, width, small);
    if (lists) cut.taps = 1;
    block b = {.tap_floats = tap_floats, .vectors = vectors, .channel = channel, .far = small};
    for (size_t tap = 0; tap < j->taps; tap += cut.taps) {
        for (size_t c = 0; c < in; c += cut.channels) {
            b.tap_begin = tap;
            b.tap_end = ptn_min(j->taps, tap + cut.taps);
            b.weights = weights + tap * tap_floats + c * width;
            a.channels = ptn_min(cut.channels, in - c);
            a.row_offset = group * in + c;
            a.first = tap == 0 && c == 0;
            a.last = b.tap_end == j->taps && c + a.channels == in;
            b.fresh = index == ch->panel_begin && a.last;
            // Weights that fit one block stay where they are from one chunk to the next.
            const bool more = !a.last || index + 1 < ch->panel_end;
            const size_t floats = (b.tap_end - tap) * a.channels * width;
            b.next = more && cold ? (const char *)(b.weights + floats) : NULL;
            if (lists)
                run_listed(j, ch, lists, &b, &a);
            else
                run_block(j, ch, &b, &a);
        }
    }
}

// Whether the chunk's blocks hold one tap each, and then its lists.
static bool lists_pay(const ptn_chunk_job *j, const ptn_chunk *ch, tap_lists *lists) {
    if (!j->zeros || j->taps < 2 || j->taps > MOST_LISTED_TAPS || !has_small_blocks(j, ch))
        return false;
    return cut_blocks(j->taps, j->channels, j->panels.width, true).taps == 1 &&
           list_outputs(j, ch, lists);
}

void ptn_chunk_run(const ptn_chunk_job *job, const ptn_chunk *chunk) {
    tap_lists lists;
    const bool listed = lists_pay(job, chunk, &lists);
    for (size_t p = chunk->panel_begin; p < chunk->panel_end; p++)
        run_panel(job, chunk, listed ? &lists : NULL, p);
}
