// Active pixels above each other in tiles of four or two rows, for 3 x 3 kernels with stride and dilation
// 1. A tile of 4 x 4 outputs loads 36 inputs, fewer per output than the dense convolution's tiles, and
// finds them in the bits of the mask.
#include "masked_depthwise.h"

// Tiles that wait at most; tasks per thread to aim at.
enum { TILES = 64, TASKS_PER_THREAD = 12 };

// Rows of a tile: as many sums and weights as there are registers for.
static size_t tile_rows(ptn_isa isa) {
    return isa == PTN_ISA_AVX512 || isa == PTN_ISA_NEON ? PTN_MDW_ROWS : 2;
}

bool ptn_mdw_tiles_apply(const ptn_mdw_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 &&
           s->dilation_h == 1 && s->dilation_w == 1 && j->mask->input == PTN_MASKED_MAP;
}

// A few rows of one sample: their active pixels that are not computed yet.
typedef struct group {
    const ptn_mdw_job *job;
    ptn_mdw_workspace *ws;
    ptn_masked_dw_args args;
    size_t sample, top, rows;
    size_t first[PTN_MDW_ROWS];     // each row's first among all active pixels
    uint64_t *bits[PTN_MDW_ROWS];   // what is left of each row
    uint64_t *common;               // [words]
    ptn_mdw_tile *tiles;
    size_t count;
} group;

static size_t tiles_bytes(void) { return ptn_round_64(TILES * sizeof(ptn_mdw_tile)); }

// Beside the workspace, at the end of each thread's scratch.
static size_t own_bytes(const ptn_mdw_job *j) {
    const size_t words = j->mask->outputs->view.words;
    return tiles_bytes() + ptn_round_64((PTN_MDW_ROWS + 1) * words * sizeof(uint64_t));
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

// Bits [x, x + columns) of some rows.
static void clear_bits(uint64_t *const *bits, size_t rows, size_t x, size_t columns) {
    const size_t word = x / 64, shift = x % 64;
    const uint64_t ones = ((uint64_t)1 << columns) - 1;
    for (size_t r = 0; r < rows; r++) bits[r][word] &= ~(ones << shift);
    if (shift + columns <= 64) return;
    for (size_t r = 0; r < rows; r++) bits[r][word + 1] &= ~(ones >> (64 - shift));
}

// Where the rows of a tile begin.
static void place_rows(const group *g, size_t row, size_t rows, size_t x, float **out) {
    const ptn_mdw_job *j = g->job;
    const size_t c = j->shape->c, width = j->plan->out_w;
    if (j->mask->output == PTN_MASKED_ROWS) {
        for (size_t r = row; r < row + rows; r++)
            *out++ = j->tiles.y + (g->first[r] + count_bits(mask_row(g, r), x)) * c;
        return;
    }
    float *y = j->tiles.y + ((g->sample * j->plan->out_h + g->top + row) * width + x) * c;
    for (size_t r = 0; r < rows; r++) out[r] = y + r * width * c;
}

static void finish_tile(const ptn_mdw_job *j, const ptn_mdw_tile *t) {
    const ptn_activation_spec *act = &j->tiles.epilogue->activation;
    const size_t c = j->shape->c;
    for (size_t r = 0; r < t->rows; r++)
        for (size_t b = 0; b < t->columns; b++) {
            float *out = t->out[r] + b * c;
            j->tiles.activate(act->kind, act->slope, act->slopes, c, out, out);
        }
}

static void flush(group *g) {
    ptn_mdw_tile_variants[g->job->isa](&g->args, g->tiles, g->count);
    if (g->job->tiles.activate)
        for (size_t i = 0; i < g->count; i++) finish_tile(g->job, g->tiles + i);
    g->count = 0;
}

// The taps of `outputs` outputs from `first` on that lie inside [0, size).
static void taps_inside(size_t first, size_t outputs, size_t pad, size_t size, uint8_t *begin,
                        uint8_t *end) {
    const size_t last = size + pad, taps = outputs + 2;
    *begin = (uint8_t)(first < pad ? ptn_min(pad - first, taps) : 0);
    *end = (uint8_t)(first < last ? ptn_min(last - first, taps) : 0);
}

static void add_tile(group *g, size_t row, size_t rows, size_t x, size_t columns) {
    const ptn_conv2d_shape *s = g->job->shape;
    if (g->count == TILES) flush(g);
    ptn_mdw_tile *t = &g->tiles[g->count++];
    const size_t y = g->top + row;
    const size_t at = (y - s->pad_top) * s->w + x - s->pad_left;
    t->at = ptn_depthwise_at(g->job->tiles.x, (g->sample * s->h * s->w + at) * s->c);
    t->rows = (uint8_t)rows;
    t->columns = (uint8_t)columns;
    taps_inside(y, rows, s->pad_top, s->h, &t->row_begin, &t->row_end);
    taps_inside(x, columns > 2 ? 4 : 2, s->pad_left, s->w, &t->column_begin, &t->column_end);
    place_rows(g, row, rows, x, t->out);
    clear_bits(g->bits + row, rows, x, columns);
}

// Tiles of `rows` rows from `row` on, where all of them are active in two columns or more.
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
            // Five are three and two: one alone would have no tile.
            columns = end - x == 5 ? 3 : ptn_min(end - x, PTN_MDW_COLUMNS);
            add_tile(g, row, rows, x, columns);
        }
        x = ptn_mask_next(g->common, end, v->w, true);
    }
}

// What is left of a row, run by run.
static void add_rest(group *g, size_t row) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    for (size_t x = ptn_mask_next(g->bits[row], 0, v->w, true); x < v->w;) {
        const size_t end = ptn_mask_next(g->bits[row], x, v->w, false);
        const ptn_mask_run run = {.row = (int32_t)(g->sample * v->h + g->top + row),
                                  .start = (int32_t)x,
                                  .length = (int32_t)(end - x),
                                  .first = (int32_t)(g->first[row] +
                                                     count_bits(mask_row(g, row), x))};
        ptn_mdw_add_run(g->job, g->ws, &run, 0, end - x);
        x = ptn_mask_next(g->bits[row], end, v->w, true);
    }
}

// `first` active pixels come before; returns how many come before the next group.
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
    if (g->rows == 4) add_tiles(g, 0, 4);
    for (size_t r = 0; r + 2 <= g->rows; r += 2) add_tiles(g, r, 2);
    for (size_t r = 0; r < g->rows; r++) add_rest(g, r);
    flush(g);
    return first;
}

// A group at row `top` of `sample`.
static void begin_group(group *g, size_t sample, size_t top, size_t height) {
    const ptn_mask_view *v = &g->job->mask->outputs->view;
    if (g->sample != sample || !g->args.weights) g->args = ptn_mdw_args_for(g->job, sample);
    g->sample = sample;
    g->top = top;
    g->rows = ptn_min(height, v->h - top);
}

static void run_task(void *context, size_t index, int thread) {
    const ptn_mdw_job *j = context;
    if (index >= j->compute_tasks) {
        ptn_inactive_run(&j->inactive, index - j->compute_tasks);
        return;
    }
    const ptn_mask_view *v = &j->mask->outputs->view;
    ptn_mdw_workspace ws = ptn_mdw_workspace_of(j, thread);
    char *scratch = j->scratch + (size_t)(thread + 1) * j->thread_bytes - own_bytes(j);
    uint64_t *bits = (uint64_t *)(scratch + tiles_bytes());
    group g = {.job = j, .ws = &ws, .tiles = (ptn_mdw_tile *)scratch};
    for (size_t r = 0; r < PTN_MDW_ROWS; r++) g.bits[r] = bits + r * v->words;
    g.common = bits + PTN_MDW_ROWS * v->words;
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
    ptn_mdw_compute(j, &ws);
}

ptn_status ptn_mdw_run_tiles(ptn_mdw_job *j, int threads) {
    const ptn_mask_view *v = &j->mask->outputs->view;
    const size_t groups = v->n * ptn_div_up(v->h, tile_rows(j->isa));
    if (v->count > 0)
        j->compute_tasks = threads > 1 ? ptn_min(groups, TASKS_PER_THREAD * (size_t)threads) : 1;
    j->thread_bytes += own_bytes(j);
    j->scratch = ptn_scratch_acquire((size_t)threads * j->thread_bytes);
    if (!j->scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, j->compute_tasks + j->inactive.tasks, run_task, j);
    ptn_scratch_release(j->scratch);
    return PTN_OK;
}
