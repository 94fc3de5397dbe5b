// Driver of the pixel-adaptive convolution: the direct convolution's tiles on rows of pixels that
// are multiplied by their factors a chunk at a time, in scratch that stays in the second-level
// cache.
#include "ptn_adaptive_conv2d.h"
#include "../convolution/chunk.h"
#include "../convolution/cost.h"
#include "../core/rows.h"

#define PTN_SOURCE "../dynamic/adaptive_conv2d.inc"
#include "../core/foreach_isa.h"

typedef void (*scale_rows_fn)(size_t count, size_t channels, const float *factors,
                              size_t factor_step, const float *x, size_t x_step, float *out,
                              size_t out_step);
static const scale_rows_fn scale_rows[PTN_ISA_COUNT] = PTN_TABLE(scale_rows);

// Most pixels of the convolved map per pixel of x; target number of tasks per thread; fewest pixels
// of a task; floats of a chunk's scaled rows.
enum { MOST_UP = 64, TASKS_PER_THREAD = 12, LEAST_ROWS = 48, SCALED_FLOATS = 72 << 10 };

// The taps of one axis that meet pixels of x in a phase: first, first + step, ...
typedef struct tap_range {
    size_t first, step, count;
} tap_range;

// Outputs whose positions are equal modulo `up`.
typedef struct phase {
    tap_range rows, columns;
    size_t taps;         // at least 1: a phase without taps has one of zeros
    size_t out_h, out_w; // outputs of the phase
    size_t packed;       // floats of the phases before this one
    size_t chunk_outputs, chunks, first_task;
} phase;

typedef struct adaptive_job {
    ptn_chunk_job chunk; // without taps and weights
    const ptn_adaptive_conv2d_shape *shape;
    const ptn_adaptive_conv2d_plan *plan;
    const float *x, *kernels, *packed, *zeros;
    float *y;
    const phase *phases;
    size_t phase_count, tasks; // per sample
    size_t row_floats;         // from one scaled row to the next
    char *thread_scratch;
    size_t thread_bytes, chunk_bytes;
    scale_rows_fn scale;
} adaptive_job;

static size_t greatest_divisor(size_t a, size_t b) {
    while (b != 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// The taps with (offset + tap * dilation - pad) % up == 0.
static tap_range taps_for(size_t offset, size_t pad, size_t taps, size_t dilation, size_t up) {
    tap_range r = {.step = up / greatest_divisor(dilation, up)};
    while (r.first < r.step && (offset + r.first * dilation) % up != pad % up) r.first++;
    if (r.first < r.step && r.first < taps) r.count = (taps - 1 - r.first) / r.step + 1;
    return r;
}

// The phase of outputs at (y, x) modulo `up`, with the taps that follow from the shape alone.
static phase phase_for(const ptn_adaptive_conv2d_shape *shape, size_t y, size_t x) {
    const ptn_conv2d_shape *s = &shape->conv;
    phase p = {.rows = taps_for(y, s->pad_top, s->kh, s->dilation_h, shape->up_h),
               .columns = taps_for(x, s->pad_left, s->kw, s->dilation_w, shape->up_w)};
    p.taps = ptn_max(1, p.rows.count * p.columns.count);
    return p;
}

// Floats from one scaled row to the next: an odd number of cache lines, since rows a power of two
// apart would fall into few sets of the cache.
static size_t row_floats_for(const ptn_conv2d_shape *s) { return (ptn_div_up(s->c, 16) | 1) * 16; }

static size_t chunk_outputs_for(ptn_isa isa, const ptn_conv2d_shape *s, size_t taps) {
    const size_t height = ptn_tile_height(isa, ptn_panels_for(isa, s->k).vectors);
    const size_t fit = ptn_min(SCALED_FLOATS / ptn_min(taps * row_floats_for(s), SCALED_FLOATS),
                               ptn_chunk_outputs(taps));
    return ptn_max(1, fit / height) * height;
}

// Bytes of a chunk's scaled rows.
static size_t scaled_bytes_for(ptn_isa isa, const ptn_conv2d_shape *s, size_t taps) {
    return ptn_round_64(chunk_outputs_for(isa, s, taps) * taps * row_floats_for(s) * sizeof(float));
}

static size_t zeros_bytes(const ptn_conv2d_shape *s) { return ptn_round_64(s->c * sizeof(float)); }

static bool shape_valid(const ptn_adaptive_conv2d_shape *shape) {
    const ptn_conv2d_shape *s = &shape->conv;
    if (shape->up_h == 0 || shape->up_w == 0 || shape->up_h > MOST_UP || shape->up_w > MOST_UP)
        return false;
    if (!ptn_conv2d_sizes_valid(s) || s->groups != 1) return false;
    const bool strides = s->stride_h > 1 || s->stride_w > 1;
    if (strides && (shape->up_h > 1 || shape->up_w > 1)) return false;
    return s->h > 0 && s->w > 0 && (s->h - 1) % shape->up_h == 0 && (s->w - 1) % shape->up_w == 0;
}

ptn_status ptn_adaptive_conv2d_plan_for(const ptn_runtime *runtime,
                                        const ptn_adaptive_conv2d_shape *shape,
                                        ptn_adaptive_conv2d_plan *plan) {
    memset(plan, 0, sizeof *plan);
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (!shape_valid(shape)) return PTN_BAD_ARGUMENT;
    ptn_conv2d_shape s = shape->conv;
    s.choice = PTN_CONV2D_FORCE_DIRECT;
    status = ptn_conv2d_output_size(&s, &plan->out_h, &plan->out_w);
    if (status != PTN_OK) return status;
    plan->x_h = (s.h - 1) / shape->up_h + 1;
    plan->x_w = (s.w - 1) / shape->up_w + 1;
    const size_t padded = ptn_panels_for(runtime->isa, s.k).padded;
    size_t taps, pixels, chunk = 0, scaled = 0;
    if (!ptn_panels_floats(runtime->isa, &s, &taps) || !ptn_mul(s.kh, s.kw, &taps) ||
        !ptn_float_bytes(taps, 4096, s.c, 1, NULL) ||
        !ptn_float_bytes(MOST_UP * MOST_UP, s.c, padded, 1, NULL) ||
        !ptn_mul(plan->out_h, plan->out_w, &pixels) || !ptn_float_bytes(s.n, pixels, taps, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    for (size_t y = 0; y < shape->up_h; y++)
        for (size_t x = 0; x < shape->up_w; x++) {
            const phase p = phase_for(shape, y, x);
            if (!ptn_add(plan->packed_floats, p.taps * s.c * padded, &plan->packed_floats))
                return PTN_SIZE_OVERFLOW;
            chunk = ptn_max(chunk, ptn_chunk_bytes(runtime->isa, p.taps));
            scaled = ptn_max(scaled, scaled_bytes_for(runtime->isa, &s, p.taps));
            const size_t rows = (plan->out_h + shape->up_h - 1 - y) / shape->up_h;
            const size_t columns = (plan->out_w + shape->up_w - 1 - x) / shape->up_w;
            plan->multiply_adds += (double)s.n * (double)rows * (double)columns *
                                   (double)(p.rows.count * p.columns.count) * (double)s.c *
                                   (double)s.k;
        }
    if (!ptn_float_bytes(plan->packed_floats, 1, 1, 1, NULL)) return PTN_SIZE_OVERFLOW;
    const double compute = ptn_product_nanoseconds(runtime->isa, plan->multiply_adds);
    const ptn_conv2d_plan dense = {.packed_floats = plan->packed_floats};
    plan->threads =
        ptn_threads_worth(runtime->threads, ptn_with_weights_nanoseconds(compute, &dense));
    plan->scratch_bytes = zeros_bytes(&s) +
                          ptn_round_64(shape->up_h * shape->up_w * sizeof(phase)) +
                          (size_t)plan->threads * (chunk + scaled);
    return PTN_OK;
}

// The weights of a phase's taps, [k][c][taps].
static void gather(const ptn_conv2d_shape *s, const phase *p, const float *weights, float *out) {
    const size_t columns = p->columns.count;
    if (p->rows.count * columns == 0) {
        memset(out, 0, s->k * s->c * sizeof *out);
        return;
    }
    for (size_t filter = 0; filter < s->k * s->c; filter++, weights += s->kh * s->kw)
        for (size_t t = 0; t < p->taps; t++) {
            const size_t i = p->rows.first + t / columns * p->rows.step;
            const size_t j = p->columns.first + t % columns * p->columns.step;
            *out++ = weights[i * s->kw + j];
        }
}

ptn_status ptn_adaptive_conv2d_pack(ptn_isa isa, const ptn_adaptive_conv2d_shape *shape,
                                    const float *weights, float *packed) {
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (!shape_valid(shape)) return PTN_BAD_ARGUMENT;
    const ptn_conv2d_shape *s = &shape->conv;
    size_t floats;
    if (!ptn_float_bytes(s->kh, s->kw, s->c, s->k, &floats)) return PTN_SIZE_OVERFLOW;
    float *gathered = ptn_scratch_acquire(ptn_max(64, floats * sizeof(float)));
    if (!gathered) return PTN_OUT_OF_MEMORY;
    for (size_t i = 0; i < shape->up_h * shape->up_w; i++) {
        const phase p = phase_for(shape, i / shape->up_w, i % shape->up_w);
        const ptn_conv2d_shape sub = {.c = s->c, .k = s->k, .kh = 1, .kw = p.taps, .groups = 1};
        gather(s, &p, weights, gathered);
        for (size_t part = 0; part < ptn_panels_parts(isa, &sub); part++)
            ptn_panels_pack(isa, &sub, gathered, NULL, part, packed);
        packed += p.taps * s->c * ptn_panels_for(isa, s->k).padded;
    }
    ptn_scratch_release(gathered);
    return PTN_OK;
}

// Neighbouring outputs of a chunk in one row of a phase: columns x, x + up_w, ...
typedef struct output_run {
    size_t sample, oy, x, count;
} output_run;

// Row of x that a tap of output row `oy` meets, or SIZE_MAX outside.
static size_t row_of(const adaptive_job *j, size_t oy, size_t tap) {
    const ptn_conv2d_shape *s = &j->shape->conv;
    // In the padding above the map this wraps around to a large number.
    const size_t place = oy * s->stride_h + tap * s->dilation_h - s->pad_top;
    return place < s->h ? place / j->shape->up_h : SIZE_MAX;
}

// Fills the table's entries for tap (i, k) of a run's outputs: zeros outside x, and scaled rows.
static void fill_tap(const adaptive_job *j, const output_run *run, size_t i, size_t k,
                     const float **entries, float *scaled) {
    const ptn_conv2d_shape *s = &j->shape->conv;
    const size_t up = j->shape->up_w, iy = row_of(j, run->oy, i);
    // The first output's column, and the step to the next one's, in the convolved map.
    const ptrdiff_t at = (ptrdiff_t)(run->x * s->stride_w + k * s->dilation_w - s->pad_left);
    const size_t step = s->stride_w * up;
    size_t begin = at < 0 ? ptn_div_up((size_t)-at, step) : 0;
    size_t end = at < (ptrdiff_t)s->w ? ptn_div_up((size_t)((ptrdiff_t)s->w - at), step) : 0;
    if (iy == SIZE_MAX) end = 0;
    begin = ptn_min(begin, run->count);
    end = ptn_max(begin, ptn_min(end, run->count));
    for (size_t m = 0; m < begin; m++) entries[m] = j->zeros;
    for (size_t m = end; m < run->count; m++) entries[m] = j->zeros;
    if (begin == end) return;
    for (size_t m = begin; m < end; m++) entries[m] = scaled + m * j->row_floats;
    const size_t taps = s->kh * s->kw, ix = (size_t)(at + (ptrdiff_t)(begin * step)) / up;
    const size_t row = run->sample * j->plan->out_h + run->oy;
    const float *factors =
        j->kernels + (row * j->plan->out_w + run->x + begin * up) * taps + i * s->kw + k;
    const float *x = j->x + ((run->sample * j->plan->x_h + iy) * j->plan->x_w + ix) * s->c;
    j->scale(end - begin, s->c, factors, up * taps, x, step / up * s->c,
             scaled + begin * j->row_floats, j->row_floats);
}

// The range of a phase's rows of taps that meet x in output row `oy`.
static void tap_rows(const adaptive_job *j, const phase *p, size_t oy, size_t *begin, size_t *end) {
    *begin = p->rows.count;
    *end = 0;
    for (size_t a = 0; a < p->rows.count; a++) {
        if (row_of(j, oy, p->rows.first + a * p->rows.step) == SIZE_MAX) continue;
        *begin = ptn_min(*begin, a);
        *end = a + 1;
    }
    *begin = ptn_min(*begin, *end);
}

static void fill_chunk(const adaptive_job *j, const phase *p, size_t index, size_t first,
                       ptn_chunk *ch, float *scaled) {
    const size_t step = ptn_chunk_step(ch->outputs), up_h = j->shape->up_h, up_w = j->shape->up_w;
    const size_t tap_floats = ch->outputs * j->row_floats, columns = p->columns.count;
    const bool has_taps = p->rows.count * columns > 0;
    for (size_t m = 0, end; m < ch->outputs; m = end) {
        const size_t row = (first + m) / p->out_w, column = (first + m) % p->out_w;
        end = ptn_min(ch->outputs, m + p->out_w - column);
        const output_run run = {.sample = ch->sample,
                                .oy = row * up_h + index / up_w,
                                .x = column * up_w + index % up_w,
                                .count = end - m};
        size_t tap_begin = 0, tap_end = 1;
        if (has_taps) tap_rows(j, p, run.oy, &tap_begin, &tap_end);
        ptn_chunk_append(ch, end, tap_begin * ptn_max(1, columns), tap_end * ptn_max(1, columns));
        for (size_t o = 0; o < run.count; o++) {
            const size_t at = (ch->sample * j->plan->out_h + run.oy) * j->plan->out_w + run.x;
            ch->places[m + o] = j->y + (at + o * up_w) * j->chunk.out_channels;
            ch->table[m + o] = j->zeros;
        }
        for (size_t t = 0; has_taps && t < p->taps; t++)
            fill_tap(j, &run, p->rows.first + t / columns * p->rows.step,
                     p->columns.first + t % columns * p->columns.step, ch->table + t * step + m,
                     scaled + t * tap_floats + m * j->row_floats);
    }
}

static void run_task(void *context, size_t index, int thread) {
    const adaptive_job *j = context;
    const size_t task = index % j->tasks;
    size_t i = j->phase_count - 1;
    while (j->phases[i].first_task > task) i--;
    const phase *p = &j->phases[i];
    const size_t height = ptn_tile_height(j->chunk.isa, j->chunk.panels.vectors);
    const size_t outputs = p->out_h * p->out_w, tiles = ptn_div_up(outputs, height);
    const size_t at = task - p->first_task;
    const size_t first = ptn_part_begin(outputs, tiles, ptn_part_begin(tiles, p->chunks, at));
    const size_t end = ptn_part_begin(outputs, tiles, ptn_part_begin(tiles, p->chunks, at + 1));
    ptn_chunk_job job = j->chunk;
    job.taps = p->taps;
    job.packed = j->packed + p->packed;
    job.zeros = j->zeros;
    ptn_chunk ch = {
        .sample = index / j->tasks, .outputs = end - first, .panel_end = job.panels.count};
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ptn_chunk_place(&ch, p->taps, scratch);
    fill_chunk(j, p, i, first, &ch, (float *)(scratch + j->chunk_bytes));
    ptn_chunk_run(&job, &ch);
}

// Fills the phases and the sizes that follow from them.
static void cut(adaptive_job *j, phase *phases) {
    const ptn_adaptive_conv2d_shape *shape = j->shape;
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t height = ptn_tile_height(j->chunk.isa, j->chunk.panels.vectors);
    const size_t wanted = j->plan->threads > 1 ? TASKS_PER_THREAD * (size_t)j->plan->threads : 1;
    const size_t each = ptn_div_up(s->n * j->plan->out_h * j->plan->out_w, wanted);
    size_t packed = 0, scaled = 0;
    j->phase_count = shape->up_h * shape->up_w;
    for (size_t i = 0; i < j->phase_count; i++) {
        const size_t y = i / shape->up_w, x = i % shape->up_w;
        phase p = phase_for(shape, y, x);
        p.out_h = (j->plan->out_h + shape->up_h - 1 - y) / shape->up_h;
        p.out_w = (j->plan->out_w + shape->up_w - 1 - x) / shape->up_w;
        p.packed = packed;
        packed += p.taps * s->c * j->chunk.panels.padded;
        p.chunk_outputs = chunk_outputs_for(j->chunk.isa, s, p.taps);
        const size_t tiles = ptn_div_up(p.out_h * p.out_w, height);
        const size_t most =
            ptn_max(1, ptn_min(p.chunk_outputs, ptn_max(each, LEAST_ROWS)) / height);
        p.chunks = ptn_div_up(tiles, most);
        p.first_task = j->tasks;
        j->tasks += p.chunks;
        j->chunk_bytes = ptn_max(j->chunk_bytes, ptn_chunk_bytes(j->chunk.isa, p.taps));
        scaled = ptn_max(scaled, scaled_bytes_for(j->chunk.isa, s, p.taps));
        phases[i] = p;
    }
    j->phases = phases;
    j->thread_bytes = j->chunk_bytes + scaled;
}

ptn_status ptn_adaptive_conv2d(const ptn_runtime *runtime, const ptn_adaptive_conv2d_shape *shape,
                               const float *x, const float *kernels, const float *packed,
                               const ptn_conv2d_epilogue *epilogue, float *y) {
    ptn_adaptive_conv2d_plan plan;
    if (!ptn_conv2d_epilogue_valid(epilogue, y)) return PTN_BAD_ARGUMENT;
    const ptn_status status = ptn_adaptive_conv2d_plan_for(runtime, shape, &plan);
    const ptn_conv2d_shape *s = &shape->conv;
    if (status != PTN_OK || s->n == 0) return status;
    char *scratch = ptn_scratch_acquire(plan.scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    memset(scratch, 0, zeros_bytes(s));
    adaptive_job j = {.chunk = {.isa = runtime->isa,
                                .panels = ptn_panels_for(runtime->isa, s->k),
                                .groups = 1,
                                .channels = s->c,
                                .out_channels = s->k,
                                .epilogue = ptn_epilogue_for(epilogue, runtime->isa, s->k, y)},
                      .shape = shape,
                      .plan = &plan,
                      .x = x,
                      .kernels = kernels,
                      .packed = packed,
                      .zeros = (const float *)scratch,
                      .y = y,
                      .row_floats = row_floats_for(s),
                      .scale = scale_rows[runtime->isa]};
    phase *phases = (phase *)(scratch + zeros_bytes(s));
    cut(&j, phases);
    j.thread_scratch = (char *)phases + ptn_round_64(j.phase_count * sizeof(phase));
    ptn_parallel(plan.threads, s->n * j.tasks, run_task, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
