// Computes active pixels in tiles of up to four rows, for 3 x 3 kernels with stride and dilation 1.
// Tiles are found in the bits of the mask. A tile of 4 x 4 outputs loads 36 inputs, fewer per
// output than the dense convolution's tiles. If many but not all outputs of a tile are active, all
// are computed, and inactive ones are stored to a dummy buffer.
#include "masked_depthwise_tiles.h"
#include "../core/tuning.h"
#include <string.h>

// Most tiles collected before they are computed; target number of tasks per thread.
enum { TILES = 64, TASKS_PER_THREAD = 12 };

static const ptn_masked_depthwise_costs *const costs = &ptn_tuning_common.masked_depthwise;

// Most rows of a tile, by the number of registers for accumulators and weights.
static size_t tile_rows(ptn_isa isa) {
    return isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON ? PTN_MASKED_DEPTHWISE_ROWS : 2;
}

bool ptn_masked_depthwise_is_tiled(const ptn_conv2d_shape *s) {
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 &&
           s->dilation_w == 1;
}

// A few neighbouring rows of one sample, and their active pixels that are not computed yet.
typedef struct group {
    const ptn_masked_depthwise_job *job;
    ptn_masked_depthwise_args args;
    size_t sample, top, rows;
    size_t first[PTN_MASKED_DEPTHWISE_ROWS];   // index of each row's first active pixel among all
    uint64_t *bits[PTN_MASKED_DEPTHWISE_ROWS]; // active pixels of each row that are left
    uint64_t *common;                          // [words]
    ptn_masked_depthwise_tile *tiles;
    float *(*places)[PTN_MASKED_DEPTHWISE_ROWS * PTN_MASKED_DEPTHWISE_COLUMNS]; // [TILES]
    float *unread;                                                              // [c]
    size_t count;
} group;

static size_t tiles_bytes(void) { return ptn_round_64(TILES * sizeof(ptn_masked_depthwise_tile)); }

static size_t places_bytes(void) {
    return TILES * PTN_MASKED_DEPTHWISE_ROWS * PTN_MASKED_DEPTHWISE_COLUMNS * sizeof(float *);
}

static size_t unread_bytes(const ptn_masked_depthwise_job *j) {
    return ptn_round_64(j->shape->c * sizeof(float));
}

// Scratch bytes per thread.
static size_t scratch_bytes(const ptn_masked_depthwise_job *j) {
    const size_t words = j->mask->outputs->view.words;
    return tiles_bytes() + places_bytes() + unread_bytes(j) +
           ptn_round_64((PTN_MASKED_DEPTHWISE_ROWS + 1) * words * sizeof(uint64_t));
}

static const uint64_t *mask_row(const group *g, size_t row) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    return v->bits + (g->sample * v->h + g->top + row) * v->words;
}

static size_t count_bits(const uint64_t *bits, size_t end) {
    size_t count = 0;
    for (size_t i = 0; i < end / 64; i++) count += (size_t)__builtin_popcountll(bits[i]);
    const uint64_t rest = end % 64 ? bits[end / 64] & (((uint64_t)1 << end % 64) - 1) : 0;
    return count + (size_t)__builtin_popcountll(rest);
}

// Clears the bits `ones` << x of a row.
static void clear_bits(uint64_t *bits, size_t x, uint64_t ones) {
    const size_t word = x / 64, shift = x % 64;
    bits[word] &= ~(ones << shift);
    if (shift > 0 && ones >> (64 - shift)) bits[word + 1] &= ~(ones >> (64 - shift));
}

// Sets the address of each row's first output of a tile.
static void place_rows(const group *g, size_t row, size_t rows, size_t x, float **out) {
    const ptn_masked_depthwise_job *j = g->job;
    const size_t c = j->shape->c, width = j->plan->out_w;
    if (j->mask->output == PTN_MASKED_COMPACT) {
        for (size_t r = row; r < row + rows; r++)
            *out++ = j->tiles.y + (g->first[r] + count_bits(mask_row(g, r), x)) * c;
        return;
    }
    float *y = j->tiles.y + ((g->sample * j->plan->out_h + g->top + row) * width + x) * c;
    for (size_t r = 0; r < rows; r++) out[r] = y + r * width * c;
}

static void activate_tile(const ptn_masked_depthwise_job *j, const ptn_masked_depthwise_tile *t) {
    const size_t c = j->shape->c;
    for (size_t r = 0; r < t->rows; r++)
        for (size_t b = 0; b < t->columns; b++) {
            const size_t i = r * PTN_MASKED_DEPTHWISE_COLUMNS + b;
            if (t->places && !(t->active >> i & 1)) continue;
            ptn_epilogue_activate(&j->tiles.epilogue, 0, c,
                                  t->places ? t->places[i] : t->out[r] + b * c);
        }
}

static void flush(group *g) {
    ptn_masked_depthwise_tile_variants[g->job->isa](&g->args, g->tiles, g->count);
    if (g->job->tiles.epilogue.activate)
        for (size_t i = 0; i < g->count; i++) activate_tile(g->job, g->tiles + i);
    g->count = 0;
}

// The taps [*begin, *end) of `outputs` outputs from `first` on that are inside [0, size), counted
// from the first tap.
static void taps_inside(size_t first, size_t outputs, size_t pad, size_t size, uint8_t *begin,
                        uint8_t *end) {
    const size_t last = size + pad, taps = outputs + 2;
    *begin = (uint8_t)(first < pad ? ptn_min(pad - first, taps) : 0);
    *end = (uint8_t)(first < last ? ptn_min(last - first, taps) : 0);
}

// Adds a tile of rows x columns outputs; the caller sets the output addresses.
static ptn_masked_depthwise_tile *add_tile(group *g, size_t row, size_t rows, size_t x,
                                           size_t columns) {
    const ptn_conv2d_shape *s = g->job->shape;
    if (g->count == TILES) flush(g);
    ptn_masked_depthwise_tile *t = &g->tiles[g->count++];
    const size_t y = g->top + row;
    const size_t at = (y - s->pad_top) * s->w + x - s->pad_left;
    t->at = ptn_depthwise_at(g->job->tiles.x, (g->sample * s->h * s->w + at) * s->c);
    t->places = NULL;
    t->rows = (uint8_t)rows;
    t->columns = (uint8_t)columns;
    taps_inside(y, rows, s->pad_top, s->h, &t->row_begin, &t->row_end);
    taps_inside(x, columns, s->pad_left, s->w, &t->column_begin, &t->column_end);
    return t;
}

// Adds a tile of rows x columns outputs, all of them active.
static void add_whole(group *g, size_t row, size_t rows, size_t x, size_t columns) {
    ptn_masked_depthwise_tile *t = add_tile(g, row, rows, x, columns);
    place_rows(g, row, rows, x, t->out);
    const uint64_t ones = ((uint64_t)1 << columns) - 1;
    for (size_t r = row; r < row + rows; r++) clear_bits(g->bits[r], x, ones);
}

// Bits [x, x + PTN_MASKED_DEPTHWISE_COLUMNS) of a row.
static unsigned columns_at(const uint64_t *bits, size_t words, size_t x) {
    const size_t word = x / 64, shift = x % 64;
    uint64_t v = bits[word] >> shift;
    if (shift + PTN_MASKED_DEPTHWISE_COLUMNS > 64 && word + 1 < words)
        v |= bits[word + 1] << (64 - shift);
    return (unsigned)v & ((1u << PTN_MASKED_DEPTHWISE_COLUMNS) - 1);
}

// Adds a tile of rows x PTN_MASKED_DEPTHWISE_COLUMNS outputs with the active outputs `active`; rows
// below the group's last have none.
static void add_some(group *g, size_t row, size_t rows, size_t x, unsigned active) {
    const ptn_masked_depthwise_job *j = g->job;
    const size_t c = j->shape->c, words = j->mask->outputs->view.words;
    const size_t here = ptn_min(rows, g->rows - row);
    ptn_masked_depthwise_tile *t = add_tile(g, row, rows, x, PTN_MASKED_DEPTHWISE_COLUMNS);
    float **places = g->places[g->count - 1], *out[PTN_MASKED_DEPTHWISE_ROWS];
    place_rows(g, row, here, x, out);
    for (size_t r = 0; r < rows; r++) {
        // In compact rows only active pixels have an address, whether computed already or not.
        const unsigned all = (1u << PTN_MASKED_DEPTHWISE_COLUMNS) - 1;
        const bool compact = j->mask->output == PTN_MASKED_COMPACT;
        const unsigned held =
            compact && r < here ? columns_at(mask_row(g, row + r), words, x) : all;
        size_t at = 0;
        for (size_t b = 0; b < PTN_MASKED_DEPTHWISE_COLUMNS; b++) {
            const size_t i = r * PTN_MASKED_DEPTHWISE_COLUMNS + b;
            places[i] = active >> i & 1 ? out[r] + at : g->unread;
            at += (held >> b & 1) * c;
        }
    }
    t->places = places;
    t->active = (uint16_t)active;
    for (size_t r = 0; r < here; r++)
        clear_bits(g->bits[row + r], x, active >> r * PTN_MASKED_DEPTHWISE_COLUMNS & 15);
}

// Adds tiles of `rows` rows from `row` on where all rows are active in at least two neighbouring
// columns.
static void add_tiles(group *g, size_t row, size_t rows) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    uint64_t any = 0;
    for (size_t i = 0; i < v->words; i++) {
        g->common[i] = g->bits[row][i];
        for (size_t r = 1; r < rows; r++) g->common[i] &= g->bits[row + r][i];
        any |= g->common[i];
    }
    if (!any) return;
    for (size_t x = ptn_mask_next(g->common, 0, v->w, true); x < v->w;) {
        const size_t end = ptn_mask_next(g->common, x, v->w, false);
        for (size_t columns; end - x >= 2; x += columns) {
            // Five columns are split 3 + 2, because there are no tiles of one column.
            columns = end - x == 5 ? 3 : ptn_min(end - x, PTN_MASKED_DEPTHWISE_COLUMNS);
            if (columns == 3)
                add_some(g, row, rows, x, rows > 2 ? 0x7777 : 0x77);
            else
                add_whole(g, row, rows, x, columns);
        }
        x = ptn_mask_next(g->common, end, v->w, true);
    }
}

// Whether partially active tiles are estimated to pay for the group.
static bool some_pay(const group *g) {
    const size_t words = g->job->mask->outputs->view.words;
    for (size_t r = g->rows; r < PTN_MASKED_DEPTHWISE_ROWS; r++)
        memset(g->bits[r], 0, words * sizeof(uint64_t));
    size_t columns = 0, either = 0, both = 0, fours = 0;
    for (size_t i = 0; i < words; i++) {
        const uint64_t a = g->bits[0][i], b = g->bits[1][i], c = g->bits[2][i], d = g->bits[3][i];
        columns += (size_t)__builtin_popcountll(a | b | c | d);
        either += (size_t)(__builtin_popcountll(a | b) + __builtin_popcountll(c | d));
        both += (size_t)(__builtin_popcountll(a & b) + __builtin_popcountll(c & d));
        fours += (size_t)__builtin_popcountll(a & b & c & d);
    }
    const double lone = (double)(either - both), twos = (double)(2 * both - 4 * fours);
    const double apart =
        costs->full_four * 4 * (double)fours + costs->full_two * twos + costs->alone * lone;
    const double some = (g->rows > 2 ? costs->some_four : costs->some_two) * (double)columns /
                        PTN_MASKED_DEPTHWISE_COLUMNS;
    return some < apart && costs->least_in_column * (double)columns <= (double)(either + both);
}

// Adds tiles of all rows of the group where enough outputs are active.
static void add_dense_parts(group *g) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    const size_t rows = g->rows > 2 ? 4 : 2, least = costs->least_active[rows > 2];
    for (size_t i = 0; i < v->words; i++) {
        g->common[i] = 0;
        for (size_t r = 0; r < g->rows; r++) g->common[i] |= g->bits[r][i];
    }
    size_t next;
    for (size_t x = 0; (x = ptn_mask_next(g->common, x, v->w, true)) < v->w; x = next) {
        unsigned active = 0;
        for (size_t r = 0; r < g->rows; r++)
            active |= columns_at(g->bits[r], v->words, x) << r * PTN_MASKED_DEPTHWISE_COLUMNS;
        const bool pays = (size_t)__builtin_popcount(active) >= least;
        if (pays) add_some(g, 0, rows, x, active);
        next = x + (pays ? PTN_MASKED_DEPTHWISE_COLUMNS : 1);
    }
}

// Adds the remaining active pixels of a row, run by run.
static void add_rest(group *g, size_t row) {
    const size_t width = g->job->mask->outputs->view.w;
    for (size_t x = ptn_mask_next(g->bits[row], 0, width, true); x < width;) {
        const size_t end = ptn_mask_next(g->bits[row], x, width, false);
        for (size_t columns; x < end; x += columns) {
            columns = end - x >= 4 ? 4 : end - x >= 2 ? 2 : 1;
            add_whole(g, row, 1, x, columns);
        }
        x = ptn_mask_next(g->bits[row], end, width, true);
    }
}

// Computes a group. `first` is the number of active pixels before it; returns that of the next
// group.
static size_t run_group(group *g, size_t first) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    const size_t before = first;
    for (size_t r = 0; r < g->rows; r++) {
        const uint64_t *row = mask_row(g, r);
        g->first[r] = first;
        for (size_t i = 0; i < v->words; i++) {
            g->bits[r][i] = row[i];
            first += (size_t)__builtin_popcountll(row[i]);
        }
    }
    if (first == before) return first;
    if (g->job->scattered && some_pay(g)) add_dense_parts(g);
    if (g->rows == 4) add_tiles(g, 0, 4);
    for (size_t r = 0; r + 2 <= g->rows; r += 2) add_tiles(g, r, 2);
    for (size_t r = 0; r < g->rows; r++) add_rest(g, r);
    flush(g);
    return first;
}

// Starts a group at row `top` of `sample`.
static void begin_group(group *g, size_t sample, size_t top, size_t height) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    if (g->sample != sample || !g->args.weights)
        g->args = ptn_masked_depthwise_args_for(g->job, sample);
    g->sample = sample;
    g->top = top;
    g->rows = ptn_min(height, v->h - top);
}

static void run_task(void *context, size_t index, int thread) {
    const ptn_masked_depthwise_job *j = context;
    if (index >= j->compute_tasks) {
        ptn_inactive_run(&j->inactive, index - j->compute_tasks);
        return;
    }
    const ptn_mask_view *v = &j->mask->outputs->view;
    char *scratch = j->scratch + (size_t)thread * j->thread_bytes;
    group g = {.job = j, .tiles = (ptn_masked_depthwise_tile *)scratch};
    g.places = (void *)(scratch += tiles_bytes());
    g.unread = (float *)(scratch += places_bytes());
    uint64_t *bits = (uint64_t *)(scratch + unread_bytes(j));
    for (size_t r = 0; r < PTN_MASKED_DEPTHWISE_ROWS; r++) g.bits[r] = bits + r * v->words;
    g.common = bits + PTN_MASKED_DEPTHWISE_ROWS * v->words;
    const size_t height = tile_rows(j->isa), groups = ptn_div_up(v->h, height);
    const size_t begin = ptn_part_begin(v->n * groups, j->compute_tasks, index);
    const size_t end = ptn_part_begin(v->n * groups, j->compute_tasks, index + 1);
    const size_t sample = begin / groups, top = begin % groups * height;
    size_t first = v->offsets[sample];
    for (size_t y = 0; y < top; y++)
        first += count_bits(v->bits + (sample * v->h + y) * v->words, v->w);
    for (size_t i = begin; i < end; i++) {
        begin_group(&g, i / groups, i % groups * height, height);
        first = run_group(&g, first);
    }
}

ptn_status ptn_masked_depthwise_run_tiles(ptn_masked_depthwise_job *j, int threads) {
    const ptn_mask_view *v = &j->mask->outputs->view;
    const size_t groups = v->n * ptn_div_up(v->h, tile_rows(j->isa));
    const ptn_mask_statistics sums = ptn_mask_plan_statistics(j->mask->outputs);
    j->scattered = 4 * (double)sums.cells2 > costs->scattered * (double)sums.count;
    if (v->count > 0)
        j->compute_tasks = threads > 1 ? ptn_min(groups, TASKS_PER_THREAD * (size_t)threads) : 1;
    j->thread_bytes = scratch_bytes(j);
    j->scratch = ptn_scratch_acquire((size_t)threads * j->thread_bytes);
    if (!j->scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, j->compute_tasks + j->inactive.tasks, run_task, j);
    ptn_scratch_release(j->scratch);
    return PTN_OK;
}
