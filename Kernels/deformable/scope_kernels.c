// Kernels sampled from scopes: the scope is sampled like an image whose channels are the filters.
#include "ptn_deform_kernel.h"
#include "sampling.h"
#include <math.h>
#include <string.h>

// Filters per task; longest side of a scope; bytes of a plan of one entry.
enum { BLOCK = 1 << 12, MOST_SCOPE = 1 << 10, PLAN_BYTES = 2048 };

typedef struct kernels_job {
    ptn_isa isa;
    const ptn_scope_kernels_shape *shape;
    const float *displacement, *scope, *zeros;
    float *kernels;
    size_t taps, blocks;
} kernels_job;

// Clips a position if the shape says so; NaN is kept.
static float within(const ptn_scope_kernels_shape *s, float p) {
    const float high = (float)(s->scope_h - 1);
    return !s->clip ? p : p < 0 ? 0 : p > high ? high : p;
}

static void sample_block(void *context, size_t index, int thread) {
    (void)thread;
    const kernels_job *j = context;
    const ptn_scope_kernels_shape *s = j->shape;
    const size_t row = index / j->blocks, first = index % j->blocks * BLOCK;
    const size_t tap = row % j->taps, count = ptn_min(BLOCK, s->filters - first);
    const float *moved = j->displacement + 2 * row;
    const float origin = 0;
    const float place[2] = {
        within(s, (float)(tap / s->k) + ((float)s->scope_h - (float)s->k) / 2 + moved[0]),
        within(s, (float)(tap % s->k) + ((float)s->scope_w - (float)s->k) / 2 + moved[1])};
    _Alignas(64) char memory[PLAN_BYTES];
    _Static_assert(PLAN_BYTES >=
                       2 * PTN_CORNERS_SPARE * (4 * (sizeof(float *) + sizeof(float)) + 1),
                   "room for one entry");
    const ptn_sampled_image image = {.pixels = j->scope + first,
                                     .zeros = j->zeros,
                                     .h = s->scope_h,
                                     .w = s->scope_w,
                                     .step = s->filters};
    const ptn_corners corners = ptn_corners_in(memory, 1, &image);
    const ptn_positions p = {
        .image = image,
        .count = 1,
        .tap_y = &origin,
        .tap_x = &origin,
        .offsets = place,
        .scale = 1,
    };
    ptn_plan_corners[j->isa](&p, &corners, 0);
    const ptn_blend_args blend = {.corners = &corners,
                                  .pixels = 1,
                                  .taps = 1,
                                  .offset_groups = 1,
                                  .channels = count,
                                  .channel_end = count,
                                  .tap_end = 1,
                                  .out = j->kernels + row * s->filters + first,
                                  .row_floats = count};
    ptn_blend_rows[j->isa](&blend);
}

ptn_status ptn_scope_kernels(const ptn_runtime *runtime, const ptn_scope_kernels_shape *shape,
                             const float *displacement, const float *scope, float *kernels) {
    const ptn_scope_kernels_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->k == 0 || s->scope_h == 0 || s->scope_w == 0)
        return PTN_BAD_ARGUMENT;
    if (s->k > MOST_SCOPE || s->scope_h > MOST_SCOPE || s->scope_w > MOST_SCOPE ||
        !ptn_sampling_fits(s->scope_h, s->scope_w, s->filters) ||
        !ptn_float_bytes(s->scope_h, s->scope_w, s->filters, 1, NULL) ||
        !ptn_float_bytes(s->n, s->k * s->k, ptn_max(s->filters, 2), 1, NULL))
        return PTN_SIZE_OVERFLOW;
    const size_t rows = s->n * s->k * s->k;
    if (rows == 0 || s->filters == 0) return PTN_OK;
    const int threads =
        ptn_threads_worth(runtime->threads, (double)rows * (40 + (double)s->filters / 4));
    const size_t zeros = ptn_min(s->filters, BLOCK) * sizeof(float);
    float *scratch = ptn_scratch_acquire(ptn_round_64(zeros));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros);
    kernels_job j = {.isa = runtime->isa,
                     .shape = s,
                     .displacement = displacement,
                     .scope = scope,
                     .zeros = scratch,
                     .kernels = kernels,
                     .taps = s->k * s->k,
                     .blocks = ptn_div_up(s->filters, BLOCK)};
    ptn_parallel(threads, rows * j.blocks, sample_block, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
