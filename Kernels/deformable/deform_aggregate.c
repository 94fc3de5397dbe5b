// Deformable aggregation: plans a few pixels at a time, then sums their samples.
#include "ptn_deform_aggregate.h"
#include "../core/fetch.h"
#include "sampling.h"
#include <math.h>
#include <string.h>

// Most pixels of a task.
enum { TASK_PIXELS = 64 };

typedef struct aggregate_job {
    const ptn_deform_aggregate_shape *shape;
    ptn_planned_map map;
    float *y;
    size_t entries, rows, parts; // entries of a pixel; pixels planned together; tasks per sample
    bool is_far;                 // image and result exceed the caches
    char *thread_scratch;
    size_t plan_bytes, thread_bytes;
} aggregate_job;

size_t ptn_deform_aggregate_points(const ptn_deform_aggregate_shape *shape) {
    return shape->kh * shape->kw - (shape->remove_center ? 1 : 0);
}

// Prefetches for `count` outputs from `p` on: displacements, modulation, the outputs, and the input
// pixels below that are first read for the next row of outputs. Only all of these together gain
// much. (EPYC, Zen 4, small displacements: 1.1 times as fast on 128 x 128, 1.2 to 1.4 on 200 x
// 200.)
static void fetch_far(const aggregate_job *j, size_t sample, size_t p, size_t count) {
    const ptn_deform_aggregate_shape *s = j->shape;
    const ptn_planned_map *map = &j->map;
    const size_t at = sample * map->pixels + p, oy = p / map->out_w, ox = p % map->out_w;
    ptn_fetch(map->offset + at * s->offset_pixel, count * s->offset_pixel);
    if (map->mask) ptn_fetch(map->mask + at * s->mask_pixel, count * s->mask_pixel);
    ptn_fetch(j->y + at * s->channels, count * s->channels);
    // Above the image this wraps around to a number larger than h.
    const size_t below = oy * s->stride_h + (s->kh - 1) * s->dilation_h + 2 - s->pad_h;
    const size_t x = ox * s->stride_w;
    if (below >= s->h || x >= s->w) return;
    ptn_fetch(map->x + ((sample * s->h + below) * s->w + x) * s->channels,
              ptn_min(count * s->stride_w, s->w - x) * s->channels);
}

static void run_part(void *context, size_t index, int thread) {
    const aggregate_job *j = context;
    const ptn_deform_aggregate_shape *s = j->shape;
    const size_t sample = index / j->parts;
    const size_t part = index % j->parts, end = ptn_part_begin(j->map.pixels, j->parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    const ptn_corners corners = ptn_corners_in(scratch, j->rows * j->entries, &j->map.p.image);
    ptn_gather_args a = {.corners = &corners,
                         .step = s->channels,
                         .taps = j->map.points,
                         .offset_groups = s->groups,
                         .channels = s->channels / s->groups,
                         .end = ptn_epilogue_none()};
    for (size_t p = ptn_part_begin(j->map.pixels, j->parts, part), rows; p < end; p += rows) {
        rows = ptn_min(j->rows, end - p);
        if (j->is_far && p + rows < end)
            fetch_far(j, sample, p + rows, ptn_min(rows, end - p - rows));
        ptn_plan_pixels(&j->map, &corners, sample, p, rows, (float *)(scratch + j->plan_bytes));
        a.pixels = rows;
        a.out = j->y + (sample * j->map.pixels + p) * s->channels;
        ptn_gather_pixels[j->map.isa](&a);
    }
}

static void place_points(const ptn_deform_aggregate_shape *s, float *tap_y, float *tap_x) {
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
}

static size_t output(size_t size, size_t pad, size_t kernel, size_t dilation, size_t stride) {
    const size_t reach = (kernel - 1) * dilation + 1;
    return size + 2 * pad < reach ? 0 : (size + 2 * pad - reach) / stride + 1;
}

// Whether sizes are so small that sums of a few of them cannot overflow.
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

static ptn_planned_map map_of(ptn_isa isa, const ptn_deform_aggregate_shape *s, const float *x,
                              const float *offset, const float *mask) {
    return (ptn_planned_map){
        .isa = isa,
        .p = {.image = {.h = s->h, .w = s->w, .step = s->channels},
              .scale = s->offset_scale,
              .x_first = true},
        .x = x,
        .offset = offset,
        .mask = mask,
        .groups = s->groups,
        .points = ptn_deform_aggregate_points(s),
        .offset_pixel = s->offset_pixel,
        .offset_group = s->offset_group,
        .mask_pixel = s->mask_pixel,
        .mask_group = s->mask_group,
        .out_w = output(s->w, s->pad_w, s->kw, s->dilation_w, s->stride_w),
        .pixels = output(s->h, s->pad_h, s->kh, s->dilation_h, s->stride_h) *
                  output(s->w, s->pad_w, s->kw, s->dilation_w, s->stride_w),
        .stride_h = s->stride_h,
        .stride_w = s->stride_w,
        .pad_top = s->pad_h,
        .pad_left = s->pad_w,
    };
}

static ptn_status check(const ptn_runtime *runtime, const ptn_deform_aggregate_shape *s) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->groups == 0 || s->channels % s->groups != 0 || s->kh == 0 ||
        s->kw == 0 || s->stride_h == 0 || s->stride_w == 0 || s->dilation_h == 0 ||
        s->dilation_w == 0 || (s->remove_center && (s->kh != s->kw || s->kh % 2 == 0)))
        return PTN_BAD_ARGUMENT;
    if (!sizes_fit(s)) return PTN_SIZE_OVERFLOW;
    const size_t out_h = output(s->h, s->pad_h, s->kh, s->dilation_h, s->stride_h);
    const size_t out_w = output(s->w, s->pad_w, s->kw, s->dilation_w, s->stride_w);
    const size_t widest = ptn_max(s->channels, ptn_max(s->offset_pixel, s->mask_pixel));
    return ptn_float_bytes(s->n, out_h, out_w, widest, NULL) ? PTN_OK : PTN_SIZE_OVERFLOW;
}

ptn_status ptn_deform_aggregate(const ptn_runtime *runtime, const ptn_deform_aggregate_shape *shape,
                                const float *x, const float *offset, const float *mask, float *y) {
    const ptn_deform_aggregate_shape *s = shape;
    const ptn_status status = check(runtime, s);
    if (status != PTN_OK) return status;
    aggregate_job j = {.shape = s, .map = map_of(runtime->isa, s, x, offset, mask), .y = y};
    if (s->n * j.map.pixels == 0 || s->channels == 0) return PTN_OK;
    const size_t floats = s->n * (s->h * s->w + j.map.pixels) * s->channels;
    j.is_far = floats * sizeof(float) > PTN_FAR_BYTES;
    j.entries = s->groups * j.map.points;
    j.rows = ptn_min(TASK_PIXELS, ptn_planned_pixels(j.entries));
    const size_t places = ptn_places_floats(j.entries) * sizeof(float);
    j.plan_bytes = ptn_round_64(ptn_corners_bytes(j.rows * j.entries));
    j.thread_bytes = j.plan_bytes + ptn_round_64(places);

    const int threads = ptn_threads_worth(runtime->threads,
                                          (double)(s->n * j.map.pixels) * (double)j.map.points *
                                              ((double)s->groups * 2 + (double)s->channels * 0.15));
    j.parts = ptn_sampling_tasks(j.map.pixels, s->n, TASK_PIXELS, threads);
    const size_t zeros = ptn_round_64(s->channels * sizeof(float));
    char *scratch =
        ptn_scratch_acquire(zeros + ptn_round_64(places) + (size_t)threads * j.thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros);
    j.map.p.image.zeros = (const float *)scratch;
    ptn_set_places(&j.map, (float *)(scratch + zeros));
    if (j.entries > 0) {
        place_points(s, j.map.tap_y, j.map.tap_x);
        ptn_repeat_places(&j.map);
    }
    j.thread_scratch = scratch + zeros + ptn_round_64(places);
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
