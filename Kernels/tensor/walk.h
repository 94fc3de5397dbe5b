// Iteration over a result whose operands have different shapes.
//
// A walk merges axes that can be merged in all operands. The result then has rows [middle][inner]
// at every position of the other axes. A work item is some rows, or a part of a long row, at one
// position.
#ifndef PTN_WALK_H
#define PTN_WALK_H

#include "../core/checked.h"
#include "ptn_axes.h"

enum {
    PTN_WALK_AXES = 2 * PTN_MOST_AXES, // a repeated axis counts as two
    PTN_WALK_OPERANDS = 3,
    PTN_WALK_BLOCK = 1024,  // floats of an item whose operands are expanded: 4 KiB
    PTN_WALK_ITEM = 8192,   // floats of an item otherwise
    PTN_WALK_LONG_ROW = 64, // rows from this length on are computed one by one
};

typedef struct ptn_walk {
    size_t rank; // at least 2 after ptn_walk_plan
    size_t operands;
    size_t sizes[PTN_WALK_AXES];
    ptrdiff_t steps[PTN_WALK_OPERANDS][PTN_WALK_AXES]; // floats between neighbours along an axis
    size_t count;                                      // elements of the result
    size_t item_rows, item_length;                     // most rows of an item, and elements per row
    size_t row_items, length_items;                    // items along `middle` and along `inner`
    size_t positions, items, items_per_task;
} ptn_walk;

// `rows` rows of `length` elements; row r of operand o begins at offset at[o] + r * step[o]. The
// first row of the result begins at offset `y`; an item with only a part of a row has one row.
typedef struct ptn_walk_item {
    size_t rows, length, y;
    ptrdiff_t at[PTN_WALK_OPERANDS];
} ptn_walk_item;

typedef void (*ptn_walk_body)(const void *context, const ptn_walk *walk, const ptn_walk_item *item);

// Floats from one row of an operand to the next, and from one element of a row to the next.
static inline ptrdiff_t ptn_walk_row_step(const ptn_walk *w, size_t operand) {
    return w->steps[operand][w->rank - 2];
}
static inline ptrdiff_t ptn_walk_step(const ptn_walk *w, size_t operand) {
    return w->steps[operand][w->rank - 1];
}
// Whether rows are so short that it pays to expand several and compute them as one.
static inline bool ptn_walk_is_narrow(const ptn_walk *w) {
    return w->sizes[w->rank - 1] < PTN_WALK_LONG_ROW && w->sizes[w->rank - 2] > 1;
}

// Starts a walk through a result of `rank` axes; PTN_SIZE_OVERFLOW, or PTN_BAD_ARGUMENT for too
// many axes.
ptn_status ptn_walk_start(ptn_walk *w, size_t rank, const size_t *sizes);
// Adds an operand by its steps, `rank` of them.
void ptn_walk_add(ptn_walk *w, const ptrdiff_t *steps);
// Merges axes and cuts the work.
void ptn_walk_plan(ptn_walk *w);
// Calls `body` for every item, on at most `threads` threads.
void ptn_walk_run(const ptn_walk *w, int threads, ptn_walk_body body, const void *context);

// The item's rows of an operand, contiguous: in place if they already are, else copied to `buffer`
// of PTN_WALK_BLOCK floats.
const float *ptn_walk_expand(const ptn_walk *w, const ptn_walk_item *item, size_t operand,
                             const float *x, float *buffer);

#endif
