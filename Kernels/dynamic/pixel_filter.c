// Per-pixel filters: a task is a run of positions in one row.
#include "pixel_filter.h"
#include "../core/checked.h"
#include "../core/rows.h"
#include <math.h>
#include <string.h>

#define PTN_SOURCE "../dynamic/pixel_filter.inc"
#include "../core/foreach_isa.h"

typedef void (*filter_run_fn)(const ptn_pixel_filter_run *run);
typedef void (*prepare_filters_fn)(const ptn_pixel_filter_run *run, float *to);
static const filter_run_fn filter_run[PTN_ISA_COUNT] = PTN_TABLE(filter_run);
static const filter_run_fn filter_few[PTN_ISA_COUNT] = PTN_TABLE(filter_few);
static const prepare_filters_fn prepare_rows[PTN_ISA_COUNT] = PTN_TABLE(prepare_rows);
static const prepare_filters_fn prepare_columns[PTN_ISA_COUNT] = PTN_TABLE(prepare_columns);

enum {
    PREPARED_FLOATS = 8192, // of filters that a task normalises: 32 KiB
    TASK_POSITIONS = 256,   // most of a task
    LEAST_POSITIONS = 4,    // fewer run less efficiently
};
// Sizes below this keep sums and differences of two of their products in range.
static const size_t MOST_LENGTH = (size_t)1 << 30;

typedef struct filter_job {
    const ptn_pixel_filter_shape *shape;
    ptn_isa isa;
    const float *x, *filters, *channel_filters, *residual;
    float *y;
    bool is_few;                 // few channels: vectorised over the outputs of a position
    bool prepares;               // normalises or reorders filters
    bool columns;                // which are given, and stay, [tap][output] per position
    size_t taps, outputs, parts; // outputs of a position; tasks per row
    float *scratch;
    size_t thread_floats;
} filter_job;

// Kernel rows inside the source for the row `oy` of positions.
static void rows_inside(const ptn_pixel_filter_shape *s, size_t oy, size_t *first, size_t *rows) {
    const size_t top = oy * s->stride_h; // in the padded source
    *first = top < s->pad_h ? ptn_div_up(s->pad_h - top, s->dilation_h) : 0;
    const size_t bottom = s->h + s->pad_h;
    const size_t end = top < bottom ? ptn_min(s->kh, (bottom - top - 1) / s->dilation_h + 1) : 0;
    *rows = end > *first ? end - *first : 0;
}

static ptn_pixel_filter_run run_of(const filter_job *j, size_t sample, size_t oy, size_t part) {
    const ptn_pixel_filter_shape *s = j->shape;
    const size_t first = ptn_part_begin(s->out_w, j->parts, part);
    const size_t row = sample * s->out_h + oy, position = row * s->out_w + first;
    ptn_pixel_filter_run a = {
        .x_row = s->dilation_h * s->w * s->channels,
        .columns = s->w,
        .channels = s->channels,
        .width = s->channels / s->groups,
        .kh = s->kh,
        .kw = s->kw,
        .stride = s->stride_w,
        .pad = s->pad_w,
        .dilation = s->dilation_w,
        .first = first,
        .count = ptn_part_begin(s->out_w, j->parts, part + 1) - first,
        .filters = j->filters + row * s->filter_row + first * s->filter_column,
        .filter_column = s->filter_column,
        .filter_down = s->filter_down,
        .filter_right = s->filter_right,
        .filter_tap = s->filter_tap,
        .kind = s->kind,
        .scale = s->scale,
        .factor = s->factor,
        .combine = s->combine,
        .y_down = s->out_w * s->factor * s->channels,
    };
    const size_t at = (row * s->factor * s->out_w + first) * s->factor * s->channels;
    a.y = j->y + at;
    a.residual_column = (s->residual_by_position ? j->outputs : s->factor) * s->channels;
    a.residual_down = s->residual_by_position ? s->factor * s->channels : a.y_down;
    if (j->residual)
        a.residual =
            j->residual + (s->residual_by_position ? position * j->outputs * s->channels : at);
    rows_inside(s, oy, &a.first_row, &a.rows);
    a.x = j->x + sample * s->h * s->w * s->channels;
    if (a.rows > 0)
        a.x += (oy * s->stride_h + a.first_row * s->dilation_h - s->pad_h) * s->w * s->channels;
    if (j->channel_filters) a.channel_filters = j->channel_filters + sample * j->taps * s->channels;
    return a;
}

static void run_task(void *context, size_t index, int thread) {
    const filter_job *j = context;
    const ptn_pixel_filter_shape *s = j->shape;
    const size_t row = index / j->parts;
    const ptn_pixel_filter_run a = run_of(j, row / s->out_h, row % s->out_h, index % j->parts);
    if (j->is_few) {
        filter_few[j->isa](&a);
        return;
    }
    for (size_t g = 0; g < s->groups; g++) {
        ptn_pixel_filter_run group = a;
        const size_t c = g * a.width;
        group.x += c;
        group.y += c;
        if (group.residual) group.residual += c;
        if (group.channel_filters) group.channel_filters += c;
        group.filters += g * s->filter_group;
        if (j->prepares) {
            float *prepared = j->scratch + (size_t)thread * j->thread_floats;
            (j->columns ? prepare_columns : prepare_rows)[j->isa](&group, prepared);
            group.filters = prepared;
            group.filter_column = j->outputs * j->taps;
            if (!j->columns) {
                group.filter_right = j->taps;
                group.filter_down = s->factor * j->taps;
                group.filter_tap = 1;
            }
        }
        filter_run[j->isa](&group);
    }
}

static bool lengths_fit(const ptn_pixel_filter_shape *s) {
    const size_t lengths[] = {s->h,      s->w,        s->kh,         s->kw,        s->stride_h,
                              s->out_h,  s->out_w,    s->stride_w,   s->pad_h,     s->pad_w,
                              s->factor, s->channels, s->dilation_h, s->dilation_w};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (lengths[i] > MOST_LENGTH) return false;
    return true;
}

// Whether all offsets fit.
static bool sizes_fit(const ptn_pixel_filter_shape *s) {
    size_t outputs, taps, step;
    return lengths_fit(s) && ptn_mul(s->factor, s->factor, &outputs) &&
           ptn_mul(s->kh, s->kw, &taps) && ptn_mul(taps, outputs, &step) &&
           ptn_float_bytes(step, TASK_POSITIONS, 1, 1, NULL) &&
           ptn_float_bytes(s->n, s->h, s->w, s->channels, NULL) &&
           ptn_mul(s->out_w, outputs, &step) &&
           ptn_float_bytes(s->n, s->out_h, step, s->channels, NULL) &&
           ptn_mul(s->dilation_h, s->w, &step) && ptn_float_bytes(step, s->channels, 1, 1, NULL) &&
           ptn_float_bytes(s->n, taps, s->channels, 1, NULL) &&
           ptn_float_bytes(s->n, s->out_h, s->filter_row, 1, NULL) &&
           ptn_float_bytes(s->out_w, s->filter_column, 1, 1, NULL) &&
           ptn_float_bytes(s->factor, s->filter_down, 1, 1, NULL) &&
           ptn_float_bytes(s->factor, s->filter_right, 1, 1, NULL) &&
           ptn_float_bytes(s->groups, s->filter_group, 1, 1, NULL) &&
           ptn_float_bytes(taps, s->filter_tap, 1, 1, NULL);
}

static ptn_status check(const ptn_runtime *runtime, const ptn_pixel_filter_shape *s,
                        const float *channel_filters) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (s->groups == 0 || s->channels % s->groups != 0 || s->kh == 0 || s->kw == 0 ||
        s->stride_h == 0 || s->stride_w == 0 || s->dilation_h == 0 || s->dilation_w == 0 ||
        s->factor == 0 || (channel_filters && s->factor != 1) ||
        (s->kind == PTN_FILTER_STANDARDISED && s->kh == 1 && s->kw == 1) ||
        (unsigned)s->kind > PTN_FILTER_STANDARDISED || (unsigned)s->combine > PTN_COMBINE_ADD)
        return PTN_BAD_ARGUMENT;
    return sizes_fit(s) ? PTN_OK : PTN_SIZE_OVERFLOW;
}

// Nanoseconds on one thread.
static double estimate(const filter_job *j) {
    const ptn_pixel_filter_shape *s = j->shape;
    const double filters = (double)(s->n * s->out_h * s->out_w) * (double)(j->outputs * j->taps);
    const double lanes = (double)ptn_min(8, ptn_isa_vector_floats(j->isa));
    const double product = (j->channel_filters ? 0.4 : 0.2) / lanes;
    const double each = 0.1 + (s->kind == PTN_FILTER_GIVEN ? 0 : 8 / lanes);
    return filters * (product * (double)s->channels + each * (double)s->groups);
}

ptn_status ptn_pixel_filter(const ptn_runtime *runtime, const ptn_pixel_filter_shape *shape,
                            const float *x, const float *filters, const float *channel_filters,
                            const float *residual, float *y) {
    const ptn_pixel_filter_shape *s = shape;
    const ptn_status status = check(runtime, s, channel_filters);
    if (status != PTN_OK) return status;
    if (s->n * s->out_h * s->out_w * s->channels == 0) return PTN_OK;
    if ((s->h * s->w > 0 && !x) || !filters || !y) return PTN_BAD_ARGUMENT;
    filter_job j = {.shape = s,
                    .isa = runtime->isa,
                    .x = x,
                    .filters = filters,
                    .channel_filters = channel_filters,
                    .residual = residual,
                    .y = y,
                    .taps = s->kh * s->kw,
                    .outputs = s->factor * s->factor};
    j.columns = s->factor > 1 && s->filter_right == 1 && s->filter_down == s->factor &&
                s->filter_tap == j.outputs && s->kind != PTN_FILTER_STANDARDISED;
    j.is_few = j.columns && s->groups == 1 && ptn_filter_few(s->channels) &&
               j.outputs >= ptn_isa_vector_floats(runtime->isa);
    // Only outputs beside each other need their taps side by side.
    j.prepares =
        !j.is_few && (s->kind != PTN_FILTER_GIVEN || (s->filter_tap != 1 && s->factor == 1));
    size_t most = TASK_POSITIONS;
    if (j.prepares)
        most = ptn_max(LEAST_POSITIONS, ptn_min(most, PREPARED_FLOATS / j.taps / j.outputs));
    j.parts = ptn_div_up(s->out_w, most);
    const int threads = ptn_threads_worth(runtime->threads, estimate(&j));
    if (j.prepares) {
        const size_t positions = ptn_div_up(s->out_w, j.parts);
        j.thread_floats =
            ptn_round_64(positions * j.taps * j.outputs * sizeof(float)) / sizeof(float);
        size_t bytes;
        if (!ptn_mul((size_t)threads, j.thread_floats * sizeof(float), &bytes))
            return PTN_SIZE_OVERFLOW;
        j.scratch = ptn_scratch_acquire(bytes);
        if (!j.scratch) return PTN_OUT_OF_MEMORY;
    }
    ptn_parallel(threads, s->n * s->out_h * j.parts, run_task, &j);
    ptn_scratch_release(j.scratch);
    return PTN_OK;
}
