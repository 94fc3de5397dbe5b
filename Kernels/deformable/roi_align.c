// RoIAlign and deformable RoI pooling: the points of a bin are planned in blocks and summed by the
// same code as the taps of a depthwise deformable convolution.
#include "ptn_roi_align.h"
#include "sampling.h"
#include <math.h>
#include <string.h>

enum { POINTS = 64, MOST_POINTS = 1 << 16, MOST_RATIO = 64 };

// A box on the map.
typedef struct roi {
    size_t sample, points_y, points_x; // points per bin
    float y, x, bin_h, bin_w, height, width;
} roi;

typedef struct roi_job {
    ptn_isa isa;
    const ptn_roi_align_shape *shape;
    const float *x, *boxes, *zeros;
    const float *offset; // NULL: none
    float gamma;
    float *y;
    char *thread_scratch;
} roi_job;

static size_t thread_bytes(void) { return ptn_round_64(ptn_corners_bytes(POINTS)); }

static roi roi_of(const ptn_roi_align_shape *s, const float *box) {
    const float shift = s->aligned ? 0.5f : 0;
    const float x1 = box[1] * s->scale - shift, y1 = box[2] * s->scale - shift;
    float width = box[3] * s->scale - shift - x1, height = box[4] * s->scale - shift - y1;
    if (!s->aligned) {
        width = fmaxf(width, 1);
        height = fmaxf(height, 1);
    }
    roi r = {.sample = (size_t)box[0], .y = y1, .x = x1, .height = height, .width = width};
    r.bin_h = height / (float)s->out_h;
    r.bin_w = width / (float)s->out_w;
    // A box with negative width or height has no points.
    const float ry = ceilf(r.bin_h), rx = ceilf(r.bin_w);
    r.points_y = s->sampling_ratio ? s->sampling_ratio : ry > 0 ? (size_t)ry : 0;
    r.points_x = s->sampling_ratio ? s->sampling_ratio : rx > 0 ? (size_t)rx : 0;
    return r;
}

// The two pixels of a point along one axis and the weight of the second; false if outside.
static bool place(float p, size_t size, size_t pixels[2], float *share) {
    if (!(p >= -1 && p <= (float)size)) return false;
    if (p <= 0) p = 0;
    pixels[0] = (size_t)p;
    pixels[1] = pixels[0] + 1;
    if (pixels[1] >= size) {
        pixels[0] = pixels[1] = size - 1;
        p = (float)pixels[0];
    }
    *share = p - (float)pixels[0];
    return true;
}

static void plan_point(const roi_job *j, const ptn_corners *corners, size_t entry, size_t sample,
                       float py, float px, float weight) {
    const ptn_roi_align_shape *s = j->shape;
    size_t ys[2], xs[2];
    float ly = 0, lx = 0;
    const bool inside = place(py, s->h, ys, &ly) && place(px, s->w, xs, &lx);
    const float outside = isnan(py) || isnan(px) ? NAN : 0;
    for (size_t i = 0; i < 4; i++) {
        const size_t pixel = inside ? (sample * s->h + ys[i / 2]) * s->w + xs[i % 2] : 0;
        corners->row[i][entry] = inside ? j->x + pixel * s->c : j->zeros;
        corners->weight[4 * entry + i] =
            inside ? (i / 2 ? ly : 1 - ly) * (i % 2 ? lx : 1 - lx) * weight : outside;
    }
}

// The points [first, end) along one axis.
typedef struct span {
    size_t first, end;
} span;

// The points of a bin that may be on the map. Other points are zero and are skipped, since a box
// may be far larger than its map. Point i is at start + (i + 0.5) * bin / count.
static span points_on(float start, float bin, size_t count, size_t size) {
    const double step = (double)bin / (double)ptn_max(count, 1);
    if (!(step > 0)) return (span){0, count};
    if (isinf(start)) return (span){0, 0};
    // Bound of a point's rounding error in single precision.
    const double slack = 1e-6 * (fabs((double)start) + (double)bin + (double)size);
    const double first = (-1 - slack - (double)start) / step - 2;
    const double end = ((double)size + slack - (double)start) / step + 2;
    const double most = (double)count;
    return (span){(size_t)fmin(fmax(first, 0), most), (size_t)fmin(fmax(end, 0), most)};
}

static void run_bin(const roi_job *j, const roi *r, size_t by, size_t bx,
                    const ptn_corners *corners, float *out) {
    const ptn_roi_align_shape *s = j->shape;
    const float top = r->y + (float)by * r->bin_h, left = r->x + (float)bx * r->bin_w;
    span ys = points_on(top, r->bin_h, r->points_y, s->h);
    span xs = points_on(left, r->bin_w, r->points_x, s->w);
    // All points of the bin are NaN, so one is enough.
    if (isnan(top) || isnan(left))
        ys = (span){0, ptn_min(r->points_y, 1)}, xs = (span){0, ptn_min(r->points_x, 1)};
    const size_t across = xs.end > xs.first ? xs.end - xs.first : 0;
    const size_t points = ys.end > ys.first ? (ys.end - ys.first) * across : 0;
    const float weight = 1 / (float)ptn_max(r->points_y * r->points_x, 1);
    ptn_gather_args a = {.corners = corners,
                         .pixels = 1,
                         .offset_groups = 1,
                         .channels = s->c,
                         .end = ptn_epilogue_none(),
                         .out = out};
    size_t at = 0;
    do {
        const size_t end = ptn_min(at + POINTS, points);
        for (size_t p = at; p < end; p++) {
            const float iy = (float)(ys.first + p / across) + 0.5f;
            const float ix = (float)(xs.first + p % across) + 0.5f;
            const float py = top + iy * r->bin_h / (float)r->points_y;
            const float px = left + ix * r->bin_w / (float)r->points_x;
            plan_point(j, corners, p - at, r->sample, py, px, weight);
        }
        a.taps = end - at;
        a.end.has_residual = at > 0; // at distance 0: adds the sum of the blocks before
        ptn_gather_pixels[j->isa](&a);
        at = end;
    } while (at < points);
}

static void run_row(void *context, size_t index, int thread) {
    const roi_job *j = context;
    const ptn_roi_align_shape *s = j->shape;
    const size_t box = index / s->out_h, by = index % s->out_h;
    const ptn_corners corners =
        ptn_corners_in(j->thread_scratch + (size_t)thread * thread_bytes(), POINTS, NULL);
    const roi r = roi_of(s, j->boxes + box * 5);
    for (size_t bx = 0; bx < s->out_w; bx++) {
        roi moved = r;
        if (j->offset) {
            const float *offset = j->offset + (index * s->out_w + bx) * 2;
            moved.x += j->gamma * r.width * offset[0];
            moved.y += j->gamma * r.height * offset[1];
        }
        run_bin(j, &moved, by, bx, &corners, j->y + (index * s->out_w + bx) * s->c);
    }
}

// Checks every box; `*points` is the total number of points.
static ptn_status check_boxes(const ptn_roi_align_shape *s, const float *boxes, double *points) {
    *points = 0;
    for (size_t b = 0; b < s->boxes; b++) {
        const float *box = boxes + b * 5;
        for (size_t i = 0; i < 5; i++)
            if (!isfinite(box[i])) return PTN_BAD_ARGUMENT;
        if (!(box[0] >= 0 && box[0] < (float)s->n)) return PTN_BAD_ARGUMENT;
        const float reach = (float)MOST_POINTS;
        const float height = (box[4] - box[2]) * s->scale, width = (box[3] - box[1]) * s->scale;
        if (!(height / (float)s->out_h < reach && width / (float)s->out_w < reach))
            return PTN_SIZE_OVERFLOW;
        const roi r = roi_of(s, box);
        *points += (double)r.points_y * (double)r.points_x;
    }
    return PTN_OK;
}

static ptn_status pool(const ptn_runtime *runtime, const ptn_roi_align_shape *shape, const float *x,
                       const float *boxes, const float *offset, float gamma, float *y) {
    const ptn_roi_align_shape *s = shape;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (runtime->threads < 1 || s->h == 0 || s->w == 0 || !isfinite(s->scale) || s->out_h == 0 ||
        s->out_w == 0)
        return PTN_BAD_ARGUMENT;
    if (!ptn_sampling_fits(s->h, s->w, s->c) || s->sampling_ratio > MOST_RATIO ||
        s->n > PTN_SAMPLING_MOST_SIDE || !ptn_float_bytes(s->n, s->h, s->w, s->c, NULL) ||
        !ptn_float_bytes(s->boxes, s->out_h, s->out_w, ptn_max(s->c, 5), NULL))
        return PTN_SIZE_OVERFLOW;
    double points;
    ptn_status status = check_boxes(s, boxes, &points);
    if (status != PTN_OK || s->boxes == 0 || s->c == 0) return status;

    const double bins = (double)(s->out_h * s->out_w);
    const int threads =
        ptn_threads_worth(runtime->threads, points * bins * (6 + (double)s->c * 0.25));
    const size_t zeros_bytes = ptn_round_64(s->c * sizeof(float));
    char *scratch = ptn_scratch_acquire(zeros_bytes + (size_t)threads * thread_bytes());
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros_bytes);
    roi_job j = {.isa = runtime->isa,
                 .shape = s,
                 .x = x,
                 .boxes = boxes,
                 .offset = offset,
                 .gamma = gamma,
                 .zeros = (const float *)scratch,
                 .y = y,
                 .thread_scratch = scratch + zeros_bytes};
    ptn_parallel(threads, s->boxes * s->out_h, run_row, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

ptn_status ptn_roi_align(const ptn_runtime *runtime, const ptn_roi_align_shape *shape,
                         const float *x, const float *boxes, float *y) {
    return pool(runtime, shape, x, boxes, NULL, 0, y);
}

ptn_status ptn_deform_roi_pool(const ptn_runtime *runtime, const ptn_roi_align_shape *shape,
                               const float *x, const float *boxes, const float *offset, float gamma,
                               float *y) {
    if (!isfinite(gamma)) return PTN_BAD_ARGUMENT;
    ptn_roi_align_shape aligned = *shape;
    aligned.aligned = true;
    return pool(runtime, &aligned, x, boxes, offset, gamma, y);
}
