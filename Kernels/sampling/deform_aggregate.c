// Deformable aggregation: a few pixels are planned, then their samples are summed.
#include "ptn_deform_aggregate.h"
#include "sampling.h"
#include <math.h>
#include <string.h>

// Pixels that are planned together, and that make a task.
enum { ROWS = 8, TASK_PIXELS = 64 };

typedef struct aggregate_job {
    ptn_isa isa;
    const ptn_deform_aggregate_shape *shape;
    const float *x, *offset, *mask, *zeros, *tap_y, *tap_x;
    float *y;
    size_t pixels, out_w, points, parts;
    char *thread_scratch;
    size_t thread_bytes;
} aggregate_job;

size_t ptn_deform_aggregate_points(const ptn_deform_aggregate_shape *shape) {
    return shape->kh * shape->kw - (shape->remove_center ? 1 : 0);
}

// Blocks of offsets that follow each other without a gap are planned as one.
static bool is_dense(const ptn_deform_aggregate_shape *s, size_t points) {
    return s->offset_group == 2 * points && s->mask_group == points;
}

static void plan_pixel(const aggregate_job *j, const ptn_corners *corners, size_t sample,
                       size_t pixel, size_t first) {
    const ptn_deform_aggregate_shape *s = j->shape;
    const size_t at = sample * j->pixels + pixel;
    const bool dense = is_dense(s, j->points);
    ptn_positions p = {
        .image = {.pixels = j->x + sample * s->h * s->w * s->channels,
                  .zeros = j->zeros,
                  .h = s->h,
                  .w = s->w,
                  .step = s->channels},
        .count = dense ? s->groups * j->points : j->points,
        .tap_y = j->tap_y,
        .tap_x = j->tap_x,
        .origin_y = (float)((double)(pixel / j->out_w * s->stride_h) - (double)s->pad_h),
        .origin_x = (float)((double)(pixel % j->out_w * s->stride_w) - (double)s->pad_w),
        .scale = s->offset_scale,
        .x_first = true,
    };
    for (size_t g = 0; g < (dense ? 1 : s->groups); g++) {
        p.offsets = j->offset + at * s->offset_pixel + g * s->offset_group;
        p.modulation = j->mask + at * s->mask_pixel + g * s->mask_group;
        ptn_plan_corners[j->isa](&p, corners, first + g * j->points);
    }
}

static void run_part(void *context, size_t index, int thread) {
    const aggregate_job *j = context;
    const ptn_deform_aggregate_shape *s = j->shape;
    const size_t sample = index / j->parts, entries = s->groups * j->points;
    const size_t end = ptn_min((index % j->parts + 1) * TASK_PIXELS, j->pixels);
    const ptn_corners corners =
        ptn_corners_in(j->thread_scratch + (size_t)thread * j->thread_bytes, ROWS * entries);
    ptn_gather_args a = {.corners = &corners,
                         .taps = j->points,
                         .offset_groups = s->groups,
                         .channels = s->channels / s->groups,
                         .low = -INFINITY,
                         .high = INFINITY};
    for (size_t p = index % j->parts * TASK_PIXELS; p < end;) {
        const size_t rows = ptn_min(ROWS, end - p);
        for (size_t m = 0; m < rows; m++) plan_pixel(j, &corners, sample, p + m, m * entries);
        for (size_t m = 0; m < rows; m++, p++) {
            a.first = m * entries;
            a.out = j->y + (sample * j->pixels + p) * s->channels;
            ptn_gather_pixel[j->isa](&a);
        }
    }
}

static void place_points(const ptn_deform_aggregate_shape *s, size_t points, float *tap_y,
                         float *tap_x) {
    const float a = s->offset_scale;
    const float half_y = (float)(s->dilation_h * (s->kh - 1) / 2);
    const float half_x = (float)(s->dilation_w * (s->kw - 1) / 2);
    size_t point = 0;
    for (size_t i = 0; i < s->kw; i++)
        for (size_t k = 0; k < s->kh; k++) {
            if (s->remove_center && i == s->kw / 2 && k == s->kh / 2) continue;
            tap_x[point] = half_x - half_x * a + (float)(i * s->dilation_w) * a;
            tap_y[point] = half_y - half_y * a + (float)(k * s->dilation_h) * a;
            point++;
        }
    for (size_t e = points; e < s->groups * points; e++) {
        tap_x[e] = tap_x[e - points];
        tap_y[e] = tap_y[e - points];
    }
}

static size_t output(size_t size, size_t pad, size_t kernel, size_t dilation, size_t stride) {
    const size_t reach = (kernel - 1) * dilation + 1;
    return size + 2 * pad < reach ? 0 : (size + 2 * pad - reach) / stride + 1;
}

// Sizes small enough for sums of a few of them.
static bool sizes_fit(const ptn_deform_aggregate_shape *s) {
    const size_t sizes[] = {s->kh,    s->kw,    s->stride_h,   s->stride_w,
                            s->pad_h, s->pad_w, s->dilation_h, s->dilation_w};
    size_t entries;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > PTN_SAMPLING_MOST_SIDE) return false;
    return ptn_sampling_fits(s->h, s->w, s->channels) &&
           ptn_float_bytes(s->n, s->h, s->w, s->channels, NULL) &&
           ptn_float_bytes(s->kh * s->kw, s->groups, 1024, 1, &entries);
}

ptn_status ptn_deform_aggregate(const ptn_runtime *runtime, const ptn_deform_aggregate_shape *shape,
                                const float *x, const float *offset, const float *mask, float *y) {
    const ptn_deform_aggregate_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->groups == 0 || s->channels % s->groups != 0 || s->kh == 0 ||
        s->kw == 0 || s->stride_h == 0 || s->stride_w == 0 || s->dilation_h == 0 ||
        s->dilation_w == 0 || (s->remove_center && (s->kh != s->kw || s->kh % 2 == 0)))
        return PTN_BAD_ARGUMENT;
    if (!sizes_fit(s)) return PTN_SIZE_OVERFLOW;
    const size_t out_h = output(s->h, s->pad_h, s->kh, s->dilation_h, s->stride_h);
    const size_t out_w = output(s->w, s->pad_w, s->kw, s->dilation_w, s->stride_w);
    const size_t points = ptn_deform_aggregate_points(s), entries = s->groups * points;
    if (!ptn_float_bytes(s->n, out_h, out_w, s->channels, NULL) ||
        !ptn_float_bytes(s->n, out_h, out_w, ptn_max(s->offset_pixel, s->mask_pixel), NULL))
        return PTN_SIZE_OVERFLOW;
    const size_t outputs = s->n * out_h * out_w;
    if (outputs == 0 || s->channels == 0) return PTN_OK;

    const int threads = ptn_threads_worth(
        runtime->threads, (double)outputs * (double)points *
                              ((double)s->groups * 3 + (double)s->channels * 0.2));
    const size_t shared = ptn_round_64((s->channels + 2 * entries) * sizeof(float));
    const size_t each = ptn_round_64(ptn_corners_bytes(ROWS * entries));
    float *scratch = ptn_scratch_acquire(shared + (size_t)threads * each);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    float *tap_y = scratch + s->channels, *tap_x = tap_y + entries;
    memset(scratch, 0, s->channels * sizeof(float));
    if (points > 0) place_points(s, points, tap_y, tap_x);
    aggregate_job j = {.isa = runtime->isa,
                       .shape = s,
                       .x = x,
                       .offset = offset,
                       .mask = mask,
                       .zeros = scratch,
                       .tap_y = tap_y,
                       .tap_x = tap_x,
                       .y = y,
                       .pixels = out_h * out_w,
                       .out_w = out_w,
                       .points = points,
                       .parts = ptn_div_up(out_h * out_w, TASK_PIXELS),
                       .thread_scratch = (char *)scratch + shared,
                       .thread_bytes = each};
    ptn_parallel(threads, s->n * j.parts, run_part, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

typedef struct blend_job {
    size_t groups, width, rows;
    const float *z, *u, *gate;
    float *y;
} blend_job;

enum { BLEND_ROWS = 64 };

static void blend_part(void *context, size_t index, int thread) {
    (void)thread;
    const blend_job *j = context;
    const size_t end = ptn_min((index + 1) * BLEND_ROWS, j->rows) * j->groups;
    for (size_t g = index * BLEND_ROWS * j->groups; g < end; g++) {
        const float gate = j->gate[g];
        for (size_t c = g * j->width; c < (g + 1) * j->width; c++)
            j->y[c] = j->z[c] + (j->u[c] - j->z[c]) * gate;
    }
}

ptn_status ptn_blend_groups(const ptn_runtime *runtime, size_t rows, size_t groups, size_t width,
                            const float *z, const float *u, const float *gate, float *y) {
    if (runtime->threads < 1) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(rows, groups, ptn_max(width, 1), 1, NULL)) return PTN_SIZE_OVERFLOW;
    blend_job j = {groups, width, rows, z, u, gate, y};
    const int threads =
        ptn_threads_worth(runtime->threads, (double)rows * (double)(groups * width) * 1.5);
    ptn_parallel(threads, ptn_div_up(rows, BLEND_ROWS), blend_part, &j);
    return PTN_OK;
}
