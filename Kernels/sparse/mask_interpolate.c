// Interpolation from active pixels. A pixel's active neighbours are listed first, then summed
// channel by channel.
#include "ptn_mask_interpolate.h"
#include "../tensor/map.h"
#include "mask_plan.h"

// An active neighbour.
typedef struct interpolate_tap {
    const float *x;
    float weight;
} interpolate_tap;

#define PTN_SOURCE "../sparse/mask_interpolate.inc"
#include "../core/foreach_isa.h"

typedef void (*interpolate_pixel_fn)(const interpolate_tap *taps, size_t count, size_t channels,
                                     float factor, float *y);
static const interpolate_pixel_fn interpolate_pixel[PTN_ISA_COUNT] = PTN_TABLE(interpolate_pixel);

enum { PIXELS_PER_TASK = 64 };

typedef struct interpolate_job {
    interpolate_pixel_fn pixel;
    const ptn_mask_view *targets, *sources;
    size_t c, kernel;
    const float *weights;
    float epsilon;
    float *map;
    interpolate_tap *taps; // kernel * kernel per thread
} interpolate_job;

// Lists the active neighbours of pixel (y, x) and adds their weights.
static size_t neighbours(const interpolate_job *j, size_t sample, size_t y, size_t x,
                         interpolate_tap *taps, float *sum) {
    const ptn_mask_view *v = j->sources;
    const size_t radius = j->kernel / 2;
    const size_t top = y > radius ? y - radius : 0, left = x > radius ? x - radius : 0;
    size_t count = 0;
    for (size_t row = top; row < ptn_min(y + radius + 1, v->h); row++) {
        const uint64_t *bits = v->bits + (sample * v->h + row) * v->words;
        for (size_t column = left; column < ptn_min(x + radius + 1, v->w); column++) {
            if (!(bits[column / 64] >> column % 64 & 1)) continue;
            const size_t place = (row + radius - y) * j->kernel + (column + radius - x);
            taps[count].x = j->map + ((sample * v->h + row) * v->w + column) * j->c;
            taps[count++].weight = j->weights[place];
            *sum += j->weights[place];
        }
    }
    return count;
}

static void interpolate(void *context, size_t index, int thread) {
    const interpolate_job *j = context;
    const ptn_mask_view *v = j->targets;
    interpolate_tap *taps = j->taps + (size_t)thread * j->kernel * j->kernel;
    const size_t end = ptn_min((index + 1) * PIXELS_PER_TASK, v->count);
    for (size_t i = index * PIXELS_PER_TASK, sample = 0; i < end; i++) {
        while (v->offsets[sample + 1] <= i) sample++;
        const size_t pixel = (size_t)v->pixels[i];
        float sum = 0;
        const size_t count = neighbours(j, sample, pixel / v->w, pixel % v->w, taps, &sum);
        j->pixel(taps, count, j->c, 1 / (sum + j->epsilon),
                 j->map + (sample * v->h * v->w + pixel) * j->c);
    }
}

ptn_status ptn_mask_interpolate(const ptn_runtime *runtime, const ptn_mask_plan *targets,
                                const ptn_mask_plan *sources, size_t c, size_t kernel,
                                const float *weights, float epsilon, float *map) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    const ptn_mask_view *t = &targets->view, *s = &sources->view;
    if (kernel % 2 == 0 || t->n != s->n || t->h != s->h || t->w != s->w) return PTN_BAD_ARGUMENT;
    size_t area, bytes;
    if (!ptn_float_bytes(t->n, t->h, t->w, c, NULL) || !ptn_mul(kernel, kernel, &area) ||
        !ptn_mul(area, sizeof(interpolate_tap), &bytes) ||
        !ptn_mul(bytes, (size_t)runtime->threads, &bytes))
        return PTN_SIZE_OVERFLOW;
    interpolate_job j = {interpolate_pixel[runtime->isa], t, s, c, kernel, weights, epsilon, map,
                         ptn_scratch_acquire(bytes)};
    if (!j.taps) return PTN_OUT_OF_MEMORY;
    const double work = (double)t->count * (double)area * (1 + (double)c / 8);
    ptn_parallel(ptn_threads_worth(runtime->threads, work), ptn_div_up(t->count, PIXELS_PER_TASK),
                 interpolate, &j);
    ptn_scratch_release(j.taps);
    return PTN_OK;
}
