// Resampling: where each output row and column comes from is tabulated once per call.
#include "ptn_resize.h"
#include "map.h"
#include <math.h>

// The two input positions behind one output position and the share of the second.
typedef struct sample {
    size_t low, high;
    float weight;
} sample;

#define PTN_SOURCE "../map/resize.inc"
#include "../core/foreach_isa.h"

typedef void (*bilinear_row_fn)(const sample *columns, size_t ow, size_t c, float down,
                                const float *top, const float *bottom, float *y);
static const bilinear_row_fn bilinear_row[PTN_ISA_COUNT] = PTN_TABLE(bilinear_row);

typedef struct resize_job {
    bilinear_row_fn bilinear; // NULL for nearest
    size_t h, w, c, oh, ow;
    size_t outputs, outputs_per_task; // output rows of all samples
    const sample *rows, *columns;
    const float *x;
    float *y;
} resize_job;

static size_t clamped(float position, size_t size) {
    if (!(position > 0)) return 0;
    return position < (float)size ? ptn_min((size_t)position, size - 1) : size - 1;
}

static void fill_samples(ptn_resize_mode mode, size_t size, size_t outputs, double factor,
                         sample *table) {
    float scale = factor > 0 ? (float)(1.0 / factor) : (float)size / (float)outputs;
    if (mode == PTN_RESIZE_BILINEAR_CORNERS)
        scale = outputs > 1 ? (float)(size - 1) / (float)(outputs - 1) : 0;
    for (size_t i = 0; i < outputs; i++) {
        if (mode == PTN_RESIZE_NEAREST || mode == PTN_RESIZE_NEAREST_EXACT) {
            float at = mode == PTN_RESIZE_NEAREST ? (float)i : (float)i + 0.5f;
            // Equal and doubled sizes are exact, whatever the scale rounds to.
            size_t low = clamped(at * scale, size);
            if (mode == PTN_RESIZE_NEAREST && outputs == size) low = i;
            if (mode == PTN_RESIZE_NEAREST && outputs / 2 == size && outputs % 2 == 0) low = i / 2;
            table[i] = (sample){low, low, 0};
            continue;
        }
        if (outputs == size) {
            table[i] = (sample){i, i, 0};
            continue;
        }
        float at = scale * (float)i;
        if (mode == PTN_RESIZE_BILINEAR) at = fmaxf(scale * ((float)i + 0.5f) - 0.5f, 0);
        size_t low = clamped(at, size);
        table[i] = (sample){low, ptn_min(low + 1, size - 1), fminf(at - (float)low, 1)};
    }
}

static void nearest_row(const resize_job *j, const float *x, float *y) {
    for (size_t ox = 0; ox < j->ow; ox++, y += j->c) {
        const float *from = x + j->columns[ox].low * j->c;
        if (j->c >= 16)
            memcpy(y, from, j->c * sizeof *y);
        else
            for (size_t k = 0; k < j->c; k++) y[k] = from[k];
    }
}

static void resize_rows(void *context, size_t index, int thread) {
    (void)thread;
    const resize_job *j = context;
    size_t end = ptn_min(j->outputs, (index + 1) * j->outputs_per_task), row = j->w * j->c;
    for (size_t o = index * j->outputs_per_task; o < end; o++) {
        const sample *s = &j->rows[o % j->oh];
        const float *map = j->x + o / j->oh * j->h * row;
        float *y = j->y + o * j->ow * j->c;
        if (j->bilinear)
            j->bilinear(j->columns, j->ow, j->c, s->weight, map + s->low * row,
                        map + s->high * row, y);
        else
            nearest_row(j, map + s->low * row, y);
    }
}

ptn_status ptn_resize(const ptn_runtime *runtime, ptn_resize_mode mode, size_t n, size_t h,
                      size_t w, size_t c, size_t oh, size_t ow, double row_factor,
                      double column_factor, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (h == 0 || w == 0 || (int)mode < 0 || mode > PTN_RESIZE_BILINEAR_CORNERS)
        return PTN_BAD_ARGUMENT;
    size_t count, reads, entries, bytes;
    if (!ptn_float_bytes(n, oh, ow, c, &count) || !ptn_float_bytes(n, h, w, c, &reads) ||
        !ptn_add(oh, ow, &entries) || !ptn_mul(entries, sizeof(sample), &bytes))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;

    sample *table = ptn_scratch_acquire(bytes);
    if (!table) return PTN_OUT_OF_MEMORY;
    fill_samples(mode, h, oh, row_factor, table);
    fill_samples(mode, w, ow, column_factor, table + oh);
    resize_job j = {.h = h, .w = w, .c = c, .oh = oh, .ow = ow, .outputs = n * oh,
                    .outputs_per_task = ptn_max(1, PTN_CHUNK / (ow * c)), .rows = table,
                    .columns = table + oh, .x = x, .y = y};
    if (mode >= PTN_RESIZE_BILINEAR) j.bilinear = bilinear_row[runtime->isa];
    ptn_parallel(ptn_threads_for_floats(runtime, count + ptn_min(reads, 4 * count)),
                 ptn_div_up(j.outputs, j.outputs_per_task), resize_rows, &j);
    ptn_scratch_release(table);
    return PTN_OK;
}
