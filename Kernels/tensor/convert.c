// Strided tensors of any stored element type to contiguous floats.
#include "../core/checked.h"
#include "ptn_convert.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weight files are read in place");

static const size_t element_size[PTN_ELEMENT_COUNT] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8};

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1f, fraction = half & 0x3ffu;
    if (exponent == 0x1f) return from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    // Subnormal: fraction * 2^-24, exact in a float.
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

static float from_bfloat(uint16_t bits) { return from_bits((uint32_t)bits << 16); }
static float from_bool(uint8_t byte) { return byte != 0 ? 1.0f : 0.0f; }
static float identity(float value) { return value; }

// Converts a row of `count` elements, `stride` elements apart. Reads with memcpy, since data in
// files may be unaligned.
#define ROW(name, type, convert)                                                                   \
    static void name(const char *x, size_t stride, size_t count, float *y) {                       \
        for (size_t i = 0; i < count; i++) {                                                       \
            type value;                                                                            \
            memcpy(&value, x + i * stride * sizeof(type), sizeof value);                           \
            y[i] = convert(value);                                                                 \
        }                                                                                          \
    }
ROW(row_bool, uint8_t, from_bool)
ROW(row_u8, uint8_t, (float))
ROW(row_i8, int8_t, (float))
ROW(row_i16, int16_t, (float))
ROW(row_u16, uint16_t, (float))
ROW(row_i32, int32_t, (float))
ROW(row_u32, uint32_t, (float))
ROW(row_i64, int64_t, (float))
ROW(row_u64, uint64_t, (float))
ROW(row_f16, uint16_t, from_half)
ROW(row_bf16, uint16_t, from_bfloat)
ROW(row_f32, float, identity)
ROW(row_f64, double, (float))

typedef void (*row_function)(const char *x, size_t stride, size_t count, float *y);
static const row_function rows[PTN_ELEMENT_COUNT] = {
    row_bool, row_u8,  row_i8,  row_i16,  row_u16, row_i32, row_u32,
    row_i64,  row_u64, row_f16, row_bf16, row_f32, row_f64,
};

// The view without axes of size 1 and with neighbouring axes merged where they are contiguous, so
// that a contiguous tensor is a single row.
typedef struct axes {
    size_t rank, shape[PTN_CONVERT_MAX_RANK], strides[PTN_CONVERT_MAX_RANK];
} axes;

static axes joined(const ptn_strided *view) {
    axes a = {.rank = 0};
    for (size_t i = 0; i < view->rank; i++) {
        size_t size = view->shape[i], stride = view->strides[i], span;
        if (size == 1) continue;
        if (a.rank > 0 && ptn_mul(stride, size, &span) && a.strides[a.rank - 1] == span) {
            a.shape[a.rank - 1] *= size;
            a.strides[a.rank - 1] = stride;
            continue;
        }
        a.shape[a.rank] = size;
        a.strides[a.rank++] = stride;
    }
    return a;
}

// Whether the view's furthest element lies within its bytes; `count` becomes its element count.
static ptn_status measure(const ptn_strided *view, size_t *count) {
    size_t total = 1, last = 0, reach, bytes;
    for (size_t i = 0; i < view->rank; i++) {
        if (view->shape[i] == 0) {
            *count = 0;
            return PTN_OK;
        }
    }
    for (size_t i = 0; i < view->rank; i++) {
        if (!ptn_float_bytes(total, view->shape[i], 1, 1, &total)) return PTN_SIZE_OVERFLOW;
        if (!ptn_mul(view->shape[i] - 1, view->strides[i], &reach)) return PTN_SIZE_OVERFLOW;
        if (!ptn_add(last, reach, &last)) return PTN_SIZE_OVERFLOW;
    }
    if (!ptn_add(last, 1, &last) || !ptn_mul(last, element_size[view->type], &bytes))
        return PTN_SIZE_OVERFLOW;
    *count = total;
    return bytes <= view->bytes ? PTN_OK : PTN_BAD_ARGUMENT;
}

ptn_status ptn_convert_to_float(const ptn_strided *view, float *y) {
    if ((unsigned)view->type >= PTN_ELEMENT_COUNT || view->rank > PTN_CONVERT_MAX_RANK)
        return PTN_BAD_ARGUMENT;
    size_t count;
    ptn_status status = measure(view, &count);
    if (status != PTN_OK || count == 0) return status;

    axes a = joined(view);
    row_function row = rows[view->type];
    size_t size = element_size[view->type];
    if (a.rank == 0) {
        row(view->base, 1, 1, y);
        return PTN_OK;
    }
    size_t inner = a.rank - 1, columns = a.shape[inner], index[PTN_CONVERT_MAX_RANK] = {0};
    size_t element = 0; // index of the row's first element
    for (size_t done = 0; done < count; done += columns) {
        row((const char *)view->base + element * size, a.strides[inner], columns, y + done);
        // Counts up to the next row over the outer axes.
        for (size_t axis = inner; axis-- > 0;) {
            element += a.strides[axis];
            if (++index[axis] < a.shape[axis]) break;
            element -= a.strides[axis] * a.shape[axis];
            index[axis] = 0;
        }
    }
    return PTN_OK;
}
