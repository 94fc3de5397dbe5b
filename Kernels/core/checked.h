// Size arithmetic that reports overflow instead of wrapping: shapes come from files and users.
#ifndef PTN_CHECKED_H
#define PTN_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

// `*product` = a * b; false when it does not fit.
static inline bool ptn_mul(size_t a, size_t b, size_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

static inline bool ptn_add(size_t a, size_t b, size_t *sum) {
    return !__builtin_add_overflow(a, b, sum);
}

// `*count` = a * b * c * d; false if that many floats exceed the signed address range, because
// pointer differences are signed.
static inline bool ptn_float_bytes(size_t a, size_t b, size_t c, size_t d, size_t *count) {
    size_t n, bytes;
    if (!ptn_mul(a, b, &n) || !ptn_mul(n, c, &n) || !ptn_mul(n, d, &n)) return false;
    if (!ptn_mul(n, sizeof(float), &bytes) || bytes > (size_t)__PTRDIFF_MAX__) return false;
    if (count) *count = n;
    return true;
}

static inline size_t ptn_div_up(size_t a, size_t b) { return a / b + (a % b != 0); }
// Rounds up to whole cache lines.
static inline size_t ptn_round_64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
static inline size_t ptn_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t ptn_max(size_t a, size_t b) { return a > b ? a : b; }

// Start of part `index` when `all` is cut into `parts` nearly equal parts.
static inline size_t ptn_part_begin(size_t all, size_t parts, size_t index) {
    return all / parts * index + ptn_min(index, all % parts);
}

#endif
