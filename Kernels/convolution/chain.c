// Driver of chains of convolutions: cuts the result's rows into strips for threads and strips into
// bands. For each band, the rows that it reads are first computed in all earlier stages.
#include "../core/checked.h"
#include "ptn_conv2d_chain.h"
#include "ptn_memory.h"
#include <stdatomic.h>
#include <string.h>

// Bytes of one band's intermediate maps: half of a common second-level cache. The other half is for
// weights and for the chain's input and result.
static const size_t BAND_BYTES = 512 << 10;
// Intermediate maps smaller than this stay in the second-level cache anyway: a chain does not pay.
static const size_t LEAST_BYTES = 256 << 10;
// Fewest rows of the first intermediate map per strip: with fewer, recomputing each strip's halo
// costs more than the chain gains.
enum { LEAST_ROWS = 6 };

typedef struct rows {
    size_t begin, end;
} rows;

typedef struct chain_job {
    const ptn_conv2d_stage *stages;
    size_t count;
    ptn_runtime runtime; // with one thread: only strips are distributed among threads
    ptn_conv2d_chain_plan plan;
    size_t out_w[PTN_CHAIN_MOST];  // of each stage
    size_t offset[PTN_CHAIN_MOST]; // of each stage's result in a thread's scratch, in floats
    size_t thread_floats;
    float *scratch;
    const float *x;
    float *y;
    atomic_int status;
} chain_job;

// A thread's state: rows of the results of all stages except the last.
typedef struct strip {
    const chain_job *job;
    size_t sample;
    float *maps;
    rows held[PTN_CHAIN_MOST];
} strip;

static size_t reach_of(const ptn_conv2d_shape *s) { return (s->kh - 1) * s->dilation_h + 1; }

// Number of input rows that `count` output rows read away from the borders, at most all.
static size_t rows_read(const ptn_conv2d_shape *s, size_t count) {
    return ptn_min(s->h, (count - 1) * s->stride_h + reach_of(s));
}

static const float *input_row(const strip *t, size_t stage, size_t row) {
    const chain_job *j = t->job;
    const ptn_conv2d_shape *s = &j->stages[stage].shape;
    if (stage == 0) return j->x + (t->sample * s->h + row) * s->w * s->c;
    return t->maps + j->offset[stage - 1] + (row - t->held[stage - 1].begin) * s->w * s->c;
}

// Computes those of the rows `wanted` of a stage's result that are not in scratch yet.
static ptn_status pull(strip *t, size_t stage, rows wanted);

// Computes rows of a stage's result into `out`.
static ptn_status compute(strip *t, size_t stage, rows r, float *out) {
    const chain_job *j = t->job;
    const ptn_conv2d_stage *g = &j->stages[stage];
    ptn_conv2d_shape s = g->shape;
    // Positions in the padded input.
    const size_t top = r.begin * s.stride_h, bottom = (r.end - 1) * s.stride_h + reach_of(&s);
    rows in = {.begin = top > s.pad_top ? top - s.pad_top : 0,
               .end = ptn_min(s.h, bottom - s.pad_top)};
    if (stage > 0) {
        ptn_status status = pull(t, stage - 1, in);
        if (status != PTN_OK) return status;
    }
    s.n = 1;
    s.pad_bottom = bottom - s.pad_top - in.end;
    s.pad_top = in.begin + s.pad_top - top;
    s.h = in.end - in.begin;
    ptn_conv2d_epilogue e = g->epilogue;
    if (e.residual)
        e.residual += (t->sample * j->plan.out_h + r.begin) * j->plan.out_w * j->plan.out_k;
    const ptn_weight_source weights = ptn_weights_shared(g->packed);
    return ptn_conv2d(&j->runtime, &s, input_row(t, stage, in.begin), &weights, &e, out, NULL);
}

static ptn_status pull(strip *t, size_t stage, rows wanted) {
    const chain_job *j = t->job;
    const size_t row = j->out_w[stage] * j->stages[stage].shape.k;
    float *map = t->maps + j->offset[stage];
    rows *held = &t->held[stage];
    size_t kept = 0;
    if (held->end > wanted.begin) {
        kept = held->end - wanted.begin;
        memmove(map, map + (wanted.begin - held->begin) * row, kept * row * sizeof *map);
    }
    *held = wanted;
    const rows missing = {wanted.begin + kept, wanted.end};
    if (missing.begin >= missing.end) return PTN_OK;
    return compute(t, stage, missing, map + kept * row);
}

static void run_strip(void *context, size_t index, int thread) {
    chain_job *j = context;
    const ptn_conv2d_chain_plan *p = &j->plan;
    strip t = {.job = j,
               .sample = index / p->strips,
               .maps = j->scratch + (size_t)thread * j->thread_floats};
    const size_t first = ptn_part_begin(p->out_h, p->strips, index % p->strips);
    const size_t count = ptn_part_begin(p->out_h, p->strips, index % p->strips + 1) - first;
    const size_t bands = ptn_div_up(count, p->band);
    for (size_t b = 0; b < bands; b++) {
        const rows r = {first + ptn_part_begin(count, bands, b),
                        first + ptn_part_begin(count, bands, b + 1)};
        float *out = j->y + (t.sample * p->out_h + r.begin) * p->out_w * p->out_k;
        ptn_status status = compute(&t, j->count - 1, r, out);
        if (status != PTN_OK) {
            atomic_store(&j->status, (int)status);
            return;
        }
    }
}

// Whether a stage keeps the contract and its input has the shape of the previous stage's result.
static bool stage_fits(const ptn_conv2d_stage *g, const ptn_conv2d_stage *before, size_t height,
                       size_t width, bool is_last) {
    const ptn_conv2d_shape *s = &g->shape;
    const bool is_sums = s->choice == PTN_CONV2D_SUMS || s->choice == PTN_CONV2D_FORCE_DIRECT;
    if (!is_sums || s->kh == 0) return false;
    size_t reach;
    if (!ptn_mul(s->kh - 1, s->dilation_h, &reach) || s->pad_top > reach || s->pad_bottom > reach)
        return false;
    if (g->epilogue.gate || g->epilogue.bias_stride > 0 || (g->epilogue.residual && !is_last) ||
        g->epilogue.factor)
        return false;
    return !before ||
           (s->n == before->shape.n && s->h == height && s->w == width && s->c == before->shape.k);
}

// Lays out the intermediate maps for bands of `band` rows of the result; false on overflow.
static bool lay_out(chain_job *j, size_t band) {
    size_t need = band;
    size_t sizes[PTN_CHAIN_MOST] = {0};
    for (size_t i = j->count - 1; i > 0; i--) {
        const ptn_conv2d_shape *s = &j->stages[i].shape;
        need = rows_read(s, need);
        if (!ptn_float_bytes(need, s->w, s->c, 1, &sizes[i - 1])) return false;
    }
    size_t at = 0;
    for (size_t i = 0; i + 1 < j->count; i++) {
        j->offset[i] = at;
        if (!ptn_add(at, (sizes[i] + 15) & ~(size_t)15, &at)) return false;
    }
    j->thread_floats = at;
    return true;
}

// Chooses the largest band whose maps fit. Its number of rows is even unless it is a whole strip of
// `most` rows, because depthwise tiles have two rows.
static bool choose_band(chain_job *j, size_t most) {
    size_t band = 1;
    for (size_t next = 2; band < most; next += 2) {
        next = ptn_min(next, most);
        if (!lay_out(j, next) || j->thread_floats > BAND_BYTES / sizeof(float)) break;
        band = next;
    }
    j->plan.band = band;
    return lay_out(j, band);
}

static ptn_status prepare(chain_job *j, const ptn_runtime *runtime) {
    ptn_conv2d_chain_plan *p = &j->plan;
    double nanoseconds = 0;
    size_t largest = 0, first_rows = 0;
    if (j->count < 1 || j->count > PTN_CHAIN_MOST) return PTN_BAD_ARGUMENT;
    for (size_t i = 0; i < j->count; i++) {
        const ptn_conv2d_stage *g = &j->stages[i];
        const bool is_last = i + 1 == j->count;
        if (!stage_fits(g, i > 0 ? g - 1 : NULL, p->out_h, p->out_w, is_last))
            return PTN_BAD_ARGUMENT;
        ptn_conv2d_plan one;
        ptn_status status = ptn_conv2d_outline_for(runtime, &g->shape, &one);
        if (status != PTN_OK) return status;
        p->out_h = one.out_h;
        p->out_w = j->out_w[i] = one.out_w;
        p->out_k = g->shape.k;
        if (i == 0) first_rows = one.out_h;
        nanoseconds += one.multiply_adds / (5.0 * (double)ptn_isa_vector_floats(runtime->isa));
        if (!is_last) largest = ptn_max(largest, one.out_h * one.out_w * p->out_k * sizeof(float));
    }
    const size_t samples = j->stages[0].shape.n;
    p->threads = ptn_threads_worth(runtime->threads, nanoseconds);
    const size_t wanted = ptn_div_up((size_t)p->threads, ptn_max(1, samples));
    // Two strips per thread if there are enough rows, so that the others wait less for a slow core.
    p->strips = p->threads == 1 ? 1 : ptn_min(2 * wanted, ptn_max(wanted, p->out_h / LEAST_ROWS));
    p->strips = ptn_max(1, ptn_min(p->strips, p->out_h));
    p->pays = largest >= LEAST_BYTES && j->count > 1 &&
              (p->threads == 1 || first_rows / p->strips >= LEAST_ROWS);
    if (!choose_band(j, ptn_div_up(p->out_h, p->strips))) return PTN_SIZE_OVERFLOW;
    size_t floats;
    if (!ptn_float_bytes(j->thread_floats, (size_t)p->threads, 1, 1, &floats))
        return PTN_SIZE_OVERFLOW;
    p->scratch_bytes = floats * sizeof(float);
    return PTN_OK;
}

ptn_status ptn_conv2d_chain_plan_for(const ptn_runtime *runtime, size_t count,
                                     const ptn_conv2d_stage *stages, ptn_conv2d_chain_plan *plan) {
    chain_job j = {.stages = stages, .count = count};
    ptn_status status = prepare(&j, runtime);
    *plan = j.plan;
    return status;
}

ptn_status ptn_conv2d_chain(const ptn_runtime *runtime, size_t count,
                            const ptn_conv2d_stage *stages, const float *x, float *y) {
    chain_job j = {.stages = stages, .count = count, .runtime = *runtime, .x = x, .y = y};
    ptn_status status = prepare(&j, runtime);
    if (status != PTN_OK || stages[0].shape.n == 0) return status;
    j.runtime.threads = 1;
    atomic_init(&j.status, (int)PTN_OK);
    j.scratch = ptn_scratch_acquire(j.plan.scratch_bytes);
    if (!j.scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(j.plan.threads, stages[0].shape.n * j.plan.strips, run_strip, &j);
    ptn_scratch_release(j.scratch);
    return (ptn_status)atomic_load(&j.status);
}
