// Copies between dense maps and compact forms. All of it is bound by memory.
#include "ptn_mask_copy.h"
#include "masked_conv2d.h"
#include <string.h>

enum { ROWS_PER_TASK = 256 };
// Some 8 bytes per nanosecond on one core, read and written.
static int threads_for(const ptn_runtime *runtime, size_t floats) {
    return ptn_threads_worth(runtime->threads, (double)floats * sizeof(float) / 8);
}

typedef struct copy_job {
    ptn_mask_view view;
    size_t c;
    float *map, *rows;
    bool scatters;
} copy_job;

static void copy_rows(void *context, size_t index, int thread) {
    (void)thread;
    const copy_job *j = context;
    const size_t end = ptn_min((index + 1) * ROWS_PER_TASK, j->view.count);
    size_t sample = 0, image = j->view.h * j->view.w;
    for (size_t i = index * ROWS_PER_TASK; i < end; i++) {
        while (j->view.offsets[sample + 1] <= i) sample++;
        float *pixel = j->map + (sample * image + (size_t)j->view.pixels[i]) * j->c;
        float *row = j->rows + i * j->c;
        if (j->scatters)
            memcpy(pixel, row, j->c * sizeof(float));
        else
            memcpy(row, pixel, j->c * sizeof(float));
    }
}

static ptn_status copy(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c, float *map,
                       float *rows, bool scatters) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    copy_job j = {.view = *v, .c = c, .map = map, .rows = rows, .scatters = scatters};
    ptn_parallel(threads_for(runtime, v->count * c), ptn_div_up(v->count, ROWS_PER_TASK), copy_rows,
                 &j);
    return PTN_OK;
}

ptn_status ptn_mask_gather(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                           const float *map, float *rows) {
    return copy(runtime, plan, c, (float *)map, rows, false);
}

ptn_status ptn_mask_scatter(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                            const float *rows, float *map) {
    return copy(runtime, plan, c, map, (float *)rows, true);
}

static void fill(void *context, size_t index, int thread) {
    (void)thread;
    ptn_inactive_run(context, index);
}

ptn_status ptn_mask_fill_inactive(const ptn_runtime *runtime, const ptn_mask_plan *plan, size_t c,
                                  const float *base, float *map) {
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    const ptn_mask_view *v = &plan->view;
    if (!ptn_float_bytes(v->n, v->h, v->w, c, NULL)) return PTN_SIZE_OVERFLOW;
    const ptn_masked_conv2d_mask mask = {.outputs = plan,
                                         .inactive = base ? PTN_MASKED_COPY : PTN_MASKED_ZERO,
                                         .base = base};
    ptn_inactive_job j = ptn_inactive_for(&mask, c, map);
    ptn_parallel(threads_for(runtime, (v->n * v->h * v->w - v->count) * c), j.tasks, fill, &j);
    return PTN_OK;
}

static bool blocks_valid(const ptn_mask_blocks *b) {
    return b->height > 0 && b->width > 0 && b->step_h > 0 && b->step_w > 0;
}

// [begin, end) of a block along one axis, cut to the map.
static void clip(size_t index, size_t step, size_t pad, size_t length, size_t size, size_t *begin,
                 size_t *end) {
    const size_t at = index * step;
    *begin = at > pad ? ptn_min(at - pad, size) : 0;
    *end = at + length > pad ? ptn_min(at + length - pad, size) : 0;
    *end = ptn_max(*begin, *end);
}

static bool holds_active(const ptn_mask_view *v, size_t sample, size_t top, size_t bottom,
                         size_t left, size_t right) {
    for (size_t y = top; y < bottom; y++) {
        const uint64_t *row = v->bits + (sample * v->h + y) * v->words;
        for (size_t x = left; x < right;) {
            const size_t part = ptn_min(64 - x % 64, right - x);
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
    size_t all;
    if (!blocks_valid(b)) return PTN_BAD_ARGUMENT;
    if (!ptn_mul(b->down, b->across, &all) || all >= (size_t)1 << 31) return PTN_SIZE_OVERFLOW;
    size_t count = 0;
    for (size_t s = 0; s < v->n; s++) {
        offsets[s] = count;
        for (size_t i = 0; i < all; i++) {
            size_t top, bottom, left, right;
            clip(i / b->across, b->step_h, b->pad_top, b->height, v->h, &top, &bottom);
            clip(i % b->across, b->step_w, b->pad_left, b->width, v->w, &left, &right);
            if (holds_active(v, s, top, bottom, left, right)) indices[count++] = (int32_t)i;
        }
    }
    offsets[v->n] = count;
    return PTN_OK;
}

typedef struct block_job {
    const ptn_mask_blocks *blocks;
    const int32_t *indices;
    const size_t *offsets;
    size_t h, w, c;
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
    const size_t row = (size_t)j->indices[at] / b->across;
    const size_t column = (size_t)j->indices[at] % b->across;
    size_t top, bottom, left, right;
    clip(row, b->step_h, b->pad_top, b->height, j->h, &top, &bottom);
    clip(column, b->step_w, b->pad_left, b->width, j->w, &left, &right);
    float *stack = j->stack + at * b->height * b->width * j->c;
    if (!j->scatters) memset(stack, 0, b->height * b->width * j->c * sizeof(float));
    const size_t skip = left + b->pad_left - column * b->step_w;
    for (size_t y = top; y < bottom && left < right; y++) {
        const size_t line = y + b->pad_top - row * b->step_h;
        copy_line(j, j->map + ((sample * j->h + y) * j->w + left) * j->c,
                  stack + (line * b->width + skip) * j->c, (right - left) * j->c);
    }
}

// One sample: its blocks may overlap, so their order counts.
static void copy_sample(void *context, size_t sample, int thread) {
    (void)thread;
    const block_job *j = context;
    for (size_t at = j->offsets[sample]; at < j->offsets[sample + 1]; at++)
        copy_block(j, sample, at);
}

static ptn_status copy_blocks(const ptn_runtime *runtime, size_t n, block_job *j) {
    const ptn_mask_blocks *b = j->blocks;
    size_t floats;
    if (!ptn_isa_supported(runtime->isa)) return PTN_UNSUPPORTED_ISA;
    if (!blocks_valid(b)) return PTN_BAD_ARGUMENT;
    if (!ptn_float_bytes(n, j->h, j->w, j->c, NULL) ||
        !ptn_float_bytes(j->offsets[n], b->height, b->width, j->c, &floats))
        return PTN_SIZE_OVERFLOW;
    ptn_parallel(threads_for(runtime, floats), n, copy_sample, j);
    return PTN_OK;
}

ptn_status ptn_mask_gather_blocks(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                  size_t c, const ptn_mask_blocks *blocks, const int32_t *indices,
                                  const size_t *offsets, const float *map, float *stack) {
    block_job j = {blocks, indices, offsets, h, w, c, (float *)map, stack, false, false};
    return copy_blocks(runtime, n, &j);
}

ptn_status ptn_mask_scatter_blocks(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                   size_t c, const ptn_mask_blocks *blocks, const int32_t *indices,
                                   const size_t *offsets, bool adds, const float *stack,
                                   float *map) {
    block_job j = {blocks, indices, offsets, h, w, c, map, (float *)stack, true, adds};
    return copy_blocks(runtime, n, &j);
}
