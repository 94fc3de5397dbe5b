// Deformable kernels: the same plan and sums as a depthwise deformable convolution, with the scope
// in place of the image and the image's pixels in place of the weights.
#include "ptn_deform_kernel.h"
#include "sampling.h"
#include <math.h>
#include <string.h>

// Pixels planned together; most pixels of a task; longest side of a scope.
enum { ROWS = 8, TASK_PIXELS = 64, MOST_SCOPE = 1 << 10 };

typedef struct kernel_job {
    ptn_isa isa;
    const ptn_deform_kernel_shape *shape;
    const float *x, *rotation, *scope, *zeros, *tap_y, *tap_x;
    float *y;
    size_t out_h, out_w, outputs, taps, tasks; // outputs: of all samples
    char *thread_scratch;
    size_t plan_bytes, thread_bytes;
} kernel_job;

// Scratch per thread: the plan, addresses of taps and, with several groups, the taps' pixels and
// the output, reordered so that the channels of a group are contiguous.
static size_t gathered_floats(const ptn_deform_kernel_shape *s) {
    return s->groups > 1 ? (s->k * s->k + 1) * s->c : 0;
}

static ptn_sampled_image scope_of(const kernel_job *j) {
    const ptn_deform_kernel_shape *s = j->shape;
    return (ptn_sampled_image){
        .pixels = j->scope, .zeros = j->zeros, .h = s->scope_h, .w = s->scope_w, .step = s->c};
}

static void plan_pixel(const kernel_job *j, const ptn_corners *corners, size_t pixel,
                       size_t first) {
    const ptn_deform_kernel_shape *s = j->shape;
    const size_t entries = s->groups * j->taps;
    const ptn_positions p = {
        .image = scope_of(j),
        .count = entries,
        .tap_y = j->tap_y,
        .tap_x = j->tap_x,
        .offsets = j->rotation + pixel * entries * 2,
        .scale = 1,
        .high = s->clip ? (float)(s->scope_h - 1) : 0,
    };
    ptn_plan_corners[j->isa](&p, corners, first);
    if (!s->clip || s->scope_h > 1) return;
    // Clipping to a range of one point: all samples are that point.
    for (size_t e = first; e < first + entries; e++)
        for (size_t i = 0; i < 4; i++) {
            corners->row[i][e] = j->scope;
            corners->weight[4 * e + i] = isnan(corners->weight[4 * e + i]) ? NAN : i == 0;
        }
}

// Finds the addresses of the image pixels that the taps read.
static void find_taps(const kernel_job *j, size_t pixel, const float **rows) {
    const ptn_deform_kernel_shape *s = j->shape;
    const size_t oy = pixel / j->out_w % j->out_h, ox = pixel % j->out_w;
    const float *image = j->x + pixel / (j->out_h * j->out_w) * s->h * s->w * s->c;
    for (size_t t = 0; t < j->taps; t++) {
        const size_t py = oy * s->stride + t / s->k * s->dilation;
        const size_t px = ox * s->stride + t % s->k * s->dilation;
        const bool inside =
            py >= s->pad && py - s->pad < s->h && px >= s->pad && px - s->pad < s->w;
        rows[t] = inside ? image + ((py - s->pad) * s->w + px - s->pad) * s->c : j->zeros;
    }
}

// to[g][i] = from[i][g], or with `back` the inverse.
static void regroup(const float *from, size_t groups, size_t width, bool back, float *to) {
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < width; i++)
            if (back)
                to[i * groups + g] = from[g * width + i];
            else
                to[g * width + i] = from[i * groups + g];
}

static void run_part(void *context, size_t index, int thread) {
    const kernel_job *j = context;
    const ptn_deform_kernel_shape *s = j->shape;
    const size_t entries = s->groups * j->taps, width = s->c / s->groups;
    const size_t end = ptn_part_begin(j->outputs, j->tasks, index + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    const ptn_sampled_image scope = scope_of(j);
    const ptn_corners corners = ptn_corners_in(scratch, ROWS * entries, &scope);
    const float **rows = (const float **)(scratch + j->plan_bytes);
    float *gathered = (float *)(rows + j->taps), *out = gathered + j->taps * s->c;
    ptn_gather_args a = {.corners = &corners,
                         .pixels = 1,
                         .taps = j->taps,
                         .offset_groups = s->groups,
                         .channels = width,
                         .weights = rows,
                         .end = ptn_epilogue_none()};
    for (size_t p = ptn_part_begin(j->outputs, j->tasks, index); p < end;) {
        const size_t count = ptn_min(ROWS, end - p);
        for (size_t m = 0; m < count; m++) plan_pixel(j, &corners, p + m, m * entries);
        for (size_t m = 0; m < count; m++, p++) {
            find_taps(j, p, rows);
            a.first = m * entries;
            a.out = s->groups > 1 ? out : j->y + p * s->c;
            if (s->groups > 1)
                for (size_t t = 0; t < j->taps; t++) {
                    regroup(rows[t], s->groups, width, false, gathered + t * s->c);
                    rows[t] = gathered + t * s->c;
                }
            ptn_gather_pixels[j->isa](&a);
            if (s->groups > 1) regroup(out, s->groups, width, true, j->y + p * s->c);
        }
    }
}

static bool sizes_fit(const ptn_deform_kernel_shape *s) {
    const size_t sizes[] = {s->h, s->w, s->stride, s->pad, s->dilation, s->k};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > PTN_SAMPLING_MOST_SIDE) return false;
    return s->k <= MOST_SCOPE && s->scope_h <= MOST_SCOPE && s->scope_w <= MOST_SCOPE &&
           ptn_sampling_fits(s->scope_h, s->scope_w, s->c) &&
           ptn_float_bytes(s->n, s->h, s->w, s->c, NULL) &&
           ptn_float_bytes(s->k * s->k + 1, s->c, 64, ROWS, NULL);
}

ptn_status ptn_deform_kernel(const ptn_runtime *runtime, const ptn_deform_kernel_shape *shape,
                             const float *x, const float *rotation, const float *scope, float *y) {
    const ptn_deform_kernel_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->k == 0 || s->stride == 0 || s->dilation == 0 || s->groups == 0 ||
        s->c == 0 || s->c % s->groups != 0 || s->scope_h == 0 || s->scope_w == 0)
        return PTN_BAD_ARGUMENT;
    if (!sizes_fit(s)) return PTN_SIZE_OVERFLOW;
    const size_t reach = (s->k - 1) * s->dilation + 1;
    if (s->h + 2 * s->pad < reach || s->w + 2 * s->pad < reach) return PTN_BAD_ARGUMENT;
    kernel_job j = {.isa = runtime->isa,
                    .shape = s,
                    .x = x,
                    .rotation = rotation,
                    .scope = scope,
                    .y = y,
                    .out_h = (s->h + 2 * s->pad - reach) / s->stride + 1,
                    .out_w = (s->w + 2 * s->pad - reach) / s->stride + 1,
                    .taps = s->k * s->k};
    const size_t entries = s->groups * j.taps;
    if (!ptn_float_bytes(s->n, j.out_h, j.out_w, ptn_max(s->c, 2 * entries), NULL))
        return PTN_SIZE_OVERFLOW;
    j.outputs = s->n * j.out_h * j.out_w;
    if (j.outputs == 0) return PTN_OK;

    const int threads = ptn_threads_worth(
        runtime->threads, (double)j.outputs * (double)j.taps *
                              ((double)s->groups * 3 + (double)s->c * (s->groups > 1 ? 1 : 0.2)));
    const size_t shared = ptn_round_64((s->c + 2 * entries) * sizeof(float));
    j.plan_bytes = ptn_round_64(ptn_corners_bytes(ROWS * entries));
    j.thread_bytes =
        ptn_round_64(j.plan_bytes + j.taps * sizeof(float *) + gathered_floats(s) * sizeof(float));
    float *scratch = ptn_scratch_acquire(shared + (size_t)threads * j.thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    float *tap_y = scratch + s->c, *tap_x = tap_y + entries;
    memset(scratch, 0, s->c * sizeof(float));
    for (size_t e = 0; e < entries; e++) {
        const size_t tap = e % j.taps;
        tap_y[e] = (float)(tap / s->k) + ((float)s->scope_h - (float)s->k) / 2;
        tap_x[e] = (float)(tap % s->k) + ((float)s->scope_w - (float)s->k) / 2;
    }
    j.zeros = scratch;
    j.tap_y = tap_y;
    j.tap_x = tap_x;
    j.thread_scratch = (char *)scratch + shared;
    j.tasks = ptn_sampling_tasks(j.outputs, 1, TASK_PIXELS, threads);
    ptn_parallel(threads, j.tasks, run_part, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
