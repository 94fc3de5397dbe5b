// Computes active pixels row by row: vertical neighbours with the dense convolution's tiles of two
// rows, horizontal neighbours with its tiles of one row, the remaining outputs run by run.
#include "masked_depthwise_rows.h"

// Fewest outputs of a task; target number of tasks per thread.
enum { LEAST_OUTPUTS = 64, TASKS_PER_THREAD = 12 };

typedef ptn_masked_depthwise_job depthwise_job;
typedef ptn_masked_depthwise_workspace workspace;

// How many of `length` neighbouring outputs are computed by tiles. A tile of four takes the same
// time for fewer outputs, so one or two remaining outputs are left out.
static size_t tiled_outputs(size_t length) {
    const size_t rest = length % 4;
    return length % 7 == 0 || rest == 0 || rest == 3 ? length : length - rest;
}

static size_t place_of(const depthwise_job *j, const ptn_mask_run *run, size_t skip) {
    return j->mask->output == PTN_MASKED_COMPACT
               ? (size_t)run->first + skip
               : (size_t)run->row * j->plan->out_w + (size_t)run->start + skip;
}

// Adds outputs [skip, skip + length) of the run `upper` and, unless `lower` is NULL, the outputs
// below them, which begin with output `lower_skip` of `lower`.
static void add_piece(const depthwise_job *j, workspace *ws, const ptn_mask_run *upper, size_t skip,
                      const ptn_mask_run *lower, size_t lower_skip, size_t length) {
    const size_t tiled = j->tiled ? tiled_outputs(length) : 0, c = j->shape->c;
    if (tiled > 0) {
        const size_t row = (size_t)upper->row, sample = ptn_divide(j->by_height, row);
        const size_t rows = lower ? 2 : 1, place = place_of(j, upper, skip);
        const size_t ox = (size_t)upper->start + skip;
        ptn_depthwise_tile t = ptn_depthwise_tile_for(&j->tiles, sample, ws->tile_rows);
        if (lower) t.out_row = (place_of(j, lower, lower_skip) - place) * c;
        // Not again if another run of the row has found the input rows already.
        if (ws->found != row || ws->found_rows < rows) {
            ptn_depthwise_find_rows(&j->tiles, sample, row - sample * j->plan->out_h, rows,
                                    ws->tile_rows);
            ws->found = row;
            ws->found_rows = rows;
        }
        ptn_depthwise_outputs(&j->tiles, &t, rows, ox, ox + tiled, j->tiles.y + place * c);
    }
    if (tiled == length) return;
    ptn_masked_depthwise_add_run(j, ws, upper, skip + tiled, length - tiled);
    if (lower) ptn_masked_depthwise_add_run(j, ws, lower, lower_skip + tiled, length - tiled);
}

// The remaining runs [at, end) of a row; outputs of the first run before `column` are done.
typedef struct row_cursor {
    const ptn_mask_run *at, *end;
    int32_t column;
} row_cursor;

static row_cursor cursor_for(const ptn_mask_run *begin, const ptn_mask_run *end) {
    return (row_cursor){begin, end, begin < end ? begin->start : 0};
}

static int32_t run_end(const ptn_mask_run *run) { return run->start + run->length; }

// Moves the cursor to `column`; all outputs before it are done.
static void advance(row_cursor *r, int32_t column) {
    r->column = column;
    if (column < run_end(r->at)) return;
    r->at++;
    if (r->at < r->end) r->column = r->at->start;
}

// Adds the outputs before `column` of one row only.
static void add_alone(const depthwise_job *j, workspace *ws, row_cursor *r, int32_t column) {
    const int32_t end = column < run_end(r->at) ? column : run_end(r->at);
    if (end > r->column) {
        const size_t skip = (size_t)(r->column - r->at->start);
        add_piece(j, ws, r->at, skip, NULL, 0, (size_t)(end - r->column));
    }
    if (end >= r->column) advance(r, end);
}

// Adds two neighbouring rows: vertical pairs of outputs together, other outputs run by run.
static void add_rows(const depthwise_job *j, workspace *ws, row_cursor upper, row_cursor lower) {
    while (upper.at < upper.end && lower.at < lower.end) {
        const int32_t begin = upper.column > lower.column ? upper.column : lower.column;
        const int32_t upper_end = run_end(upper.at), lower_end = run_end(lower.at);
        const int32_t end = upper_end < lower_end ? upper_end : lower_end;
        if (end - begin < 3) {
            add_alone(j, ws, upper_end <= lower_end ? &upper : &lower, end);
            continue;
        }
        if (upper.column < begin) add_alone(j, ws, &upper, begin);
        if (lower.column < begin) add_alone(j, ws, &lower, begin);
        add_piece(j, ws, upper.at, (size_t)(begin - upper.at->start), lower.at,
                  (size_t)(begin - lower.at->start), (size_t)(end - begin));
        advance(&upper, end);
        advance(&lower, end);
    }
    while (upper.at < upper.end) add_alone(j, ws, &upper, run_end(upper.at));
    while (lower.at < lower.end) add_alone(j, ws, &lower, run_end(lower.at));
}

static const ptn_mask_run *row_end(const ptn_mask_run *run, const ptn_mask_run *end) {
    const int32_t row = run->row;
    while (run < end && run->row == row) run++;
    return run;
}

// Adds runs, in pairs of rows if these are neighbours in one image.
static void add_runs(const depthwise_job *j, workspace *ws, const ptn_mask_run *run,
                     const ptn_mask_run *end) {
    while (run < end) {
        const ptn_mask_run *next = row_end(run, end), *last = next;
        const size_t below = (size_t)run->row + 1;
        const bool same_image =
            ptn_divide(j->by_height, below) == ptn_divide(j->by_height, below - 1);
        if (j->tiled && next < end && (size_t)next->row == below && same_image)
            last = row_end(next, end);
        add_rows(j, ws, cursor_for(run, next), cursor_for(next, last));
        run = last;
    }
}

// Index of the run that contains output `at` of the list.
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
    workspace ws = ptn_masked_depthwise_workspace_of(j, thread);
    const size_t count = j->mask->outputs->view.count, tasks = j->compute_tasks;
    const size_t first = ptn_part_begin(count, tasks, index);
    const size_t end = ptn_part_begin(count, tasks, index + 1);
    // Tasks take whole runs: a run that crosses the border of two tasks belongs to the first.
    const size_t begin = index == 0 ? 0 : run_at(j, first - 1) + 1;
    const size_t stop = index + 1 == tasks ? j->run_count : run_at(j, end - 1) + 1;
    add_runs(j, &ws, j->runs + begin, j->runs + ptn_max(begin, stop));
    ptn_masked_depthwise_compute(j, &ws);
}

ptn_status ptn_masked_depthwise_run_rows(depthwise_job *j, int threads) {
    const size_t count = j->mask->outputs->view.count;
    j->runs = ptn_mask_plan_runs(j->mask->outputs, &j->run_count);
    if (j->mask->input != PTN_MASKED_MAP) j->input_index = ptn_mask_plan_index(j->mask->inputs);
    if (!j->runs || (j->mask->input != PTN_MASKED_MAP && !j->input_index)) return PTN_OUT_OF_MEMORY;
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
