// Matrix products: packs the second matrix and chooses how each product is computed.
#include "ptn_matmul.h"
#include "panels.h"
#include "../tensor/map.h"
#include "ptn_layout.h"
#include "../tensor/walk.h"

enum {
    FEW_UNROLL = 8,      // rows of b that are added at a time
    FEW_COLUMNS = 512,   // columns per task with few rows: eight rows of b and one of y stay in L1
    TURNED_COLUMNS = 64, // columns per task with few rows if b is transposed
    PACK_ROWS = 8,       // rows of b packed per task
    NARROW_ROWS = 64,    // rows per task with few columns
};

#define PTN_SOURCE "../convolution/matmul.inc"
#include "../core/foreach_isa.h"

typedef void (*few_rows_fn)(size_t m, size_t n, size_t k, size_t b_stride, size_t y_stride,
                            const float *a, const float *b, float *y);
static const few_rows_fn few_rows[PTN_ISA_COUNT] = PTN_TABLE(few_rows);

// One product.
typedef struct product {
    ptn_runtime runtime;
    ptn_conv2d_shape shape; // w is m, c is k, k is n
    ptn_conv2d_plan plan;
    ptn_panels panels;
    bool a_transposed, b_transposed, is_few;
    int few_threads; // threads with scratch, if there are few rows and b is transposed
    float *a_scratch, *packed;
    size_t a_floats, packed_floats;
    const float *a, *b;
    float *y;
} product;

// Transposes x [columns][k] to y [k][width], padding columns with zeros.
static void turn(ptn_isa isa, size_t columns, size_t width, size_t k, const float *x, float *y) {
    const ptn_runtime alone = {isa, 1};
    if (columns == width &&
        ptn_permute(&alone, 2, (size_t[]){width, k}, (size_t[]){1, 0}, x, y) == PTN_OK)
        return;
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < width; j++) y[c * width + j] = j < columns ? x[j * k + c] : 0;
}

static void few_rows_task(void *context, size_t index, int thread) {
    (void)thread;
    const product *p = context;
    const size_t first = index * FEW_COLUMNS, n = ptn_min(FEW_COLUMNS, p->shape.k - first);
    few_rows[p->runtime.isa](p->shape.w, n, p->shape.c, p->shape.k, p->shape.k, p->a, p->b + first,
                             p->y + first);
}

// As few_rows_task for b [n][k]: transposes some rows of b into scratch and multiplies by them
// while they are in the cache.
static void few_turned_task(void *context, size_t index, int thread) {
    const product *p = context;
    const size_t k = p->shape.c, first = index * TURNED_COLUMNS;
    const size_t n = ptn_min(TURNED_COLUMNS, p->shape.k - first);
    float *turned = p->packed + (size_t)thread * k * TURNED_COLUMNS;
    turn(p->runtime.isa, n, n, k, p->b + first * k, turned);
    few_rows[p->runtime.isa](p->shape.w, n, k, n, p->shape.k, p->a, turned, p->y + first);
}

// Packs some rows of b [k][n] into all panels [k][width].
static void pack_rows_task(void *context, size_t index, int thread) {
    (void)thread;
    const product *p = context;
    const size_t n = p->shape.k, begin = index * PACK_ROWS;
    const size_t end = ptn_min(p->shape.c, begin + PACK_ROWS);
    for (size_t first = 0; first < n; first += p->panels.width) {
        const size_t columns = ptn_min(n - first, p->panels.width);
        const size_t width = ptn_panel_vectors(&p->panels, n, first) * p->panels.vector;
        float *panel = p->packed + first * p->shape.c;
        for (size_t c = begin; c < end; c++) {
            memcpy(panel + c * width, p->b + c * n + first, columns * sizeof *panel);
            memset(panel + c * width + columns, 0, (width - columns) * sizeof *panel);
        }
    }
}

// Packs one panel from b [n][k].
static void pack_panel_task(void *context, size_t index, int thread) {
    (void)thread;
    const product *p = context;
    const size_t n = p->shape.k, k = p->shape.c, first = index * p->panels.width;
    const size_t columns = ptn_min(n - first, p->panels.width);
    const size_t width = ptn_panel_vectors(&p->panels, n, first) * p->panels.vector;
    turn(p->runtime.isa, columns, width, k, p->b + first * k, p->packed + first * k);
}

static ptn_status pack(product *p) {
    const size_t n = p->shape.k, k = p->shape.c;
    if (p->plan.algorithm == PTN_CONV2D_DIRECT) {
        const int threads = ptn_threads_for_floats(&p->runtime, 2 * n * k);
        if (p->b_transposed)
            ptn_parallel(threads, p->panels.count, pack_panel_task, p);
        else
            ptn_parallel(threads, ptn_div_up(k, PACK_ROWS), pack_rows_task, p);
        return PTN_OK;
    }
    // The other algorithms need few columns, packed from weights [n][k].
    const float *weights = p->b;
    if (!p->b_transposed && n > 1) {
        float *turned = p->packed + p->packed_floats - n * k;
        const ptn_status status =
            ptn_permute(&p->runtime, 2, (size_t[]){k, n}, (size_t[]){1, 0}, p->b, turned);
        if (status != PTN_OK) return status;
        weights = turned;
    }
    return ptn_conv2d_pack(p->runtime.isa, &p->shape, p->plan.algorithm, weights, NULL, p->packed);
}

static ptn_status run_product(product *p) {
    const size_t m = p->shape.w, n = p->shape.k, k = p->shape.c;
    if (p->a_transposed) {
        const ptn_status status =
            ptn_permute(&p->runtime, 2, (size_t[]){k, m}, (size_t[]){1, 0}, p->a, p->a_scratch);
        if (status != PTN_OK) return status;
        p->a = p->a_scratch;
    }
    if (p->is_few) {
        const int threads = ptn_threads_for_floats(&p->runtime, n * k);
        if (p->b_transposed)
            ptn_parallel(threads < p->few_threads ? threads : p->few_threads,
                         ptn_div_up(n, TURNED_COLUMNS), few_turned_task, p);
        else
            ptn_parallel(threads, ptn_div_up(n, FEW_COLUMNS), few_rows_task, p);
        return PTN_OK;
    }
    const ptn_status status = pack(p);
    if (status != PTN_OK) return status;
    const ptn_conv2d_epilogue epilogue = {.activation = {.kind = PTN_ACT_IDENTITY}};
    const ptn_weight_source weights = ptn_weights_shared(p->packed);
    const size_t narrow = p->plan.algorithm == PTN_CONV2D_NARROW ? m / NARROW_ROWS : 0;
    if (narrow > 0) {
        // The narrow algorithm's tasks are image rows, so the rows of a are cut into image rows.
        ptn_conv2d_shape image = p->shape;
        image.h = narrow;
        image.w = NARROW_ROWS;
        const ptn_status all =
            ptn_conv2d(&p->runtime, &image, p->a, &weights, &epilogue, p->y, NULL);
        if (all != PTN_OK) return all;
    }
    ptn_conv2d_shape rest = p->shape;
    const size_t done = narrow * NARROW_ROWS;
    rest.w -= done;
    if (rest.w == 0) return PTN_OK;
    return ptn_conv2d(&p->runtime, &rest, p->a + done * k, &weights, &epilogue, p->y + done * n,
                      NULL);
}

// Plans what all products of a call share.
static ptn_status plan_product(product *p, const ptn_runtime *runtime, const ptn_matmul_shape *s,
                               size_t rows) {
    p->runtime = *runtime;
    p->shape = (ptn_conv2d_shape){.n = 1,
                                  .h = 1,
                                  .w = rows,
                                  .c = s->k,
                                  .k = s->n,
                                  .kh = 1,
                                  .kw = 1,
                                  .stride_h = 1,
                                  .stride_w = 1,
                                  .dilation_h = 1,
                                  .dilation_w = 1,
                                  .groups = 1,
                                  .choice = PTN_CONV2D_SUMS};
    p->a_transposed = s->a_transposed && s->k > 1 && rows > 1;
    p->b_transposed = s->b_transposed;
    const ptn_status status = ptn_conv2d_outline_for(runtime, &p->shape, &p->plan);
    if (status != PTN_OK) return status;
    p->panels = ptn_panels_for(runtime->isa, s->n);
    const bool is_direct = p->plan.algorithm == PTN_CONV2D_DIRECT;
    p->is_few = is_direct && rows <= PTN_MATMUL_FEW_ROWS;
    p->a_floats = p->a_transposed ? rows * s->k : 0;
    p->packed_floats = p->is_few ? 0 : ptn_round_64(p->plan.packed_floats * sizeof(float)) / 4;
    if (!is_direct && !s->b_transposed) p->packed_floats += s->n * s->k;
    return PTN_OK;
}

typedef struct matmul_job {
    product shared; // with the pointers of the first product
    ptn_walk batch; // operand 0: a, 1: b
    size_t floats;  // of scratch per thread
    float *scratch;
    ptn_status *statuses; // by thread
} matmul_job;

static ptn_status run_at(const matmul_job *j, size_t index, size_t thread,
                         const ptn_runtime *runtime) {
    product p = j->shared;
    p.runtime = *runtime;
    p.y += index * p.shape.w * p.shape.k;
    const ptn_walk *w = &j->batch;
    for (size_t a = w->rank; a-- > 0; index /= w->sizes[a]) {
        const ptrdiff_t at = (ptrdiff_t)(index % w->sizes[a]);
        p.a += at * w->steps[0][a];
        p.b += at * w->steps[1][a];
    }
    p.packed = j->scratch + thread * j->floats;
    p.a_scratch = p.packed + p.packed_floats;
    return run_product(&p);
}

static void batch_task(void *context, size_t index, int thread) {
    const matmul_job *j = context;
    const ptn_runtime alone = {j->shared.runtime.isa, 1};
    const ptn_status status = run_at(j, index, (size_t)thread, &alone);
    if (status != PTN_OK) j->statuses[thread] = status;
}

// Runs the products in parallel if there are enough of them for all threads, otherwise one after
// the other with all threads on each.
static ptn_status run_batch(matmul_job *j) {
    enum { MOST_THREADS = 64 };
    const product *p = &j->shared;
    const double work = (double)p->shape.w * (double)p->shape.k * (double)p->shape.c;
    const size_t budget = ptn_min((size_t)p->runtime.threads, MOST_THREADS);
    // About 25 multiply-adds per nanosecond on one core, packing included.
    const int worth = ptn_threads_worth((int)budget, work * (double)j->batch.count / 25);
    const bool side_by_side = j->batch.count >= 2 * budget || (j->batch.count > 1 && work < 1e6);
    const size_t threads = side_by_side ? (size_t)worth : 1;
    size_t bytes;
    if (p->is_few && p->b_transposed) {
        // Each thread transposes a part of b, so there are at most as many threads as parts.
        const size_t parts = ptn_div_up(p->shape.k, TURNED_COLUMNS);
        j->shared.few_threads = threads > 1 ? 1 : (int)ptn_min(parts, budget);
        if (!ptn_float_bytes((size_t)p->few_threads, p->shape.c, TURNED_COLUMNS, 1, NULL))
            return PTN_SIZE_OVERFLOW;
        j->shared.packed_floats = (size_t)p->few_threads * p->shape.c * TURNED_COLUMNS;
    }
    if (!ptn_add(p->packed_floats, p->a_floats, &j->floats) ||
        !ptn_float_bytes(j->floats, threads, 1, 1, &bytes))
        return PTN_SIZE_OVERFLOW;
    j->floats = ptn_round_64(j->floats * sizeof(float)) / sizeof(float);
    j->scratch = ptn_scratch_acquire(ptn_max(64, j->floats * threads * sizeof(float)));
    if (!j->scratch) return PTN_OUT_OF_MEMORY;
    ptn_status statuses[MOST_THREADS] = {PTN_OK}, status = PTN_OK;
    j->statuses = statuses;
    if (threads > 1)
        ptn_parallel((int)threads, j->batch.count, batch_task, j);
    else
        for (size_t i = 0; i < j->batch.count && status == PTN_OK; i++)
            status = run_at(j, i, 0, &p->runtime);
    for (size_t t = 0; t < threads && status == PTN_OK; t++) status = statuses[t];
    ptn_scratch_release(j->scratch);
    return status;
}

// If all products have the same b and their rows of a are contiguous, joins them to one product.
static void join_rows(ptn_walk *w, const ptn_matmul_shape *s, size_t *rows) {
    if (w->count <= 1 || s->a_transposed) return;
    const size_t last = w->rank - 1;
    if (w->steps[1][last] != 0 || w->steps[0][last] != (ptrdiff_t)(s->m * s->k)) return;
    *rows = s->m * w->sizes[last];
    w->count /= w->sizes[last];
    w->sizes[last] = 1;
}

ptn_status ptn_matmul(const ptn_runtime *runtime, const ptn_matmul_shape *s, const float *a,
                      const float *b, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (s->rank > PTN_MOST_AXES) return PTN_BAD_ARGUMENT;
    matmul_job j = {.scratch = NULL};
    status = ptn_walk_start(&j.batch, s->rank, s->sizes);
    if (status != PTN_OK) return status;
    size_t count;
    if (!ptn_float_bytes(j.batch.count, s->m, s->n, 1, &count) ||
        !ptn_float_bytes(j.batch.count, s->m, s->k, 1, NULL) ||
        !ptn_float_bytes(s->k, s->n, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!y) return PTN_BAD_ARGUMENT;
    if (s->k == 0) {
        memset(y, 0, count * sizeof *y);
        return PTN_OK;
    }
    if (!a || !b) return PTN_BAD_ARGUMENT;
    ptn_walk_add(&j.batch, s->a_steps);
    ptn_walk_add(&j.batch, s->b_steps);
    ptn_walk_plan(&j.batch);
    size_t rows = s->m;
    join_rows(&j.batch, s, &rows);
    status = plan_product(&j.shared, runtime, s, rows);
    if (status != PTN_OK) return status;
    j.shared.a = a;
    j.shared.b = b;
    j.shared.y = y;
    return run_batch(&j);
}
