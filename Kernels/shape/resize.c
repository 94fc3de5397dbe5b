// Resampling: tables of the sources of each output row and column are made once per call.
#include "ptn_resize.h"
#include "../tensor/map.h"
#include <math.h>

// The two input positions of one output position and the weight of the second. Bicubic: four
// positions with a weight each, from `low` - 2 on, clamped to the map; see cubic_sample.
typedef struct sample {
    size_t low, high;
    float weight;
    float cubic[4];
} sample;

#define PTN_SOURCE "../shape/resize.inc"
#include "../core/foreach_isa.h"

typedef void (*bilinear_row_fn)(const sample *columns, size_t ow, size_t c, float down,
                                const float *top, const float *bottom, float *y);
static const bilinear_row_fn bilinear_row[PTN_ISA_COUNT] = PTN_TABLE(bilinear_row);

typedef void (*bicubic_mix_fn)(const float *weights, const float *const *from, size_t count,
                               float *y);
static const bicubic_mix_fn bicubic_mix[PTN_ISA_COUNT] = PTN_TABLE(bicubic_mix);

typedef struct resize_job {
    bilinear_row_fn bilinear; // NULL for nearest
    bicubic_mix_fn bicubic;   // NULL for the others
    float *mixed;             // [threads][w * c]: the weighted sum of four rows of x for a row of y
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

// Weights of the four neighbours at distances 1 + t, t, 1 - t and 2 - t (Keys 1981).
static void fill_cubic(float t, float weights[4]) {
    const float a = -0.75f;
    for (size_t k = 0; k < 4; k++) {
        const float d = fabsf((float)k - 1 - t);
        weights[k] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                            : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
}

static sample cubic_sample(float at, size_t size) {
    // `low` is stored plus one, so that it is never negative.
    const float base = floorf(at);
    sample s = {.low = base < 0 ? 0 : clamped(base, size) + 1};
    fill_cubic(at - base, s.cubic);
    return s;
}

// The k-th of the four positions.
static size_t cubic_position(const sample *s, size_t k, size_t size) {
    const size_t at = s->low + k;
    return ptn_min(at < 2 ? 0 : at - 2, size - 1);
}

static void fill_samples(ptn_resize_mode mode, size_t size, size_t outputs, double factor,
                         sample *table) {
    float scale = factor > 0 ? (float)(1.0 / factor) : (float)size / (float)outputs;
    const bool cubic = mode >= PTN_RESIZE_BICUBIC;
    if (mode == PTN_RESIZE_BILINEAR_CORNERS || mode == PTN_RESIZE_BICUBIC_CORNERS)
        scale = outputs > 1 ? (float)(size - 1) / (float)(outputs - 1) : 0;
    for (size_t i = 0; i < outputs; i++) {
        if (mode == PTN_RESIZE_NEAREST || mode == PTN_RESIZE_NEAREST_EXACT) {
            float at = mode == PTN_RESIZE_NEAREST ? (float)i : (float)i + 0.5f;
            // Equal and doubled sizes are exact, independent of the rounding of the scale.
            size_t low = clamped(at * scale, size);
            if (mode == PTN_RESIZE_NEAREST && outputs == size) low = i;
            if (mode == PTN_RESIZE_NEAREST && outputs / 2 == size && outputs % 2 == 0) low = i / 2;
            table[i] = (sample){.low = low, .high = low};
            continue;
        }
        if (cubic) {
            const bool corners = mode == PTN_RESIZE_BICUBIC_CORNERS;
            table[i] =
                cubic_sample(corners ? scale * (float)i : scale * ((float)i + 0.5f) - 0.5f, size);
            continue;
        }
        if (outputs == size) {
            table[i] = (sample){.low = i, .high = i};
            continue;
        }
        float at = scale * (float)i;
        if (mode == PTN_RESIZE_BILINEAR) at = fmaxf(scale * ((float)i + 0.5f) - 0.5f, 0);
        size_t low = clamped(at, size);
        table[i] = (sample){
            .low = low, .high = ptn_min(low + 1, size - 1), .weight = fminf(at - (float)low, 1)};
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

// Mixes four input rows to one row, then mixes its columns.
static void bicubic_row(const resize_job *j, const sample *s, const float *map, float *mixed,
                        float *y) {
    const size_t row = j->w * j->c;
    const float *from[4];
    for (size_t k = 0; k < 4; k++) from[k] = map + cubic_position(s, k, j->h) * row;
    j->bicubic(s->cubic, from, row, mixed);
    for (size_t ox = 0; ox < j->ow; ox++, y += j->c) {
        const sample *column = &j->columns[ox];
        for (size_t k = 0; k < 4; k++) from[k] = mixed + cubic_position(column, k, j->w) * j->c;
        j->bicubic(column->cubic, from, j->c, y);
    }
}

static void resize_rows(void *context, size_t index, int thread) {
    const resize_job *j = context;
    size_t end = ptn_min(j->outputs, (index + 1) * j->outputs_per_task), row = j->w * j->c;
    for (size_t o = index * j->outputs_per_task; o < end; o++) {
        const sample *s = &j->rows[o % j->oh];
        const float *map = j->x + o / j->oh * j->h * row;
        float *y = j->y + o * j->ow * j->c;
        if (j->bicubic)
            bicubic_row(j, s, map, j->mixed + (size_t)thread * row, y);
        else if (j->bilinear)
            j->bilinear(j->columns, j->ow, j->c, s->weight, map + s->low * row, map + s->high * row,
                        y);
        else
            nearest_row(j, map + s->low * row, y);
    }
}

ptn_status ptn_resize(const ptn_runtime *runtime, ptn_resize_mode mode, size_t n, size_t h,
                      size_t w, size_t c, size_t oh, size_t ow, double row_factor,
                      double column_factor, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (h == 0 || w == 0 || (int)mode < 0 || mode > PTN_RESIZE_BICUBIC_CORNERS)
        return PTN_BAD_ARGUMENT;
    const bool cubic = mode >= PTN_RESIZE_BICUBIC;
    size_t count, reads, entries, bytes, row, mixed;
    if (!ptn_float_bytes(n, oh, ow, c, &count) || !ptn_float_bytes(n, h, w, c, &reads) ||
        !ptn_add(oh, ow, &entries) || !ptn_mul(entries, sizeof(sample), &bytes))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    const int threads = ptn_threads_for_floats(runtime, count + ptn_min(reads, 4 * count));
    if (!ptn_mul(w, c, &row) || !ptn_mul(row, (size_t)threads * sizeof(float), &mixed) ||
        !ptn_add(bytes, cubic ? mixed : 0, &mixed))
        return PTN_SIZE_OVERFLOW;

    sample *table = ptn_scratch_acquire(mixed);
    if (!table) return PTN_OUT_OF_MEMORY;
    fill_samples(mode, h, oh, row_factor, table);
    fill_samples(mode, w, ow, column_factor, table + oh);
    resize_job j = {.h = h,
                    .w = w,
                    .c = c,
                    .oh = oh,
                    .ow = ow,
                    .outputs = n * oh,
                    .outputs_per_task = ptn_max(1, PTN_CHUNK / (ow * c)),
                    .rows = table,
                    .columns = table + oh,
                    .x = x,
                    .y = y};
    if (cubic)
        j.bicubic = bicubic_mix[runtime->isa];
    else if (mode >= PTN_RESIZE_BILINEAR)
        j.bilinear = bilinear_row[runtime->isa];
    j.mixed = (float *)(table + entries);
    ptn_parallel(threads, ptn_div_up(j.outputs, j.outputs_per_task), resize_rows, &j);
    ptn_scratch_release(table);
    return PTN_OK;
}
