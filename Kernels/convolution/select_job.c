// Chosen channels copied side by side: buckets of samples with equally long lists are gathered and
// convolved, and the results spread.
#include "channel_pick.h"
#include "epilogue.h"
#include "select_job.h"
#include <string.h>

// Scratch of one bucket; a larger one is computed in parts.
static const size_t BUCKET_BYTES = 64 << 20;

// How one sample's chosen channels are copied; the picks follow in memory.
typedef struct sample_picks {
    ptn_pick *read, *kept, *spread; // input pixels; output pixels; back to output pixels
    size_t reads, keeps, spreads;
} sample_picks;

// Samples whose lists are equally long when ptn_list_rounded up.
typedef struct bucket {
    const ptn_select_job *job;
    ptn_conv2d_shape shape;
    ptn_conv2d_plan plan;
    const size_t *samples; // [shape.n]
    // NULL: without a list the maps are read and written where they are.
    float *x, *y, *packed, *residual, *factor;
    float *bias, *gate; // NULL: none
    sample_picks *picks;
} bucket;

enum { BANDS = 4 };

static size_t vectors_of(const ptn_select_job *j, size_t channels) {
    return ptn_div_up(channels, ptn_isa_vector_floats(j->runtime->isa));
}

// Floats of a sample's picks: one per vector of inputs, two per vector of outputs.
static size_t picks_floats(const ptn_select_job *j) {
    const size_t count = vectors_of(j, j->shape->c) + 2 * vectors_of(j, j->shape->k);
    return ptn_div_up(sizeof(sample_picks) + count * sizeof(ptn_pick), 64) * 16;
}

static sample_picks *picks_at(const bucket *b, size_t index) {
    return (sample_picks *)((float *)b->picks + index * picks_floats(b->job));
}

static void find_picks(const bucket *b, size_t index) {
    const ptn_select_job *j = b->job;
    const size_t s = b->samples[index], c = j->shape->c, k = j->shape->k;
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    const ptn_channel_sets *in = ptn_select_inputs(j), *out = j->outputs;
    sample_picks *p = picks_at(b, index);
    *p = (sample_picks){.read = (ptn_pick *)(p + 1)};
    p->kept = p->read + vectors_of(j, c);
    p->spread = p->kept + vectors_of(j, k);
    if (ptn_has_list(in))
        p->reads = ptn_picks_for(ptn_list_of(in, s), ptn_list_count(in, s, c), c, vector, p->read);
    if (!ptn_has_list(out)) return;
    p->keeps = ptn_picks_for(ptn_list_of(out, s), ptn_list_count(out, s, k), k, vector, p->kept);
    p->spreads =
        ptn_spread_picks_for(ptn_list_of(out, s), ptn_list_count(out, s, k), k, vector, p->spread);
}

static void pack_sample(void *context, size_t index, int thread) {
    (void)thread;
    const bucket *b = context;
    find_picks(b, index);
    const ptn_select_job *j = b->job;
    const size_t s = b->samples[index], k = j->shape->k, kp = b->shape.k;
    const ptn_channel_sets *in = ptn_select_inputs(j);
    const ptn_channel_lists lists = {.inputs = ptn_list_of(in, s),
                                     .outputs = ptn_list_of(j->outputs, s),
                                     .input_count = ptn_list_count(in, s, j->shape->c),
                                     .output_count = ptn_list_count(j->outputs, s, k)};
    j->functions->select(j->runtime->isa, j->shape, b->plan.algorithm, j->packed, &b->shape, &lists,
                         b->packed + index * b->plan.packed_floats);
    const ptn_conv2d_epilogue *e = j->epilogue;
    for (size_t i = 0; i < kp; i++) {
        const bool chosen = i < lists.output_count;
        const size_t c = chosen ? ptn_channel_at(lists.outputs, i) : 0;
        if (b->bias) b->bias[index * kp + i] = chosen ? e->bias[s * e->bias_stride + c] : 0;
        if (b->gate) b->gate[index * kp + i] = chosen ? e->gate[s * k + c] : 0;
    }
}

static void gather_outputs(const bucket *b, const float *map, size_t index, size_t begin,
                           size_t count, float *to) {
    const ptn_select_job *j = b->job;
    const size_t s = b->samples[index], k = j->shape->k, kp = b->shape.k;
    const size_t listed = ptn_list_count(j->outputs, s, k);
    const sample_picks *p = picks_at(b, index);
    ptn_pick_rows(j->runtime->isa, p->kept, p->keeps, NULL, s * j->out_pixels + begin, count, map,
                  listed, kp, to + (index * j->out_pixels + begin) * kp);
}

// Sets the channels of `count` compact depthwise pixels to zero whose input is not chosen.
static void clear_unchosen(const int32_t *outputs, size_t count_out, const int32_t *inputs,
                           size_t count_in, size_t padded, size_t count, float *x) {
    size_t at = 0;
    for (size_t i = 0; i < count_out; i++) {
        while (at < count_in && inputs[at] < outputs[i]) at++;
        if (at < count_in && inputs[at] == outputs[i]) continue;
        for (size_t p = 0; p < count; p++) x[p * padded + i] = 0;
    }
}

static void gather_band(void *context, size_t index, int thread) {
    (void)thread;
    const bucket *b = context;
    const ptn_select_job *j = b->job;
    const size_t sample = index / BANDS, band = index % BANDS, s = b->samples[sample];
    const size_t c = j->shape->c, cp = b->shape.c;
    if (b->x) {
        const ptn_channel_sets *in = ptn_select_inputs(j);
        const size_t begin = ptn_part_begin(j->in_pixels, BANDS, band);
        const size_t count = ptn_part_begin(j->in_pixels, BANDS, band + 1) - begin;
        float *to = b->x + (sample * j->in_pixels + begin) * cp;
        const sample_picks *p = picks_at(b, sample);
        ptn_pick_rows(j->runtime->isa, p->read, p->reads, NULL, s * j->in_pixels + begin, count,
                      j->x, ptn_list_count(in, s, c), cp, to);
        if (ptn_selects_depthwise(j) && ptn_has_list(j->inputs))
            clear_unchosen(ptn_list_of(in, s), ptn_list_count(in, s, c), ptn_list_of(j->inputs, s),
                           ptn_list_count(j->inputs, s, c), cp, count, to);
    }
    const size_t begin = ptn_part_begin(j->out_pixels, BANDS, band);
    const size_t count = ptn_part_begin(j->out_pixels, BANDS, band + 1) - begin;
    if (b->residual) gather_outputs(b, j->epilogue->residual, sample, begin, count, b->residual);
    if (b->factor) gather_outputs(b, j->epilogue->factor, sample, begin, count, b->factor);
}

static void scatter_band(void *context, size_t index, int thread) {
    (void)thread;
    const bucket *b = context;
    const ptn_select_job *j = b->job;
    const size_t sample = index / BANDS, band = index % BANDS, s = b->samples[sample];
    const size_t begin = ptn_part_begin(j->out_pixels, BANDS, band);
    const size_t count = ptn_part_begin(j->out_pixels, BANDS, band + 1) - begin;
    const size_t k = j->shape->k, kp = b->shape.k;
    const float *from = b->y + (sample * j->out_pixels + begin) * kp;
    const sample_picks *p = picks_at(b, sample);
    ptn_spread_rows(j->runtime->isa, p->spread, p->spreads, count, from, kp,
                    j->y + (s * j->out_pixels + begin) * k);
}

// Copies what a guard left out of a bucket to the caller's guard.
static void report(const bucket *b, const ptn_conv2d_guard *found) {
    ptn_conv2d_guard *guard = b->job->guard;
    const size_t pixels = b->job->out_pixels;
    guard->tiles += found->tiles;
    guard->tiles_left_out += found->tiles_left_out;
    if (found->tiles_left_out == 0) return;
    for (size_t i = 0; i < b->shape.n; i++)
        memcpy(guard->left_out + b->samples[i] * pixels, found->left_out + i * pixels, pixels);
}

static ptn_status convolve(const bucket *b, uint8_t *left_out) {
    const ptn_select_job *j = b->job;
    ptn_conv2d_epilogue epilogue = *j->epilogue;
    epilogue.bias = b->bias;
    epilogue.bias_stride = b->bias ? b->shape.k : 0;
    epilogue.gate = b->gate;
    if (b->residual) epilogue.residual = b->residual;
    if (b->factor) epilogue.factor = b->factor;
    ptn_conv2d_guard guard = {.left_out = left_out};
    const float *x = b->x ? b->x : j->x;
    const ptn_conv2d_call call = {
        .runtime = j->runtime,
        .shape = &b->shape,
        .plan = &b->plan,
        .input = {.maps = &x, .count = 1},
        .places = {.inputs = b->x ? NULL : b->samples, .outputs = b->y ? NULL : b->samples},
        .packed = b->packed,
        .packed_stride = b->plan.packed_floats,
        .packed_inputs = b->shape.c / b->shape.groups,
        .packed_outputs = b->shape.k / b->shape.groups,
        .layer_inputs = j->shape->c,
        .epilogue = &epilogue,
        .y = b->y ? b->y : j->y,
        .guard = j->guard ? &guard : NULL};
    const ptn_status status = j->functions->run(&call);
    if (status == PTN_OK && j->guard) report(b, &guard);
    return status;
}

// Floats of scratch that a sample of a bucket needs, in the order in which they are laid out.
typedef struct sample_floats {
    size_t packed, x, y, bias, gate, residual, factor, picks, all;
} sample_floats;

static bool floats_for(const ptn_select_job *j, const bucket *b, sample_floats *f) {
    const size_t c = b->shape.c, k = b->shape.k;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t map = ptn_has_list(j->outputs) ? j->out_pixels * k : 0;
    *f = (sample_floats){.packed = b->plan.packed_floats,
                         .x = ptn_has_list(ptn_select_inputs(j)) ? j->in_pixels * c : 0,
                         .y = map,
                         .bias = e->bias ? k : 0,
                         .gate = e->gate ? k : 0,
                         .residual = e->residual ? map : 0,
                         .factor = e->factor ? map : 0,
                         .picks = picks_floats(j)};
    const size_t parts[] = {f->packed, f->x,        f->y,      f->bias,
                            f->gate,   f->residual, f->factor, f->picks};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!ptn_add(f->all, (parts[i] + 15) & ~(size_t)15, &f->all)) return false;
    return true;
}

// The next `each` floats for each sample of the bucket; NULL for none.
static float *take(float **at, size_t each, size_t samples) {
    if (each == 0) return NULL;
    float *taken = *at;
    *at += ((each + 15) & ~(size_t)15) * samples;
    return taken;
}

static ptn_status run_bucket(bucket *b, const sample_floats *f) {
    const ptn_select_job *j = b->job;
    const size_t n = b->shape.n, guarded = j->guard ? n * j->out_pixels : 0;
    size_t bytes;
    if (!ptn_mul(f->all, n * sizeof(float), &bytes) || !ptn_add(bytes, guarded, &bytes))
        return PTN_SIZE_OVERFLOW;
    float *scratch = ptn_scratch_acquire(bytes), *at = scratch;
    if (!scratch) return PTN_OUT_OF_MEMORY;
    b->packed = take(&at, f->packed, n);
    b->x = take(&at, f->x, n);
    b->y = take(&at, f->y, n);
    b->bias = take(&at, f->bias, n);
    b->gate = take(&at, f->gate, n);
    b->residual = take(&at, f->residual, n);
    b->factor = take(&at, f->factor, n);
    b->picks = (sample_picks *)take(&at, f->picks, n);
    const int threads = b->plan.threads;
    ptn_parallel(threads, n, pack_sample, b);
    if (b->x || b->residual || b->factor) ptn_parallel(threads, n * BANDS, gather_band, b);
    const ptn_status status = convolve(b, (uint8_t *)at);
    if (status == PTN_OK && b->y) ptn_parallel(threads, n * BANDS, scatter_band, b);
    ptn_scratch_release(scratch);
    return status;
}

static ptn_status shape_of_bucket(const ptn_select_job *j, size_t sample, bucket *b) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    b->job = j;
    b->shape = *s;
    b->shape.k = ptn_list_rounded(j, j->outputs, sample, s->k);
    b->shape.c = ptn_max(ptn_list_rounded(j, j->inputs, sample, s->c), ptn_min(vector, s->c));
    if (ptn_selects_depthwise(j)) b->shape.c = b->shape.groups = b->shape.k;
    b->plan = *j->plan;
    return b->shape.k == 0 || j->functions->floats(j->runtime->isa, &b->shape, b->plan.algorithm,
                                                   &b->plan.packed_floats)
               ? PTN_OK
               : PTN_SIZE_OVERFLOW;
}

// Clears the results of samples of which no output is chosen.
static void clear_samples(const ptn_select_job *j, const size_t *samples, size_t count) {
    const size_t floats = j->out_pixels * j->shape->k;
    for (size_t i = 0; i < count; i++) memset(j->y + samples[i] * floats, 0, floats * sizeof *j->y);
}

// Computes samples with lists as long as those of the first, in parts that fit the scratch.
static ptn_status run_samples(const ptn_select_job *j, const size_t *samples, size_t count) {
    bucket b;
    ptn_status status = shape_of_bucket(j, samples[0], &b);
    if (status != PTN_OK) return status;
    if (b.shape.k == 0) {
        clear_samples(j, samples, count);
        return PTN_OK;
    }
    sample_floats f;
    if (!floats_for(j, &b, &f)) return PTN_SIZE_OVERFLOW;
    const size_t most = ptn_max(1, BUCKET_BYTES / sizeof(float) / ptn_max(1, f.all));
    const size_t parts = ptn_div_up(count, most);
    const ptn_isa isa = j->runtime->isa;
    for (size_t part = 0; part < parts && status == PTN_OK; part++) {
        const size_t first = ptn_part_begin(count, parts, part);
        b.samples = samples + first;
        b.shape.n = ptn_part_begin(count, parts, part + 1) - first;
        b.plan.multiply_adds = ptn_conv2d_multiply_adds(&b.shape, b.plan.out_h, b.plan.out_w);
        b.plan.threads = ptn_threads_worth(j->runtime->threads,
                                           j->functions->nanoseconds(isa, &b.shape, &b.plan));
        b.plan.scratch_bytes = j->functions->scratch(isa, &b.shape, &b.plan);
        status = run_bucket(&b, &f);
    }
    return status;
}

static bool same_lengths(const ptn_select_job *j, size_t a, size_t b) {
    const size_t c = j->shape->c, k = j->shape->k;
    return ptn_list_rounded(j, j->inputs, a, c) == ptn_list_rounded(j, j->inputs, b, c) &&
           ptn_list_rounded(j, j->outputs, a, k) == ptn_list_rounded(j, j->outputs, b, k);
}

ptn_status ptn_select_compact(const ptn_select_job *j) {
    const size_t n = j->shape->n;
    size_t *samples = ptn_scratch_acquire(n * sizeof *samples + n);
    if (!samples) return PTN_OUT_OF_MEMORY;
    uint8_t *done = (uint8_t *)(samples + n);
    memset(done, 0, n);
    ptn_status status = PTN_OK;
    for (size_t s = 0; s < n && status == PTN_OK; s++) {
        if (done[s]) continue;
        size_t count = 0;
        for (size_t i = s; i < n; i++)
            if (!done[i] && same_lengths(j, s, i)) {
                samples[count++] = i;
                done[i] = 1;
            }
        status = run_samples(j, samples, count);
    }
    ptn_scratch_release(samples);
    return status;
}
