// Merging of axes, cutting of work, and expansion of short rows; see walk.h.
#include "walk.h"
#include <string.h>

ptn_status ptn_walk_start(ptn_walk *w, size_t rank, const size_t *sizes) {
    if (rank > PTN_WALK_AXES) return PTN_BAD_ARGUMENT;
    memset(w, 0, sizeof *w);
    w->rank = rank;
    size_t all = 1; // product of the sizes that are not 0
    w->count = 1;
    for (size_t a = 0; a < rank; a++) {
        w->sizes[a] = sizes[a];
        w->count *= sizes[a] > 0;
        if (sizes[a] > 0 && !ptn_float_bytes(all, sizes[a], 1, 1, &all)) return PTN_SIZE_OVERFLOW;
    }
    w->count *= all;
    return PTN_OK;
}

void ptn_walk_add(ptn_walk *w, const ptrdiff_t *steps) {
    memcpy(w->steps[w->operands++], steps, w->rank * sizeof *steps);
}

// Whether `axis` and its outer neighbour `outer` can be merged: for every operand, one step of
// `outer` is the length of `axis`.
static bool continues(const ptn_walk *w, size_t outer, size_t axis) {
    for (size_t o = 0; o < w->operands; o++)
        if (w->steps[o][outer] != w->steps[o][axis] * (ptrdiff_t)w->sizes[axis]) return false;
    return true;
}

static void move_axis(ptn_walk *w, size_t to, size_t from) {
    w->sizes[to] = w->sizes[from];
    for (size_t o = 0; o < w->operands; o++) w->steps[o][to] = w->steps[o][from];
}

static void merge(ptn_walk *w) {
    size_t rank = 0;
    for (size_t a = 0; a < w->rank; a++) {
        if (w->sizes[a] == 1) continue;
        if (rank > 0 && continues(w, rank - 1, a)) {
            const size_t size = w->sizes[rank - 1] * w->sizes[a];
            move_axis(w, rank - 1, a);
            w->sizes[rank - 1] = size;
        } else {
            move_axis(w, rank++, a);
        }
    }
    // Adds outer axes of size 1 until there are two. PTN_WALK_AXES is more than two.
    for (; rank < 2; rank++) {
        for (size_t a = rank; a-- > 0;) move_axis(w, a + 1, a);
        w->sizes[0] = 1;
        for (size_t o = 0; o < w->operands; o++) w->steps[o][0] = 0;
    }
    w->rank = rank;
}

void ptn_walk_plan(ptn_walk *w) {
    if (w->count == 0) return;
    merge(w);
    const size_t middle = w->sizes[w->rank - 2], inner = w->sizes[w->rank - 1];
    const size_t most = ptn_walk_is_narrow(w) ? PTN_WALK_BLOCK : PTN_WALK_ITEM;
    w->item_length = ptn_min(inner, most);
    w->item_rows = w->item_length < inner ? 1 : ptn_min(middle, ptn_max(1, most / inner));
    w->length_items = ptn_div_up(inner, w->item_length);
    w->row_items = ptn_div_up(middle, w->item_rows);
    w->positions = w->count / middle / inner;
    w->items = w->positions * w->row_items * w->length_items;
    w->items_per_task = ptn_max(1, PTN_WALK_ITEM / (w->item_rows * w->item_length));
}

// Current position of a walk.
typedef struct cursor {
    size_t at[PTN_WALK_AXES]; // indices along all axes except the last two
    size_t row_item, length_item, position;
    ptrdiff_t offset[PTN_WALK_OPERANDS]; // of each operand at this position
} cursor;

static cursor cursor_at(const ptn_walk *w, size_t item) {
    cursor c = {.length_item = item % w->length_items};
    item /= w->length_items;
    c.row_item = item % w->row_items;
    c.position = item / w->row_items;
    size_t rest = c.position;
    for (size_t a = w->rank - 2; a-- > 0;) {
        c.at[a] = rest % w->sizes[a];
        rest /= w->sizes[a];
        for (size_t o = 0; o < w->operands; o++) c.offset[o] += (ptrdiff_t)c.at[a] * w->steps[o][a];
    }
    return c;
}

// Moves to the next item. For small items this is much cheaper than computing the position by
// divisions.
static void advance(const ptn_walk *w, cursor *c) {
    if (++c->length_item < w->length_items) return;
    c->length_item = 0;
    if (++c->row_item < w->row_items) return;
    c->row_item = 0;
    c->position++;
    for (size_t a = w->rank - 2; a-- > 0;) {
        for (size_t o = 0; o < w->operands; o++) c->offset[o] += w->steps[o][a];
        if (++c->at[a] < w->sizes[a]) return;
        for (size_t o = 0; o < w->operands; o++)
            c->offset[o] -= (ptrdiff_t)w->sizes[a] * w->steps[o][a];
        c->at[a] = 0;
    }
}

static ptn_walk_item item_of(const ptn_walk *w, const cursor *c) {
    const size_t middle = w->sizes[w->rank - 2], inner = w->sizes[w->rank - 1];
    const size_t row = c->row_item * w->item_rows, first = c->length_item * w->item_length;
    ptn_walk_item item = {.rows = ptn_min(w->item_rows, middle - row),
                          .length = ptn_min(w->item_length, inner - first),
                          .y = (c->position * middle + row) * inner + first};
    for (size_t o = 0; o < w->operands; o++)
        item.at[o] = c->offset[o] + (ptrdiff_t)row * ptn_walk_row_step(w, o) +
                     (ptrdiff_t)first * ptn_walk_step(w, o);
    return item;
}

typedef struct walk_job {
    const ptn_walk *walk;
    ptn_walk_body body;
    const void *context;
} walk_job;

static void walk_task(void *context, size_t index, int thread) {
    (void)thread;
    const walk_job *j = context;
    const ptn_walk *w = j->walk;
    size_t item = index * w->items_per_task;
    const size_t end = ptn_min(w->items, item + w->items_per_task);
    for (cursor c = cursor_at(w, item); item < end; item++, advance(w, &c)) {
        const ptn_walk_item rows = item_of(w, &c);
        j->body(j->context, w, &rows);
    }
}

void ptn_walk_run(const ptn_walk *w, int threads, ptn_walk_body body, const void *context) {
    if (w->count == 0) return;
    walk_job j = {w, body, context};
    ptn_parallel(threads, ptn_div_up(w->items, w->items_per_task), walk_task, &j);
}

const float *ptn_walk_expand(const ptn_walk *w, const ptn_walk_item *item, size_t operand,
                             const float *x, float *buffer) {
    const ptrdiff_t row = ptn_walk_row_step(w, operand), step = ptn_walk_step(w, operand);
    const size_t n = item->length, rows = item->rows;
    x += item->at[operand];
    if (step == 1 && (rows == 1 || row == (ptrdiff_t)n)) return x;
    if (step == 1 && row == 0) {
        // One repeated row: the part that is filled is copied to the rest, doubling each time.
        memcpy(buffer, x, n * sizeof *x);
        for (size_t done = n; done < rows * n; done *= 2)
            memcpy(buffer + done, buffer, ptn_min(done, rows * n - done) * sizeof *x);
        return buffer;
    }
    float *y = buffer;
    for (size_t r = 0; r < rows; r++, x += row)
        for (size_t i = 0; i < n; i++) *y++ = x[(ptrdiff_t)i * step];
    return buffer;
}
