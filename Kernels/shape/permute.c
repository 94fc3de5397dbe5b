// Axis permutation.
//
// Axes that stay neighbours are merged. If the innermost axis then stays innermost, rows are
// copied. Otherwise tiles of 16 x 16 numbers are transposed, so that reads and writes use whole
// cache lines. The 4 x 4 shuffles need no instruction set beyond every build's baseline.
#include "../tensor/map.h"
#include "ptn_layout.h"

enum { MOST = PTN_PERMUTE_MOST_AXES, TILE = 16 };

typedef float quad __attribute__((vector_size(16)));

typedef struct permute_job {
    size_t rank;          // of the merged axes, in y's order
    size_t sizes[MOST];   // of y
    size_t x_steps[MOST]; // in floats
    size_t y_steps[MOST];
    size_t inner;         // the axis of y that is innermost in x; rank - 1 if rows are copied
    size_t outer_count;   // positions of the axes other than `inner` and the last
    size_t block, blocks; // pieces of `inner` per outer position
    size_t items_per_task, items;
    const float *x;
    float *y;
} permute_job;

static void transpose_4x4(const float *x, size_t x_step, float *y, size_t y_step) {
    quad r[4], t[4];
    for (int i = 0; i < 4; i++) memcpy(&r[i], x + (size_t)i * x_step, sizeof r[i]);
    t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    t[1] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    t[2] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    t[3] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(t[0], t[1], 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(t[0], t[1], 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(t[2], t[3], 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(t[2], t[3], 2, 3, 6, 7);
    for (int i = 0; i < 4; i++) memcpy(y + (size_t)i * y_step, &r[i], sizeof r[i]);
}

// y[i * y_step + j] = x[i + j * x_step] for i < rows, j < columns.
static void transpose_tile(size_t rows, size_t columns, const float *x, size_t x_step, float *y,
                           size_t y_step) {
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
        size_t i = 0;
        for (; i + 4 <= rows; i += 4)
            transpose_4x4(x + i + j * x_step, x_step, y + i * y_step + j, y_step);
        for (; i < rows; i++)
            for (size_t k = j; k < j + 4; k++) y[i * y_step + k] = x[i + k * x_step];
    }
    for (size_t i = 0; i < rows && j < columns; i++)
        for (size_t k = j; k < columns; k++) y[i * y_step + k] = x[i + k * x_step];
}

// The loops of a transposition with few columns (or few rows): `narrow` is a constant at every
// call, so they unroll and vectorise.
static inline __attribute__((always_inline)) void transpose_narrow(bool few_rows, size_t narrow,
                                                                   size_t length, const float *x,
                                                                   size_t x_step, float *y,
                                                                   size_t y_step) {
    for (size_t i = 0; i < length; i++)
        for (size_t k = 0; k < narrow; k++) {
            if (few_rows)
                y[k * y_step + i] = x[k + i * x_step];
            else
                y[i * y_step + k] = x[i + k * x_step];
        }
}

static void transpose(size_t rows, size_t columns, const float *x, size_t x_step, float *y,
                      size_t y_step) {
    if (columns == 3 && y_step == 3) {
        transpose_narrow(false, 3, rows, x, x_step, y, 3);
        return;
    }
    if (rows == 3 && x_step == 3) {
        transpose_narrow(true, 3, columns, x, 3, y, y_step);
        return;
    }
    if (rows == 2) {
        transpose_narrow(true, 2, columns, x, x_step, y, y_step);
        return;
    }
    for (size_t i = 0; i < rows; i += TILE)
        for (size_t j = 0; j < columns; j += TILE)
            transpose_tile(ptn_min(TILE, rows - i), ptn_min(TILE, columns - j), x + i + j * x_step,
                           x_step, y + i * y_step + j, y_step);
}

// Position of a work item: one piece of `inner` at one position of the outer axes, with the whole
// last axis.
typedef struct cursor {
    size_t at[MOST]; // of the outer axes
    size_t piece;    // of `inner`
    size_t x, y;     // offsets of the outer position
} cursor;

static bool is_outer(const permute_job *j, size_t axis) {
    return axis != j->inner && axis != j->rank - 1;
}

static cursor cursor_at(const permute_job *j, size_t item) {
    cursor c = {.piece = item % j->blocks};
    size_t rest = item / j->blocks;
    for (size_t a = j->rank; a-- > 0;) {
        if (!is_outer(j, a)) continue;
        c.at[a] = rest % j->sizes[a];
        rest /= j->sizes[a];
        c.x += c.at[a] * j->x_steps[a];
        c.y += c.at[a] * j->y_steps[a];
    }
    return c;
}

// Moves to the next item. For small items this is much cheaper than computing the position by
// divisions.
static void advance(const permute_job *j, cursor *c) {
    if (++c->piece < j->blocks) return;
    c->piece = 0;
    for (size_t a = j->rank; a-- > 0;) {
        if (!is_outer(j, a)) continue;
        c->x += j->x_steps[a];
        c->y += j->y_steps[a];
        if (++c->at[a] < j->sizes[a]) return;
        c->x -= j->sizes[a] * j->x_steps[a];
        c->y -= j->sizes[a] * j->y_steps[a];
        c->at[a] = 0;
    }
}

static void permute_item(const permute_job *j, const cursor *c) {
    size_t last = j->rank - 1, begin = c->piece * j->block;
    size_t n = ptn_min(j->block, j->sizes[j->inner] - begin);
    const float *x = j->x + c->x + begin * j->x_steps[j->inner];
    float *y = j->y + c->y + begin * j->y_steps[j->inner];
    if (j->inner == last && n >= 16)
        memcpy(y, x, n * sizeof *y);
    else if (j->inner == last)
        for (size_t i = 0; i < n; i++) y[i] = x[i];
    else
        transpose(n, j->sizes[last], x, j->x_steps[last], y, j->y_steps[j->inner]);
}

static void permute_task(void *context, size_t index, int thread) {
    (void)thread;
    const permute_job *j = context;
    size_t item = index * j->items_per_task, end = ptn_min(j->items, item + j->items_per_task);
    for (cursor c = cursor_at(j, item); item < end; item++, advance(j, &c)) permute_item(j, &c);
}

// Drops axes of size 1 and merges axes that stay neighbours.
static void merge_axes(permute_job *j, size_t rank, const size_t *shape, const size_t *axes) {
    size_t steps[MOST], step = 1, previous = 0;
    for (size_t a = rank; a-- > 0; step *= shape[a]) steps[a] = step;
    for (size_t i = 0; i < rank; i++) {
        size_t size = shape[axes[i]], x_step = steps[axes[i]];
        if (size == 1) continue;
        if (j->rank > 0 && previous == x_step * size) {
            j->sizes[j->rank - 1] *= size;
            j->x_steps[j->rank - 1] = x_step;
        } else {
            j->sizes[j->rank] = size;
            j->x_steps[j->rank++] = x_step;
        }
        previous = x_step;
    }
    if (j->rank == 0) {
        j->sizes[0] = j->x_steps[0] = 1;
        j->rank = 1;
    }
    step = 1;
    for (size_t a = j->rank; a-- > 0; step *= j->sizes[a]) j->y_steps[a] = step;
}

static void plan(permute_job *j) {
    size_t last = j->rank - 1;
    j->inner = last;
    for (size_t a = 0; a < j->rank; a++)
        if (j->x_steps[a] == 1) j->inner = a;
    j->outer_count = 1;
    for (size_t a = 0; a < j->rank; a++)
        if (a != j->inner && a != last) j->outer_count *= j->sizes[a];
    size_t other = j->inner == last ? 1 : j->sizes[last];
    j->block = ptn_max(1, PTN_CHUNK / other / TILE) * TILE;
    j->blocks = ptn_div_up(j->sizes[j->inner], j->block);
    j->items = j->outer_count * j->blocks;
    size_t item = ptn_min(j->block, j->sizes[j->inner]) * other;
    j->items_per_task = ptn_max(1, PTN_CHUNK / item);
}

ptn_status ptn_permute(const ptn_runtime *runtime, size_t rank, const size_t *shape,
                       const size_t *axes, const float *x, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (rank > MOST) return PTN_BAD_ARGUMENT;
    size_t seen = 0, count = 1;
    bool empty = false;
    for (size_t i = 0; i < rank; i++) {
        if (axes[i] >= rank || seen >> axes[i] & 1) return PTN_BAD_ARGUMENT;
        seen |= (size_t)1 << axes[i];
        if (shape[i] == 0)
            empty = true;
        else if (!ptn_float_bytes(count, shape[i], 1, 1, &count))
            return PTN_SIZE_OVERFLOW;
    }
    if (empty) return PTN_OK;
    if (!x || !y) return PTN_BAD_ARGUMENT;
    permute_job j = {.x = x, .y = y};
    merge_axes(&j, rank, shape, axes);
    plan(&j);
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * count), ptn_div_up(j.items, j.items_per_task),
                 permute_task, &j);
    return PTN_OK;
}
