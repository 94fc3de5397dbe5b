// Conversion of tensors in weight files to contiguous floats, and the checksum of zip members.
// These run once, when a file is loaded, on the calling thread; memory bandwidth limits them.
#ifndef PTN_CONVERT_H
#define PTN_CONVERT_H

#include "ptn_status.h"
#include <stddef.h>
#include <stdint.h>

// Element types of weight files, little-endian.
typedef enum ptn_element {
    PTN_ELEMENT_BOOL = 0, // one byte; all values except 0 are true and become 1
    PTN_ELEMENT_U8,
    PTN_ELEMENT_I8,
    PTN_ELEMENT_I16,
    PTN_ELEMENT_U16,
    PTN_ELEMENT_I32,
    PTN_ELEMENT_U32,
    PTN_ELEMENT_I64,
    PTN_ELEMENT_U64,
    PTN_ELEMENT_F16,  // IEEE 754 binary16
    PTN_ELEMENT_BF16, // the upper half of a binary32
    PTN_ELEMENT_F32,
    PTN_ELEMENT_F64, // rounded to nearest; too large values become infinite
} ptn_element;
#define PTN_ELEMENT_COUNT 13
#define PTN_CONVERT_MAX_RANK 64

// A strided view: the element at index (i0, i1, ...) is number `i0 strides[0] + i1 strides[1] +
// ...` counted from `base`, which need not be aligned.
typedef struct ptn_strided {
    ptn_element type;
    size_t rank;           // at most PTN_CONVERT_MAX_RANK
    const size_t *shape;   // `rank` sizes
    const size_t *strides; // `rank` distances in elements; 0 repeats
    const void *base;
    size_t bytes; // readable bytes from `base` on
} ptn_strided;

// y = the view's elements in row-major order as floats. Integers round to nearest even.
// PTN_BAD_ARGUMENT when the view reaches beyond `bytes`; nothing is read then.
PTN_MUST_CHECK ptn_status ptn_convert_to_float(const ptn_strided *view, float *y);

// CRC-32 as in zip and PNG (polynomial 0xEDB88320) of `count` bytes, continuing from `crc`, which
// is 0 at the start.
uint32_t ptn_crc32(uint32_t crc, const void *bytes, size_t count);

#endif
