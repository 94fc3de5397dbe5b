// Separable resampling of 8-bit pixels, bit-identical to Pillow's `Image.resize`.
//
// For output position i of an axis shrinking by s = in / out (s' = max(s, 1)), the taps are the
// input positions whose centres lie within support * s' of (i + 0.5) * s; their weights are the
// filter's values at distance / s', normalised to sum 1 in double precision, then rounded to 22
// fractional bits. The sum is exact in 32 bits, rounded to nearest and clipped to 0...255.
#include "CProteanImage.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FRACTION_BITS 22

typedef struct axis_plan {
    size_t taps;      // room for weights per output position
    size_t *first;    // first input position per output position
    size_t *count;    // taps used per output position
    int32_t *weights; // [outputs][taps]
} axis_plan;

static double triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double keys_cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    // Horner form in this order: other orders round differently and change pixels.
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static void free_plan(axis_plan *plan) {
    free(plan->first);
    free(plan->count);
    free(plan->weights);
    *plan = (axis_plan){0};
}

static int32_t quantised(double weight) {
    double scaled = weight * (1 << FRACTION_BITS);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// `real` is room for plan->taps doubles.
static void plan_position(axis_plan *plan, size_t position, size_t inputs, double scale,
                          ptn_image_filter filter, double *real) {
    double stretch = scale < 1.0 ? 1.0 : scale;
    double support = (filter == PTN_IMAGE_BICUBIC ? 2.0 : 1.0) * stretch;
    double centre = ((double)position + 0.5) * scale;
    double inverse = 1.0 / stretch;
    double low = centre - support + 0.5;
    size_t first = low < 0 ? 0 : (size_t)low;
    size_t end = (size_t)(centre + support + 0.5);
    if (end > inputs) end = inputs;
    size_t count = end - first;
    double sum = 0.0;
    for (size_t tap = 0; tap < count; tap++) {
        double distance = ((double)(tap + first) - centre + 0.5) * inverse;
        real[tap] = filter == PTN_IMAGE_BICUBIC ? keys_cubic(distance) : triangle(distance);
        sum += real[tap];
    }
    int32_t *weights = plan->weights + position * plan->taps;
    for (size_t tap = 0; tap < count; tap++) {
        weights[tap] = quantised(sum != 0.0 ? real[tap] / sum : real[tap]);
    }
    plan->first[position] = first;
    plan->count[position] = count;
}

static bool make_plan(axis_plan *plan, size_t inputs, size_t outputs, ptn_image_filter filter) {
    double scale = (double)inputs / (double)outputs;
    double stretch = scale < 1.0 ? 1.0 : scale;
    double support = (filter == PTN_IMAGE_BICUBIC ? 2.0 : 1.0) * stretch;
    plan->taps = (size_t)ceil(support) * 2 + 1;
    plan->first = malloc(outputs * sizeof *plan->first);
    plan->count = malloc(outputs * sizeof *plan->count);
    plan->weights = calloc(outputs * plan->taps, sizeof *plan->weights);
    double *real = malloc(plan->taps * sizeof *real);
    bool complete = plan->first && plan->count && plan->weights && real;
    for (size_t position = 0; complete && position < outputs; position++) {
        plan_position(plan, position, inputs, scale, filter, real);
    }
    free(real);
    if (!complete) free_plan(plan);
    return complete;
}

static uint8_t rounded(int32_t sum) {
    int32_t value = sum >> FRACTION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void horizontal_pass(const axis_plan *plan, const uint8_t *from, size_t in_width,
                            size_t rows, size_t channels, size_t out_width, uint8_t *to) {
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *line = from + row * in_width * channels;
        uint8_t *out = to + row * out_width * channels;
        for (size_t x = 0; x < out_width; x++) {
            const int32_t *weights = plan->weights + x * plan->taps;
            const uint8_t *source = line + plan->first[x] * channels;
            for (size_t c = 0; c < channels; c++) {
                int32_t sum = 1 << (FRACTION_BITS - 1);
                for (size_t tap = 0; tap < plan->count[x]; tap++) {
                    sum += source[tap * channels + c] * weights[tap];
                }
                out[x * channels + c] = rounded(sum);
            }
        }
    }
}

// `sums` is room for one row of accumulators: whole rows are added, which vectorises.
static void vertical_pass(const axis_plan *plan, const uint8_t *from, size_t row_bytes,
                          size_t out_height, int32_t *sums, uint8_t *to) {
    for (size_t y = 0; y < out_height; y++) {
        for (size_t i = 0; i < row_bytes; i++) sums[i] = 1 << (FRACTION_BITS - 1);
        for (size_t tap = 0; tap < plan->count[y]; tap++) {
            const uint8_t *line = from + (plan->first[y] + tap) * row_bytes;
            int32_t weight = plan->weights[y * plan->taps + tap];
            for (size_t i = 0; i < row_bytes; i++) sums[i] += line[i] * weight;
        }
        for (size_t i = 0; i < row_bytes; i++) to[y * row_bytes + i] = rounded(sums[i]);
    }
}

static ptn_image_status resize_height(const ptn_image *from, size_t out_height,
                                      ptn_image_filter filter, uint8_t *to) {
    size_t row_bytes = from->width * from->channels;
    axis_plan plan = {0};
    if (!make_plan(&plan, from->height, out_height, filter)) return PTN_IMAGE_OUT_OF_MEMORY;
    int32_t *sums = malloc(row_bytes * sizeof *sums);
    if (sums) vertical_pass(&plan, from->pixels, row_bytes, out_height, sums, to);
    free_plan(&plan);
    if (!sums) return PTN_IMAGE_OUT_OF_MEMORY;
    free(sums);
    return PTN_IMAGE_OK;
}

static ptn_image_status resize_width(const ptn_image *from, size_t out_width,
                                     ptn_image_filter filter, uint8_t *to) {
    axis_plan plan = {0};
    if (!make_plan(&plan, from->width, out_width, filter)) return PTN_IMAGE_OUT_OF_MEMORY;
    horizontal_pass(&plan, from->pixels, from->width, from->height, from->channels, out_width, to);
    free_plan(&plan);
    return PTN_IMAGE_OK;
}

// Which pass comes first decides the last bit of some pixels. Pillow 13 begins with the rows when
// they lose more than twice as many as the columns; Pillow 12 and earlier never did.
static bool height_goes_first(const ptn_image *from, size_t out_width, size_t out_height) {
    if (out_height >= from->height) return false;
    int64_t lost_columns = (int64_t)from->width - (int64_t)out_width;
    return 2 * lost_columns < (int64_t)(from->height - out_height);
}

static ptn_image_status resize_both(const ptn_image *from, size_t out_width, size_t out_height,
                                    ptn_image_filter filter, uint8_t *to) {
    bool height_first = height_goes_first(from, out_width, out_height);
    ptn_image middle = {.width = height_first ? from->width : out_width,
                        .height = height_first ? out_height : from->height,
                        .channels = from->channels};
    if (middle.height > PTN_IMAGE_MAX_PIXELS / middle.width) return PTN_IMAGE_BAD_SIZE;
    middle.pixels = malloc(middle.width * middle.height * middle.channels);
    if (!middle.pixels) return PTN_IMAGE_OUT_OF_MEMORY;
    ptn_image_status status = height_first ? resize_height(from, out_height, filter, middle.pixels)
                                           : resize_width(from, out_width, filter, middle.pixels);
    if (status == PTN_IMAGE_OK) {
        status = height_first ? resize_width(&middle, out_width, filter, to)
                              : resize_height(&middle, out_height, filter, to);
    }
    free(middle.pixels);
    return status;
}

static bool size_is_usable(size_t width, size_t height) {
    return width > 0 && height > 0 && height <= PTN_IMAGE_MAX_PIXELS / width;
}

ptn_image_status ptn_image_resize(const ptn_image *from, size_t out_width, size_t out_height,
                                  ptn_image_filter filter, uint8_t *to) {
    if (!size_is_usable(from->width, from->height) || !size_is_usable(out_width, out_height)) {
        return PTN_IMAGE_BAD_SIZE;
    }
    bool same_width = out_width == from->width, same_height = out_height == from->height;
    if (same_width && same_height) {
        memcpy(to, from->pixels, out_width * out_height * from->channels);
        return PTN_IMAGE_OK;
    }
    if (same_width) return resize_height(from, out_height, filter, to);
    if (same_height) return resize_width(from, out_width, filter, to);
    return resize_both(from, out_width, out_height, filter, to);
}
