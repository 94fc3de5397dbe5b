// Masked depthwise convolution. The commonest kernel is computed in tiles of up to four rows
// (masked_depthwise_tiles.c), others by runs of neighbouring active pixels: those above each other in
// the dense convolution's tiles (masked_depthwise_rows.c). What is left, and inputs that are masked
// themselves, goes run by run: vectors lie along channels, so that single pixels need no padding.
#include "masked_depthwise.h"
#include <string.h>

// As in convolution/depthwise.c.
#define PTN_OPAQUE(pointer) __asm__("" : "+r"(pointer))

#define PTN_SOURCE "../sparse/masked_depthwise.inc"
#include "../core/foreach_isa.h"

typedef void (*runs_fn)(const ptn_masked_dw_args *args);
static const runs_fn runs_variants[PTN_ISA_COUNT] = PTN_TABLE(masked_depthwise_runs);
const ptn_mdw_tiles_fn ptn_mdw_tile_variants[PTN_ISA_COUNT] = PTN_TABLE(masked_depthwise_tiles);

// Runs that a task takes at a time, and outputs that it takes at least: their inputs stay in the
// second-level cache while one vector of channels after the other goes through them.
enum { RUNS = 64, LEAST_OUTPUTS = 64, TASKS_PER_THREAD = 12 };
// Compact inputs are copied out for runs of at most so many outputs.
enum { PATCH_OUTPUTS = 16 };

typedef ptn_mdw_job depthwise_job;
typedef ptn_mdw_workspace workspace;

static size_t runs_bytes(void) { return ptn_round_64(RUNS * sizeof(ptn_masked_dw_run)); }
static size_t rows_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(RUNS * s->kh * sizeof(float *));
}

static size_t tile_rows_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(ptn_depthwise_row_slots(s) * sizeof(float *));
}

static workspace workspace_of(const depthwise_job *j, int thread) {
    char *scratch = j->scratch + (size_t)thread * j->thread_bytes;
    return (workspace){.runs = (ptn_masked_dw_run *)scratch,
                       .rows = (const float **)(scratch + runs_bytes()),
                       .patch = (float *)(scratch + runs_bytes() + rows_bytes(j->shape)),
                       .tile_rows = (const float **)(scratch + j->tile_rows_at)};
}

// Copies columns [from, to) of the input row `iy` into the patch's row `i`; inactive ones are 0.
static const float *copy_row(const depthwise_job *j, size_t sample, size_t iy, size_t i,
                             size_t from, size_t to, float *patch) {
    const ptn_conv2d_shape *s = j->shape;
    float *row = patch + i * j->patch_columns * s->c;
    const size_t line = (sample * s->h + iy) * s->w;
    for (size_t x = from; x < to; x++) {
        const int32_t at = j->input_rows[line + x];
        const size_t place = j->mask->input == PTN_MASKED_ROWS ? (size_t)at : line + x;
        if (at < 0)
            memset(row + (x - from) * s->c, 0, s->c * sizeof(float));
        else
            memcpy(row + (x - from) * s->c, j->tiles.x + place * s->c, s->c * sizeof(float));
    }
    // Where column 0 would be; only columns of the patch are read.
    return (const float *)((uintptr_t)row - from * s->c * sizeof(float));
}

// Outputs [skip, skip + length) of a run.
static ptn_masked_dw_run place_run(const depthwise_job *j, const ptn_mask_run *run, size_t skip,
                                   size_t length, const float **rows, float *patch) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t row = (size_t)run->row, sample = ptn_divide(j->by_height, row);
    const size_t oy = row - sample * j->plan->out_h, start = (size_t)run->start + skip;
    const size_t reach = (s->kw - 1) * s->dilation_w;
    const size_t place = j->mask->output == PTN_MASKED_ROWS ? (size_t)run->first + skip
                                                            : row * j->plan->out_w + start;
    ptn_masked_dw_run r = {.rows = rows,
                           .left = (ptrdiff_t)(start * s->stride_w) - (ptrdiff_t)s->pad_left,
                           .length = length,
                           .out = j->tiles.y + place * s->c};
    // Outputs whose first tap is not left of the image, and whose last is not right of it.
    const size_t before = r.left < 0 ? ptn_div_up((size_t)-r.left, s->stride_w) : 0;
    const ptrdiff_t room = (ptrdiff_t)s->w - 1 - (ptrdiff_t)reach - r.left;
    const size_t fit = room < 0 ? 0 : (size_t)room / s->stride_w + 1;
    r.begin = ptn_min(before, length);
    r.end = ptn_max(r.begin, ptn_min(fit, length));
    const size_t from = r.left < 0 ? 0 : (size_t)r.left;
    const ptrdiff_t last = r.left + (ptrdiff_t)((length - 1) * s->stride_w + reach) + 1;
    const size_t to = last < 0 ? 0 : ptn_min((size_t)last, s->w);
    for (size_t i = 0; i < s->kh; i++) {
        const size_t iy = oy * s->stride_h + i * s->dilation_h - s->pad_top;
        if (iy >= s->h)
            rows[i] = NULL;
        else if (j->input_rows)
            rows[i] = copy_row(j, sample, iy, i, from, ptn_max(from, to), patch);
        else
            rows[i] = j->tiles.x + (sample * s->h + iy) * s->w * s->c;
    }
    return r;
}

static void finish_runs(const depthwise_job *j, const workspace *ws) {
    const ptn_activation_spec *act = &j->tiles.epilogue->activation;
    const size_t c = j->shape->c;
    for (size_t r = 0; r < ws->count; r++)
        for (size_t i = 0; i < ws->runs[r].length; i++) {
            float *out = ws->runs[r].out + i * c;
            j->tiles.activate(act->kind, act->slope, act->slopes, c, out, out);
        }
}

ptn_masked_dw_args ptn_mdw_args_for(const depthwise_job *j, size_t sample) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_epilogue *e = j->tiles.epilogue;
    return (ptn_masked_dw_args){
        .w = s->w,
        .c = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .stride = s->stride_w,
        .dilation = s->dilation_w,
        .weights = j->tiles.packed + sample * j->tiles.packed_stride,
        .bias = e->bias ? e->bias + sample * e->bias_stride : NULL,
        .gate = e->gate ? e->gate + sample * s->k : NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->tiles.y),
        .has_residual = e->residual != NULL,
        .residual_last = e->residual_after_activation,
        .low = j->tiles.low,
        .high = j->tiles.high,
    };
}

// The runs that wait.
static void compute(const depthwise_job *j, workspace *ws) {
    if (ws->count == 0) return;
    ptn_masked_dw_args a = ptn_mdw_args_for(j, ws->sample);
    a.runs = ws->runs;
    a.count = ws->count;
    runs_variants[j->isa](&a);
    if (j->tiles.activate) finish_runs(j, ws);
    ws->count = 0;
}

void ptn_mdw_add_run(const depthwise_job *j, workspace *ws, const ptn_mask_run *run, size_t skip,
                     size_t length) {
    const size_t sample = ptn_divide(j->by_height, (size_t)run->row);
    const size_t most = j->input_rows ? PATCH_OUTPUTS : length;
    for (size_t done = 0; done < length; done += most) {
        if (ws->count == RUNS || ws->sample != sample) compute(j, ws);
        ws->sample = sample;
        ws->runs[ws->count] = place_run(j, run, skip + done, ptn_min(most, length - done),
                                        ws->rows + ws->count * j->shape->kh, ws->patch);
        ws->count++;
        // There is one patch only.
        if (j->input_rows) compute(j, ws);
    }
}

// The run that output `at` of the list belongs to.
static size_t run_at(const depthwise_job *j, size_t at) {
    size_t low = 0, high = j->run_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if ((size_t)j->runs[middle].first <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void run_task(void *context, size_t index, int thread) {
    const depthwise_job *j = context;
    if (index >= j->compute_tasks) {
        ptn_inactive_run(&j->inactive, index - j->compute_tasks);
        return;
    }
    workspace ws = workspace_of(j, thread);
    const size_t count = j->mask->outputs->view.count, tasks = j->compute_tasks;
    const size_t first = ptn_part_begin(count, tasks, index);
    const size_t end = ptn_part_begin(count, tasks, index + 1);
    // Whole runs: the one that an output in the middle belongs to goes to the task before.
    const size_t begin = index == 0 ? 0 : run_at(j, first - 1) + 1;
    const size_t stop = index + 1 == tasks ? j->run_count : run_at(j, end - 1) + 1;
    ptn_mdw_add_runs(j, &ws, j->runs + begin, j->runs + ptn_max(begin, stop));
    compute(j, &ws);
}

static bool patch_sizes(depthwise_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    size_t floats = 0;
    if (j->mask->input != PTN_MASKED_MAP) {
        const size_t reach = (s->kw - 1) * s->dilation_w;
        j->patch_columns = ptn_min(s->w, (PATCH_OUTPUTS - 1) * s->stride_w + reach + 1);
        if (!ptn_float_bytes(s->kh, j->patch_columns, s->c, 1, &floats)) return false;
    }
    size_t rows;
    if (!ptn_mul(s->kh, RUNS * sizeof(float *), &rows) || rows > (size_t)__PTRDIFF_MAX__ / 4)
        return false;
    j->tile_rows_at = runs_bytes() + rows_bytes(s) + ptn_round_64(floats * sizeof(float));
    j->thread_bytes = j->tile_rows_at + tile_rows_bytes(s);
    return true;
}

static ptn_status run_rows(depthwise_job *j, int threads) {
    const size_t count = j->mask->outputs->view.count;
    j->runs = ptn_mask_plan_runs(j->mask->outputs, &j->run_count);
    if (j->mask->input != PTN_MASKED_MAP) j->input_rows = ptn_mask_plan_rows(j->mask->inputs);
    if (!j->runs || (j->mask->input != PTN_MASKED_MAP && !j->input_rows)) return PTN_OUT_OF_MEMORY;
    j->tiled = j->tiles.sized && j->mask->input == PTN_MASKED_MAP &&
               j->tiles.horizontal.phases == 1 && j->tiles.vertical.phases == 1;
    j->compute_tasks = ptn_min(ptn_div_up(count, LEAST_OUTPUTS),
                               threads > 1 ? TASKS_PER_THREAD * (size_t)threads : 1);
    j->scratch = ptn_scratch_acquire((size_t)threads * j->thread_bytes);
    if (!j->scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, j->compute_tasks + j->inactive.tasks, run_task, j);
    ptn_scratch_release(j->scratch);
    return PTN_OK;
}

ptn_status ptn_masked_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                                const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                                const float *x, const float *packed, size_t packed_stride,
                                const ptn_conv2d_epilogue *e, float *y) {
    depthwise_job j = {.tiles = {.shape = s,
                                 .epilogue = e,
                                 .x = x,
                                 .packed = packed,
                                 .packed_stride = packed_stride,
                                 .y = y},
                       .shape = s,
                       .plan = plan,
                       .mask = mask,
                       .isa = runtime->isa,
                       .by_height = ptn_divider_for(plan->out_h),
                       .inactive = ptn_inactive_for(mask, s->k, y)};
    const bool tiled = mask->input == PTN_MASKED_MAP && ptn_masked_depthwise_is_tiled(s);
    if (!tiled && !patch_sizes(&j)) return PTN_SIZE_OVERFLOW;
    ptn_depthwise_prepare(&j.tiles, runtime->isa, plan);
    // As for the whole map: the way from the caches counts as much as the multiply-adds.
    const double values = (double)mask->outputs->view.count * (double)s->c;
    const double sums = values * (double)(s->kh * s->kw);
    const double lanes = (double)ptn_isa_vector_floats(runtime->isa);
    const double nanoseconds = 1.5 * sums / (lanes * 5) + 2 * values * sizeof(float) / 50;
    const int threads = ptn_threads_worth(runtime->threads, nanoseconds);
    return tiled ? ptn_mdw_run_tiles(&j, threads) : run_rows(&j, threads);
}
