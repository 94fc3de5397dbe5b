// Sums, variances and extremes over any axes.
//
// Neighbouring axes are merged until kept and summed axes alternate. The innermost two are then a
// contiguous run [rows][columns] that is summed over its rows; if the innermost axis is summed,
// there is one column. The runs of a result are cut into parts, depending only on the shape;
// partial sums of several parts are combined in order.
#include "reduce.h"
#include "map.h"
#include <math.h>

typedef struct axis_list {
    size_t rank, count; // count: product of the sizes
    size_t sizes[PTN_MOST_AXES], steps[PTN_MOST_AXES];
} axis_list;

typedef struct reduce_job {
    const ptn_reduce_table *f;
    ptn_reduce_kind kind;
    size_t correction;
    axis_list kept, summed;    // axes outside the run
    size_t rows, columns;      // of a run
    size_t together;           // short rows treated as one, to fill vectors
    size_t piece_rows, pieces; // of a run
    size_t per_part, parts;    // pieces of a part, parts of a result
    size_t column_blocks, items, items_per_task;
    double *partial; // [kept][part][columns][2], where there are several parts
    const float *x;
    float *y;
} reduce_job;

// The sums of up to PTN_REDUCE_COLUMNS columns; `second` has squared deviations, of variances only.
typedef struct totals {
    double first[PTN_REDUCE_COLUMNS], second[PTN_REDUCE_COLUMNS];
} totals;

static bool is_variance(ptn_reduce_kind kind) {
    return kind == PTN_REDUCE_VARIANCE || kind == PTN_REDUCE_STANDARD_DEVIATION;
}

static bool is_extreme(ptn_reduce_kind kind) {
    return kind == PTN_REDUCE_MAXIMUM || kind == PTN_REDUCE_MINIMUM;
}

static ptn_reduce_terms form_of(ptn_reduce_kind kind) {
    return kind == PTN_REDUCE_L2        ? PTN_REDUCE_TERM_SQUARES
           : kind == PTN_REDUCE_PRODUCT ? PTN_REDUCE_TERM_PRODUCT
                                        : PTN_REDUCE_TERM_SUM;
}

static size_t offset_at(const axis_list *l, size_t position) {
    size_t offset = 0;
    for (size_t a = l->rank; a-- > 0; position /= l->sizes[a])
        offset += position % l->sizes[a] * l->steps[a];
    return offset;
}

// One piece of a run, or a whole short run: `rows` rows from `x` on.
typedef struct piece {
    const float *x;
    size_t rows;
} piece;

static piece piece_at(const reduce_job *j, size_t kept, size_t index, size_t column) {
    const size_t row = index % j->pieces * j->piece_rows;
    const size_t at = offset_at(&j->kept, kept) + offset_at(&j->summed, index / j->pieces);
    return (piece){j->x + at + row * j->columns + column, ptn_min(j->piece_rows, j->rows - row)};
}

static void part_range(const reduce_job *j, size_t part, size_t *begin, size_t *end) {
    *begin = part * j->per_part;
    *end = ptn_min(j->summed.count * j->pieces, *begin + j->per_part);
}

// Number of rows of a part, which is the number of elements of each column.
static double part_rows(const reduce_job *j, size_t part) {
    size_t begin, end;
    part_range(j, part, &begin, &end);
    const size_t runs = end / j->pieces - begin / j->pieces;
    return (double)(runs * j->rows + end % j->pieces * j->piece_rows) -
           (double)(begin % j->pieces * j->piece_rows);
}

static void sum_part(const reduce_job *j, ptn_reduce_terms form, size_t kept, size_t part,
                     size_t column, size_t n, const double *means, double *sums) {
    const size_t wide = j->together * j->columns, all = j->together > 1 ? wide : n;
    const double neutral = form == PTN_REDUCE_TERM_PRODUCT ? 1 : 0;
    for (size_t i = 0; i < all; i++) sums[i] = neutral;
    size_t index, end;
    for (part_range(j, part, &index, &end); index < end; index++) {
        const piece p = piece_at(j, kept, index, column);
        if (j->columns == 1) {
            const double more = j->f->row(form, p.rows, p.x, means ? means[0] : 0);
            sums[0] = form == PTN_REDUCE_TERM_PRODUCT ? sums[0] * more : sums[0] + more;
        } else if (j->together == 1) {
            j->f->columns(form, p.rows, j->columns, n, p.x, means, sums);
        } else {
            const size_t full = p.rows / j->together, rest = p.rows % j->together * j->columns;
            j->f->columns(form, full, wide, wide, p.x, means, sums);
            j->f->columns(form, 1, rest, rest, p.x + full * wide, means, sums);
        }
    }
    for (size_t i = n; i < all; i++) {
        if (form == PTN_REDUCE_TERM_PRODUCT)
            sums[i % n] *= sums[i];
        else
            sums[i % n] += sums[i];
    }
}

static void largest_part(const reduce_job *j, size_t kept, size_t part, size_t column, size_t n,
                         double *results) {
    const bool negated = j->kind == PTN_REDUCE_MINIMUM;
    const size_t wide = j->together * j->columns, all = j->together > 1 ? wide : n;
    float best[PTN_REDUCE_COLUMNS];
    for (size_t i = 0; i < all; i++) best[i] = -INFINITY;
    size_t index, end;
    for (part_range(j, part, &index, &end); index < end; index++) {
        const piece p = piece_at(j, kept, index, column);
        if (j->columns == 1) {
            const float more = j->f->largest_row(negated, p.rows, p.x);
            j->f->largest_columns(false, 1, 1, 1, &more, best);
        } else if (j->together == 1) {
            j->f->largest_columns(negated, p.rows, j->columns, n, p.x, best);
        } else {
            const size_t full = p.rows / j->together, rest = p.rows % j->together * j->columns;
            j->f->largest_columns(negated, full, wide, wide, p.x, best);
            j->f->largest_columns(negated, 1, rest, rest, p.x + full * wide, best);
        }
    }
    for (size_t i = n; i < all; i += n) j->f->largest_columns(false, 1, n, n, best + i, best);
    for (size_t i = 0; i < n; i++) results[i] = best[i];
}

static void reduce_part(const reduce_job *j, size_t kept, size_t part, size_t column, size_t n,
                        totals *t) {
    if (is_extreme(j->kind)) {
        largest_part(j, kept, part, column, n, t->first);
        return;
    }
    sum_part(j, form_of(j->kind), kept, part, column, n, NULL, t->first);
    if (!is_variance(j->kind)) return;
    const double rows = part_rows(j, part);
    double means[PTN_REDUCE_COLUMNS];
    for (size_t i = 0; i < n; i++) means[i] = t->first[i] /= rows;
    for (size_t i = n; i < j->together * j->columns && j->together > 1; i++)
        means[i] = means[i % n];
    sum_part(j, PTN_REDUCE_TERM_DEVIATIONS, kept, part, column, n, means, t->second);
}

static void finish(const reduce_job *j, const totals *t, size_t n, float *y) {
    const double count = (double)j->summed.count * (double)j->rows;
    const double freedom = fmax(0, count - (double)j->correction);
    for (size_t i = 0; i < n; i++) {
        const double v = t->first[i];
        switch (j->kind) {
        case PTN_REDUCE_SUM:
        case PTN_REDUCE_PRODUCT:
        case PTN_REDUCE_MAXIMUM: y[i] = (float)v; break;
        case PTN_REDUCE_MEAN: y[i] = (float)(v / count); break;
        case PTN_REDUCE_VARIANCE: y[i] = (float)(t->second[i] / freedom); break;
        case PTN_REDUCE_STANDARD_DEVIATION: y[i] = (float)sqrt(t->second[i] / freedom); break;
        case PTN_REDUCE_L2: y[i] = (float)sqrt(v); break;
        case PTN_REDUCE_MINIMUM: y[i] = (float)-v; break;
        }
    }
}

static void reduce_task(void *context, size_t index, int thread) {
    (void)thread;
    const reduce_job *j = context;
    const size_t end = ptn_min(j->items, (index + 1) * j->items_per_task);
    totals t;
    for (size_t item = index * j->items_per_task; item < end; item++) {
        const size_t column = item % j->column_blocks * PTN_REDUCE_COLUMNS;
        const size_t part = item / j->column_blocks % j->parts;
        const size_t kept = item / j->column_blocks / j->parts;
        const size_t n = ptn_min(PTN_REDUCE_COLUMNS, j->columns - column);
        reduce_part(j, kept, part, column, n, &t);
        if (j->parts == 1) {
            finish(j, &t, n, j->y + kept * j->columns + column);
            continue;
        }
        double *p = j->partial + 2 * ((kept * j->parts + part) * j->columns + column);
        memcpy(p, t.first, n * sizeof *p);
        if (is_variance(j->kind)) memcpy(p + n, t.second, n * sizeof *p);
    }
}

// Combines the totals of a part of `more` rows with those of `rows` rows.
static void combine(const reduce_job *j, totals *t, size_t n, double rows, double more,
                    const double *p) {
    for (size_t i = 0; i < n; i++) {
        if (is_variance(j->kind)) {
            const double delta = p[i] - t->first[i], all = rows + more;
            t->first[i] += delta * (more / all);
            t->second[i] += p[n + i] + delta * delta * (rows * more / all);
        } else if (is_extreme(j->kind)) {
            const double v = t->first[i];
            t->first[i] = v > p[i] || v != v ? v : p[i];
        } else if (j->kind == PTN_REDUCE_PRODUCT) {
            t->first[i] *= p[i];
        } else {
            t->first[i] += p[i];
        }
    }
}

static void combine_task(void *context, size_t index, int thread) {
    (void)thread;
    const reduce_job *j = context;
    const size_t column = index % j->column_blocks * PTN_REDUCE_COLUMNS;
    const size_t kept = index / j->column_blocks;
    const size_t n = ptn_min(PTN_REDUCE_COLUMNS, j->columns - column);
    totals t;
    double rows = 0;
    for (size_t part = 0; part < j->parts; part++) {
        const double *p = j->partial + 2 * ((kept * j->parts + part) * j->columns + column);
        const double more = part_rows(j, part);
        if (part == 0) {
            memcpy(t.first, p, n * sizeof *p);
            if (is_variance(j->kind)) memcpy(t.second, p + n, n * sizeof *p);
        } else {
            combine(j, &t, n, rows, more, p);
        }
        rows += more;
    }
    finish(j, &t, n, j->y + kept * j->columns + column);
}

// Whether results are sums of short consecutive rows. Such rows are transposed, so that they become
// columns.
static bool has_short_rows(const reduce_job *j) {
    return j->columns == 1 && j->rows > 1 && j->rows < PTN_REDUCE_LANES && j->summed.count == 1 &&
           j->kept.rank == 1;
}

static void short_rows_task(void *context, size_t index, int thread) {
    (void)thread;
    const reduce_job *j = context;
    enum { STRIDE = PTN_REDUCE_COLUMNS };
    float across[(PTN_REDUCE_LANES - 1) * STRIDE], best[STRIDE];
    totals t;
    const size_t first = index * STRIDE, n = ptn_min(STRIDE, j->kept.count - first);
    const ptn_reduce_terms form = form_of(j->kind);
    j->f->turn(n, j->rows, j->x + first * j->rows, across, STRIDE);
    if (is_extreme(j->kind)) {
        for (size_t i = 0; i < n; i++) best[i] = -INFINITY;
        j->f->largest_columns(j->kind == PTN_REDUCE_MINIMUM, j->rows, STRIDE, n, across, best);
        for (size_t i = 0; i < n; i++) t.first[i] = best[i];
    } else {
        for (size_t i = 0; i < n; i++) t.first[i] = form == PTN_REDUCE_TERM_PRODUCT ? 1 : 0;
        j->f->columns(form, j->rows, STRIDE, n, across, NULL, t.first);
    }
    if (is_variance(j->kind)) {
        for (size_t i = 0; i < n; i++) t.second[i] = 0;
        for (size_t i = 0; i < n; i++) t.first[i] /= (double)j->rows;
        j->f->columns(PTN_REDUCE_TERM_DEVIATIONS, j->rows, STRIDE, n, across, t.first, t.second);
    }
    finish(j, &t, n, j->y + first);
}

static void append(axis_list *l, size_t size, size_t step) {
    l->sizes[l->rank] = size;
    l->steps[l->rank++] = step;
    l->count *= size;
}

// Merges neighbouring axes that are both kept or both summed, drops axes of size 1, and finds the
// run.
static void merge(reduce_job *j, size_t rank, const size_t *sizes, uint32_t axes) {
    size_t count = 0, merged[PTN_MOST_AXES];
    bool summed[PTN_MOST_AXES];
    for (size_t a = 0; a < rank; a++) {
        const bool is_summed = axes >> a & 1;
        if (sizes[a] == 1) continue;
        if (count > 0 && summed[count - 1] == is_summed) {
            merged[count - 1] *= sizes[a];
        } else {
            merged[count] = sizes[a];
            summed[count++] = is_summed;
        }
    }
    j->rows = j->columns = j->kept.count = j->summed.count = 1;
    if (count > 0 && !summed[count - 1]) j->columns = merged[--count];
    if (count > 0 && summed[count - 1]) j->rows = merged[--count];
    size_t steps[PTN_MOST_AXES], step = j->rows * j->columns;
    for (size_t a = count; a-- > 0; step *= merged[a]) steps[a] = step;
    for (size_t a = 0; a < count; a++)
        append(summed[a] ? &j->summed : &j->kept, merged[a], steps[a]);
}

// Cuts the work, depending only on the shape.
static void cut(reduce_job *j) {
    const size_t block = ptn_min(j->columns, PTN_REDUCE_COLUMNS), all = j->summed.count * j->rows;
    j->column_blocks = ptn_div_up(j->columns, PTN_REDUCE_COLUMNS);
    j->together = 1;
    if (j->columns > 1 && j->columns < PTN_REDUCE_WIDE / 2)
        j->together = ptn_min(j->rows, PTN_REDUCE_WIDE / j->columns);
    const size_t rows = ptn_max(PTN_REDUCE_BLOCK / block, ptn_div_up(all, PTN_REDUCE_MOST_PARTS));
    j->piece_rows = ptn_min(rows, j->rows);
    j->pieces = ptn_div_up(j->rows, j->piece_rows);
    j->per_part = j->pieces > 1 ? 1 : ptn_max(1, rows / j->rows);
    j->parts = ptn_div_up(j->summed.count * j->pieces, j->per_part);
    j->items = j->kept.count * j->parts * j->column_blocks;
    const size_t item = ptn_min(all, rows) * block;
    j->items_per_task = ptn_max(1, PTN_REDUCE_BLOCK / item);
}

static ptn_status run(reduce_job *j, const ptn_runtime *runtime, size_t count) {
    if (has_short_rows(j)) {
        ptn_parallel(ptn_threads_for_floats(runtime, 4 * count),
                     ptn_div_up(j->kept.count, PTN_REDUCE_COLUMNS), short_rows_task, j);
        return PTN_OK;
    }
    cut(j);
    if (j->parts > 1) {
        size_t floats, bytes;
        if (!ptn_float_bytes(j->kept.count, j->parts, j->columns, 4, &floats) ||
            !ptn_mul(floats, sizeof(float), &bytes))
            return PTN_SIZE_OVERFLOW;
        j->partial = ptn_scratch_acquire(bytes);
        if (!j->partial) return PTN_OUT_OF_MEMORY;
    }
    const int threads = ptn_threads_for_floats(runtime, count);
    ptn_parallel(threads, ptn_div_up(j->items, j->items_per_task), reduce_task, j);
    if (j->parts > 1) ptn_parallel(threads, j->kept.count * j->column_blocks, combine_task, j);
    ptn_scratch_release(j->partial);
    return PTN_OK;
}

// Results of a reduction over no elements.
static ptn_status fill_empty(ptn_reduce_kind kind, size_t results, float *y) {
    if (is_extreme(kind)) return PTN_BAD_ARGUMENT;
    if (!y) return PTN_BAD_ARGUMENT;
    const float value = kind == PTN_REDUCE_PRODUCT                        ? 1
                        : kind == PTN_REDUCE_SUM || kind == PTN_REDUCE_L2 ? 0
                                                                          : NAN;
    for (size_t i = 0; i < results; i++) y[i] = value;
    return PTN_OK;
}

ptn_status ptn_reduce(const ptn_runtime *runtime, ptn_reduce_kind kind, size_t rank,
                      const size_t *sizes, uint32_t axes, size_t correction, const float *x,
                      float *y) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (rank > PTN_MOST_AXES || (int)kind < 0 || (int)kind >= PTN_REDUCE_COUNT)
        return PTN_BAD_ARGUMENT;
    size_t all = 1, count = 1, results = 1; // all: product of the sizes that are not 0
    for (size_t a = 0; a < rank; a++) {
        if (sizes[a] > 0 && !ptn_float_bytes(all, sizes[a], 1, 1, &all)) return PTN_SIZE_OVERFLOW;
        count *= sizes[a] > 0;
        if (!(axes >> a & 1)) results *= sizes[a];
    }
    if (results == 0) return PTN_OK;
    if (count == 0) return fill_empty(kind, results, y);
    if (!x || !y) return PTN_BAD_ARGUMENT;
    reduce_job j = {.f = &ptn_reduce_functions[runtime->isa],
                    .kind = kind,
                    .correction = correction,
                    .x = x,
                    .y = y};
    merge(&j, rank, sizes, axes);
    return run(&j, runtime, all);
}
