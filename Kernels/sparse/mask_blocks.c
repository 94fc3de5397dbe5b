// Blocks of pixels. All functions here are limited by memory bandwidth.
#include "ptn_mask_blocks.h"
#include "../tensor/map.h"
#include "mask_plan.h"

// Whether no position of a block overflows.
static bool axis_valid(size_t length, size_t step, size_t count, size_t size) {
    size_t end;
    return length > 0 && step > 0 && ptn_mul(step, count, &end) && ptn_add(end, length, &end) &&
           ptn_add(end, size, &end);
}

static ptn_status blocks_check(const ptn_mask_blocks *b, size_t h, size_t w) {
    size_t all;
    if (b->height == 0 || b->width == 0 || b->step_h == 0 || b->step_w == 0)
        return PTN_BAD_ARGUMENT;
    if (!ptn_mul(b->down, b->across, &all) || all >= (size_t)1 << 31 ||
        !axis_valid(b->height, b->step_h, b->down, h) ||
        !axis_valid(b->width, b->step_w, b->across, w))
        return PTN_SIZE_OVERFLOW;
    return PTN_OK;
}

// [begin, end) along one axis, cut to the map.
typedef struct span {
    size_t begin, end;
} span;

static span clip(size_t index, size_t step, size_t pad, size_t length, size_t size) {
    const size_t at = index * step;
    span s = {at > pad ? ptn_min(at - pad, size) : 0,
              at + length > pad ? ptn_min(at + length - pad, size) : 0};
    s.end = ptn_max(s.begin, s.end);
    return s;
}

static span rows_of(const ptn_mask_blocks *b, size_t index, size_t h) {
    return clip(index / b->across, b->step_h, b->pad_top, b->height, h);
}

static span columns_of(const ptn_mask_blocks *b, size_t index, size_t w) {
    return clip(index % b->across, b->step_w, b->pad_left, b->width, w);
}

static bool holds_active(const ptn_mask_view *v, size_t sample, span rows, span columns) {
    for (size_t y = rows.begin; y < rows.end; y++) {
        const uint64_t *row = v->bits + (sample * v->h + y) * v->words;
        for (size_t x = columns.begin; x < columns.end;) {
            const size_t part = ptn_min(64 - x % 64, columns.end - x);
            const uint64_t mask = part == 64 ? ~(uint64_t)0 : ((uint64_t)1 << part) - 1;
            if (row[x / 64] >> x % 64 & mask) return true;
            x += part;
        }
    }
    return false;
}

ptn_status ptn_mask_active_blocks(const ptn_mask_plan *plan, const ptn_mask_blocks *b,
                                  int32_t *indices, size_t *offsets) {
    const ptn_mask_view *v = &plan->view;
    const ptn_status status = blocks_check(b, v->h, v->w);
    if (status != PTN_OK) return status;
    size_t count = 0;
    for (size_t s = 0; s < v->n; s++) {
        offsets[s] = count;
        for (size_t i = 0; i < b->down * b->across; i++)
            if (holds_active(v, s, rows_of(b, i, v->h), columns_of(b, i, v->w)))
                indices[count++] = (int32_t)i;
    }
    offsets[v->n] = count;
    return PTN_OK;
}

static double sum_of(const float *image, size_t w, span rows, span columns) {
    double sum = 0;
    for (size_t y = rows.begin; y < rows.end; y++)
        for (size_t x = columns.begin; x < columns.end; x++) sum += image[y * w + x];
    return sum;
}

ptn_status ptn_mask_average_blocks(size_t n, size_t h, size_t w, const float *mask, float threshold,
                                   const ptn_mask_blocks *b, int32_t *indices, size_t *offsets) {
    const ptn_status status = blocks_check(b, h, w);
    if (status != PTN_OK) return status;
    if (!ptn_float_bytes(n, h, w, 1, NULL)) return PTN_SIZE_OVERFLOW;
    const double limit = (double)threshold * (double)b->height * (double)b->width;
    size_t count = 0;
    for (size_t s = 0; s < n; s++) {
        offsets[s] = count;
        for (size_t i = 0; i < b->down * b->across; i++)
            if (sum_of(mask + s * h * w, w, rows_of(b, i, h), columns_of(b, i, w)) > limit)
                indices[count++] = (int32_t)i;
    }
    offsets[n] = count;
    return PTN_OK;
}

typedef struct block_job {
    const ptn_mask_blocks *blocks;
    const int32_t *indices;
    const size_t *offsets;
    size_t n, h, w, c;
    float *map, *stack;
    bool scatters, adds;
} block_job;

static void copy_line(const block_job *j, float *line, float *stack, size_t floats) {
    if (!j->scatters)
        memcpy(stack, line, floats * sizeof(float));
    else if (!j->adds)
        memcpy(line, stack, floats * sizeof(float));
    else
        for (size_t i = 0; i < floats; i++) line[i] += stack[i];
}

static void copy_block(const block_job *j, size_t sample, size_t at) {
    const ptn_mask_blocks *b = j->blocks;
    const size_t index = (size_t)j->indices[at];
    const span rows = rows_of(b, index, j->h), columns = columns_of(b, index, j->w);
    float *stack = j->stack + at * b->height * b->width * j->c;
    if (!j->scatters) memset(stack, 0, b->height * b->width * j->c * sizeof(float));
    if (columns.begin == columns.end) return;
    const size_t skip = columns.begin + b->pad_left - index % b->across * b->step_w;
    for (size_t y = rows.begin; y < rows.end; y++) {
        const size_t line = y + b->pad_top - index / b->across * b->step_h;
        copy_line(j, j->map + ((sample * j->h + y) * j->w + columns.begin) * j->c,
                  stack + (line * b->width + skip) * j->c, (columns.end - columns.begin) * j->c);
    }
}

// Copies the blocks of one sample, in order, because blocks may overlap.
static void copy_sample(void *context, size_t sample, int thread) {
    (void)thread;
    const block_job *j = context;
    for (size_t at = j->offsets[sample]; at < j->offsets[sample + 1]; at++)
        copy_block(j, sample, at);
}

static void copy_one(void *context, size_t at, int thread) {
    (void)thread;
    const block_job *j = context;
    size_t first = 0, last = j->n; // the block's sample is in [first, last)
    while (last - first > 1) {
        const size_t middle = first + (last - first) / 2;
        if (j->offsets[middle] <= at)
            first = middle;
        else
            last = middle;
    }
    copy_block(j, first, at);
}

static ptn_status copy_blocks(const ptn_runtime *runtime, block_job *j) {
    const ptn_mask_blocks *b = j->blocks;
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = blocks_check(b, j->h, j->w);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(j->n, j->h, j->w, j->c, NULL) ||
        !ptn_float_bytes(j->offsets[j->n], b->height, b->width, j->c, &floats))
        return PTN_SIZE_OVERFLOW;
    const bool overlap = b->step_h < b->height || b->step_w < b->width;
    const int threads = ptn_threads_for_floats(runtime, floats);
    if (j->scatters && overlap)
        ptn_parallel(threads, j->n, copy_sample, j);
    else
        ptn_parallel(threads, j->offsets[j->n], copy_one, j);
    return PTN_OK;
}

ptn_status ptn_mask_gather_blocks(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                  size_t c, const ptn_mask_blocks *blocks, const int32_t *indices,
                                  const size_t *offsets, const float *map, float *stack) {
    block_job j = {blocks, indices, offsets, n, h, w, c, (float *)map, stack, false, false};
    return copy_blocks(runtime, &j);
}

ptn_status ptn_mask_scatter_blocks(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                   size_t c, const ptn_mask_blocks *blocks, const int32_t *indices,
                                   const size_t *offsets, bool adds, const float *stack,
                                   float *map) {
    block_job j = {blocks, indices, offsets, n, h, w, c, map, (float *)stack, true, adds};
    return copy_blocks(runtime, &j);
}
