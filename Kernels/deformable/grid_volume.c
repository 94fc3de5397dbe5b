// Sampling of volumes at given positions. A sample is two plan entries, one per plane, which are
// summed by the same code as the taps of a depthwise deformable convolution.
#include "ptn_grid_volume.h"
#include "grid.h"
#include "sampling.h"
#include <string.h>

// Output voxels planned together.
enum { VOXELS = 64 };

typedef struct volume_job {
    ptn_isa isa;
    const ptn_grid_volume_shape *shape;
    const float *x, *grid, *zeros;
    float *y;
    ptn_grid_axis rules[3]; // z, y, x
    size_t voxels, parts;
    char *thread_scratch;
} volume_job;

static size_t thread_bytes(void) { return ptn_round_64(ptn_corners_bytes(2 * VOXELS)); }

// The two positions along one axis and their weights; a position outside has index -1.
typedef struct axis_pair {
    ptrdiff_t index[2];
    float weight[2];
} axis_pair;

// Reflects a position at low and low + span; infinity becomes NaN.
static float mirrored(float p, const ptn_grid_axis *rule) {
    if (!(rule->span > 0)) return 0;
    const float twice = 2 * rule->span, r = fmodf(fabsf(p - rule->low), twice);
    return fminf(twice - r, r) + rule->low;
}

static float position(const ptn_grid_axis *rule, ptn_grid_padding padding, float g) {
    float p = (g + 1) * rule->scale + rule->shift;
    if (padding == PTN_GRID_REFLECTION) p = mirrored(p, rule);
    // NaN becomes 0.
    if (padding != PTN_GRID_ZEROS) p = p > 0 ? (p < rule->last ? p : rule->last) : 0;
    return p;
}

static axis_pair pair_at(const ptn_grid_axis *rule, float p, bool nearest) {
    if (!(p > -1 && p < rule->last + 1)) {
        const float weight = isnan(p) && !nearest ? NAN : 0;
        return (axis_pair){{-1, -1}, {weight, weight}};
    }
    const float base = nearest ? rintf(p) : floorf(p), share = nearest ? 0 : p - base;
    const ptrdiff_t at = (ptrdiff_t)base, last = (ptrdiff_t)rule->last;
    return (axis_pair){{at <= last ? at : -1, at < last ? at + 1 : -1}, {1 - share, share}};
}

// Plans a voxel: entry 2 * voxel is the front plane, 2 * voxel + 1 the back plane.
static void plan_voxel(const volume_job *j, const float *volume, const float *grid,
                       const ptn_corners *corners, size_t voxel) {
    const ptn_grid_volume_shape *s = j->shape;
    axis_pair axis[3];
    for (size_t i = 0; i < 3; i++) {
        const ptn_grid_axis *rule = &j->rules[i];
        axis[i] =
            pair_at(rule, position(rule, s->padding, grid[2 - i]), s->mode == PTN_GRID_NEAREST);
    }
    for (size_t i = 0; i < 8; i++) {
        const size_t z = i / 4, y = i / 2 % 2, x = i % 2, entry = 2 * voxel + z;
        const ptrdiff_t iz = axis[0].index[z], iy = axis[1].index[y], ix = axis[2].index[x];
        const size_t line = (size_t)iz * s->h + (size_t)iy;
        corners->row[i % 4][entry] =
            (iz | iy | ix) < 0 ? j->zeros : volume + (line * s->w + (size_t)ix) * s->c;
        corners->weight[4 * entry + i % 4] =
            axis[0].weight[z] * axis[1].weight[y] * axis[2].weight[x];
    }
}

static void sample_part(void *context, size_t index, int thread) {
    const volume_job *j = context;
    const ptn_grid_volume_shape *s = j->shape;
    const size_t sample = index / j->parts, part = index % j->parts;
    const size_t first = ptn_part_begin(j->voxels, j->parts, part);
    const size_t count = ptn_part_begin(j->voxels, j->parts, part + 1) - first;
    const size_t at = sample * j->voxels + first;
    const float *volume = j->x + sample * s->d * s->h * s->w * s->c;
    const ptn_corners corners =
        ptn_corners_in(j->thread_scratch + (size_t)thread * thread_bytes(), 2 * VOXELS, NULL);
    for (size_t m = 0; m < count; m++) plan_voxel(j, volume, j->grid + (at + m) * 3, &corners, m);
    ptn_gather_args a = {.corners = &corners,
                         .pixels = 1,
                         .taps = 2,
                         .offset_groups = 1,
                         .channels = s->c,
                         .end = ptn_epilogue_none()};
    for (size_t m = 0; m < count; m++) {
        a.first = 2 * m;
        a.out = j->y + (at + m) * s->c;
        if (s->mode == PTN_GRID_NEAREST)
            memcpy(a.out, corners.row[0][2 * m], s->c * sizeof(float));
        else
            ptn_gather_pixels[j->isa](&a);
    }
}

// `*voxels` = d * h * w.
static bool count_voxels(size_t d, size_t h, size_t w, size_t *voxels) {
    return ptn_mul(d, h, voxels) && ptn_mul(*voxels, w, voxels);
}

ptn_status ptn_grid_sample_volume(const ptn_runtime *runtime, const ptn_grid_volume_shape *shape,
                                  const float *x, const float *grid, float *y) {
    const ptn_grid_volume_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->d == 0 || s->h == 0 || s->w == 0 ||
        (unsigned)s->mode > PTN_GRID_NEAREST || (unsigned)s->padding > PTN_GRID_REFLECTION)
        return PTN_BAD_ARGUMENT;
    size_t inputs, outputs;
    if (ptn_max(s->d, ptn_max(s->h, s->w)) > PTN_SAMPLING_MOST_SIDE ||
        !count_voxels(s->d, s->h, s->w, &inputs) ||
        !count_voxels(s->out_d, s->out_h, s->out_w, &outputs) ||
        !ptn_float_bytes(s->n, inputs, s->c, 1, NULL) ||
        !ptn_float_bytes(s->n, outputs, ptn_max(s->c, 3), 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (s->n * outputs == 0 || s->c == 0) return PTN_OK;
    const int threads =
        ptn_threads_worth(runtime->threads, (double)(s->n * outputs) * (30 + (double)s->c / 2));

    const size_t zeros_bytes = ptn_round_64(s->c * sizeof(float));
    char *scratch = ptn_scratch_acquire(zeros_bytes + (size_t)threads * thread_bytes());
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros_bytes);
    volume_job j = {.isa = runtime->isa,
                    .shape = s,
                    .x = x,
                    .grid = grid,
                    .zeros = (const float *)scratch,
                    .y = y,
                    .rules = {ptn_axis_rule(s->d, s->align_corners),
                              ptn_axis_rule(s->h, s->align_corners),
                              ptn_axis_rule(s->w, s->align_corners)},
                    .voxels = outputs,
                    .parts = ptn_sampling_tasks(outputs, s->n, VOXELS, threads),
                    .thread_scratch = scratch + zeros_bytes};
    ptn_parallel(threads, s->n * j.parts, sample_part, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

typedef struct affine_job {
    size_t out_d, out_h, out_w;
    bool align_corners;
    const float *theta;
    float *grid;
} affine_job;

static void affine_row(void *context, size_t index, int thread) {
    (void)thread;
    const affine_job *j = context;
    const float *t = j->theta + index / (j->out_d * j->out_h) * 12;
    const float z = ptn_base_position(index / j->out_h % j->out_d, j->out_d, j->align_corners);
    const float y = ptn_base_position(index % j->out_h, j->out_h, j->align_corners);
    float *out = j->grid + index * j->out_w * 3;
    for (size_t i = 0; i < j->out_w; i++) {
        const float x = ptn_base_position(i, j->out_w, j->align_corners);
        for (size_t k = 0; k < 3; k++)
            out[3 * i + k] = t[4 * k] * x + t[4 * k + 1] * y + t[4 * k + 2] * z + t[4 * k + 3];
    }
}

ptn_status ptn_affine_grid_volume(const ptn_runtime *runtime, size_t n, size_t out_d, size_t out_h,
                                  size_t out_w, bool align_corners, const float *theta,
                                  float *grid) {
    if (runtime->threads < 1) return PTN_BAD_ARGUMENT;
    size_t outputs;
    if (!count_voxels(out_d, out_h, out_w, &outputs) || !ptn_float_bytes(n, outputs, 3, 1, NULL) ||
        !ptn_float_bytes(n, 12, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    affine_job j = {out_d, out_h, out_w, align_corners, theta, grid};
    const int threads = ptn_threads_worth(runtime->threads, (double)n * (double)outputs * 5);
    ptn_parallel(threads, outputs == 0 ? 0 : n * out_d * out_h, affine_row, &j);
    return PTN_OK;
}
