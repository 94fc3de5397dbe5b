// Runs of neighbouring outputs of a masked depthwise convolution. Vectors run along channels, so
// that single pixels need no padding. Compact inputs are first copied to a dense patch.
#include "masked_depthwise_runs.h"
#include <string.h>

// Most runs computed together: their inputs stay in the second-level cache while all runs are
// computed for one vector of channels after the other.
enum { RUNS = 64 };
// Most outputs of a run with compact inputs, which bounds the patch.
enum { PATCH_OUTPUTS = 16 };

typedef ptn_masked_depthwise_job depthwise_job;
typedef ptn_masked_depthwise_workspace workspace;

static size_t runs_bytes(void) { return ptn_round_64(RUNS * sizeof(ptn_masked_depthwise_run)); }
static size_t rows_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(RUNS * s->kh * sizeof(float *));
}

static size_t tile_rows_bytes(const ptn_conv2d_shape *s) {
    return ptn_round_64(ptn_depthwise_row_slots(s) * sizeof(float *));
}

workspace ptn_masked_depthwise_workspace_of(const depthwise_job *j, int thread) {
    char *scratch = j->scratch + (size_t)thread * j->thread_bytes;
    return (workspace){.runs = (ptn_masked_depthwise_run *)scratch,
                       .rows = (const float **)(scratch + runs_bytes()),
                       .patch = (float *)(scratch + runs_bytes() + rows_bytes(j->shape)),
                       .tile_rows = (const float **)(scratch + j->tile_rows_at)};
}

// Copies columns [from, to) of input row `iy` into row `i` of the patch; inactive pixels become 0.
static const float *copy_row(const depthwise_job *j, size_t sample, size_t iy, size_t i,
                             size_t from, size_t to, float *patch) {
    const ptn_conv2d_shape *s = j->shape;
    float *row = patch + i * j->patch_columns * s->c;
    const size_t line = (sample * s->h + iy) * s->w;
    for (size_t x = from; x < to; x++) {
        const int32_t at = j->input_index[line + x];
        const size_t place = j->mask->input == PTN_MASKED_COMPACT ? (size_t)at : line + x;
        if (at < 0)
            memset(row + (x - from) * s->c, 0, s->c * sizeof(float));
        else
            memcpy(row + (x - from) * s->c, j->tiles.x + place * s->c, s->c * sizeof(float));
    }
    // The address that column 0 would have; only columns in the patch are read.
    return (const float *)((uintptr_t)row - from * s->c * sizeof(float));
}

// The micro-kernel's run for outputs [skip, skip + length) of a run of the plan.
static ptn_masked_depthwise_run place_run(const depthwise_job *j, const ptn_mask_run *run,
                                          size_t skip, size_t length, const float **rows,
                                          float *patch) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t row = (size_t)run->row, sample = ptn_divide(j->by_height, row);
    const size_t oy = row - sample * j->plan->out_h, start = (size_t)run->start + skip;
    const size_t reach = (s->kw - 1) * s->dilation_w;
    const size_t place = j->mask->output == PTN_MASKED_COMPACT ? (size_t)run->first + skip
                                                               : row * j->plan->out_w + start;
    ptn_masked_depthwise_run r = {.rows = rows,
                                  .left = (ptrdiff_t)(start * s->stride_w) - (ptrdiff_t)s->pad_left,
                                  .length = length,
                                  .out = j->tiles.y + place * s->c};
    // Finds the outputs whose first tap is not left of the image and whose last is not right of it.
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
        else if (j->input_index)
            rows[i] = copy_row(j, sample, iy, i, from, ptn_max(from, to), patch);
        else
            rows[i] = j->tiles.x + (sample * s->h + iy) * s->w * s->c;
    }
    return r;
}

static void activate_runs(const depthwise_job *j, const workspace *ws) {
    const size_t c = j->shape->c;
    for (size_t r = 0; r < ws->count; r++)
        ptn_epilogue_activate_pixels(&j->tiles.epilogue, 0, c, ws->runs[r].length, c,
                                     ws->runs[r].out);
}

ptn_masked_depthwise_args ptn_masked_depthwise_args_for(const depthwise_job *j, size_t sample) {
    const ptn_conv2d_shape *s = j->shape;
    return (ptn_masked_depthwise_args){
        .w = s->w,
        .c = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .stride = s->stride_w,
        .dilation = s->dilation_w,
        .weights = j->tiles.packed + sample * j->tiles.packed_stride,
        .end = ptn_epilogue_at(&j->tiles.epilogue, sample, 0),
    };
}

void ptn_masked_depthwise_compute(const depthwise_job *j, workspace *ws) {
    if (ws->count == 0) return;
    ptn_masked_depthwise_args a = ptn_masked_depthwise_args_for(j, ws->sample);
    a.runs = ws->runs;
    a.count = ws->count;
    ptn_masked_depthwise_run_variants[j->isa](&a);
    if (j->tiles.epilogue.activate) activate_runs(j, ws);
    ws->count = 0;
}

void ptn_masked_depthwise_add_run(const depthwise_job *j, workspace *ws, const ptn_mask_run *run,
                                  size_t skip, size_t length) {
    const size_t sample = ptn_divide(j->by_height, (size_t)run->row);
    const size_t most = j->input_index ? PATCH_OUTPUTS : length;
    for (size_t done = 0; done < length; done += most) {
        if (ws->count == RUNS || ws->sample != sample) ptn_masked_depthwise_compute(j, ws);
        ws->sample = sample;
        ws->runs[ws->count] = place_run(j, run, skip + done, ptn_min(most, length - done),
                                        ws->rows + ws->count * j->shape->kh, ws->patch);
        ws->count++;
        // There is only one patch buffer, so a run that uses it is computed at once.
        if (j->input_index) ptn_masked_depthwise_compute(j, ws);
    }
}

bool ptn_masked_depthwise_runs_scratch(depthwise_job *j) {
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
