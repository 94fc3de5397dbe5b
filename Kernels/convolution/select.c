// Driver of the convolution of chosen channels: buckets of samples with equally long lists are
// copied side by side and convolved, or panels without a chosen channel are left out.
#include "algorithms.h"
#include "channel_pick.h"
#include "epilogue.h"
#include "panels.h"
#include "ptn_conv2d_select.h"
#include <string.h>

// Scratch of one bucket; a larger one is computed in parts.
static const size_t BUCKET_BYTES = 64 << 20;

// What all samples share. Lists are NULL where all channels are chosen.
typedef struct select_job {
    const ptn_runtime *runtime;
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_functions *functions;
    const ptn_channel_sets *inputs, *outputs;
    const float *x, *packed;
    const ptn_conv2d_epilogue *epilogue;
    float *y;
    ptn_conv2d_guard *guard;
    size_t in_pixels, out_pixels;
} select_job;

static bool has_list(const ptn_channel_sets *c) { return c && c->offsets; }

static size_t count_of(const ptn_channel_sets *c, size_t sample, size_t channels) {
    return has_list(c) ? c->offsets[sample + 1] - c->offsets[sample] : channels;
}

static const int32_t *list_of(const ptn_channel_sets *c, size_t sample) {
    return has_list(c) ? c->list + c->offsets[sample] : NULL;
}

static bool choice_valid(const ptn_channel_sets *c, size_t samples, size_t channels) {
    if (!has_list(c)) return true;
    if (c->offsets[0] != 0) return false;
    for (size_t s = 0; s < samples; s++) {
        if (c->offsets[s + 1] < c->offsets[s] || c->offsets[s + 1] - c->offsets[s] > channels)
            return false;
        for (size_t i = c->offsets[s]; i < c->offsets[s + 1]; i++)
            if (c->list[i] < 0 || (size_t)c->list[i] >= channels ||
                (i > c->offsets[s] && c->list[i] <= c->list[i - 1]))
                return false;
    }
    return true;
}

// How one sample's chosen channels are copied; the picks follow in memory.
typedef struct sample_picks {
    ptn_pick *read, *kept, *spread; // input pixels; output pixels; back to output pixels
    size_t reads, keeps, spreads;
} sample_picks;

// Samples whose lists are equally long when rounded up.
typedef struct bucket {
    const select_job *job;
    ptn_conv2d_shape shape;
    ptn_conv2d_plan plan;
    const size_t *samples; // [shape.n]
    // NULL: without a list the maps are read and written where they are.
    float *x, *y, *packed, *residual, *factor;
    float *bias, *gate; // NULL: none
    sample_picks *picks;
} bucket;

enum { BANDS = 4 };

static bool is_depthwise(const select_job *j) { return ptn_conv2d_is_depthwise(j->shape); }

// The channels that a bucket's input map has: of a depthwise convolution, those of the outputs.
static const ptn_channel_sets *input_choice(const select_job *j) {
    return is_depthwise(j) ? j->outputs : j->inputs;
}

static size_t vectors_of(const select_job *j, size_t channels) {
    return ptn_div_up(channels, ptn_isa_vector_floats(j->runtime->isa));
}

// Floats of a sample's picks: one per vector of inputs, two per vector of outputs.
static size_t picks_floats(const select_job *j) {
    const size_t count = vectors_of(j, j->shape->c) + 2 * vectors_of(j, j->shape->k);
    return ptn_div_up(sizeof(sample_picks) + count * sizeof(ptn_pick), 64) * 16;
}

static sample_picks *picks_at(const bucket *b, size_t index) {
    return (sample_picks *)((float *)b->picks + index * picks_floats(b->job));
}

static void find_picks(const bucket *b, size_t index) {
    const select_job *j = b->job;
    const size_t s = b->samples[index], c = j->shape->c, k = j->shape->k;
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    const ptn_channel_sets *in = input_choice(j), *out = j->outputs;
    sample_picks *p = picks_at(b, index);
    *p = (sample_picks){.read = (ptn_pick *)(p + 1)};
    p->kept = p->read + vectors_of(j, c);
    p->spread = p->kept + vectors_of(j, k);
    if (has_list(in)) p->reads = ptn_picks_for(list_of(in, s), count_of(in, s, c), c, vector, p->read);
    if (!has_list(out)) return;
    p->keeps = ptn_picks_for(list_of(out, s), count_of(out, s, k), k, vector, p->kept);
    p->spreads = ptn_spread_picks_for(list_of(out, s), count_of(out, s, k), k, vector, p->spread);
}

static void pack_sample(void *context, size_t index, int thread) {
    (void)thread;
    const bucket *b = context;
    find_picks(b, index);
    const select_job *j = b->job;
    const size_t s = b->samples[index], k = j->shape->k, kp = b->shape.k;
    const ptn_channel_sets *in = input_choice(j);
    const ptn_channel_lists lists = {.inputs = list_of(in, s),
                                     .outputs = list_of(j->outputs, s),
                                     .input_count = count_of(in, s, j->shape->c),
                                     .output_count = count_of(j->outputs, s, k)};
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
    const select_job *j = b->job;
    const size_t s = b->samples[index], k = j->shape->k, kp = b->shape.k;
    const size_t listed = count_of(j->outputs, s, k);
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
    const select_job *j = b->job;
    const size_t sample = index / BANDS, band = index % BANDS, s = b->samples[sample];
    const size_t c = j->shape->c, cp = b->shape.c;
    if (b->x) {
        const ptn_channel_sets *in = input_choice(j);
        const size_t begin = ptn_part_begin(j->in_pixels, BANDS, band);
        const size_t count = ptn_part_begin(j->in_pixels, BANDS, band + 1) - begin;
        float *to = b->x + (sample * j->in_pixels + begin) * cp;
        const sample_picks *p = picks_at(b, sample);
        ptn_pick_rows(j->runtime->isa, p->read, p->reads, NULL, s * j->in_pixels + begin, count,
                      j->x, count_of(in, s, c), cp, to);
        if (is_depthwise(j) && has_list(j->inputs))
            clear_unchosen(list_of(in, s), count_of(in, s, c), list_of(j->inputs, s),
                           count_of(j->inputs, s, c), cp, count, to);
    }
    const size_t begin = ptn_part_begin(j->out_pixels, BANDS, band);
    const size_t count = ptn_part_begin(j->out_pixels, BANDS, band + 1) - begin;
    if (b->residual) gather_outputs(b, j->epilogue->residual, sample, begin, count, b->residual);
    if (b->factor) gather_outputs(b, j->epilogue->factor, sample, begin, count, b->factor);
}

static void scatter_band(void *context, size_t index, int thread) {
    (void)thread;
    const bucket *b = context;
    const select_job *j = b->job;
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
    const select_job *j = b->job;
    ptn_conv2d_epilogue epilogue = *j->epilogue;
    epilogue.bias = b->bias;
    epilogue.bias_stride = b->bias ? b->shape.k : 0;
    epilogue.gate = b->gate;
    if (b->residual) epilogue.residual = b->residual;
    if (b->factor) epilogue.factor = b->factor;
    ptn_conv2d_guard guard = {.left_out = left_out};
    const float *x = b->x ? b->x : j->x;
    const ptn_conv2d_call call = {.runtime = j->runtime,
                                  .shape = &b->shape,
                                  .plan = &b->plan,
                                  .input = {.maps = &x, .count = 1},
                                  .places = {.inputs = b->x ? NULL : b->samples,
                                             .outputs = b->y ? NULL : b->samples},
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

static bool floats_for(const select_job *j, const bucket *b, sample_floats *f) {
    const size_t c = b->shape.c, k = b->shape.k;
    const ptn_conv2d_epilogue *e = j->epilogue;
    const size_t map = has_list(j->outputs) ? j->out_pixels * k : 0;
    *f = (sample_floats){.packed = b->plan.packed_floats,
                         .x = has_list(input_choice(j)) ? j->in_pixels * c : 0,
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
    const select_job *j = b->job;
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

// Number of channels with which a list of `count` of `channels` is computed: whole vectors.
static size_t rounded(const select_job *j, const ptn_channel_sets *c, size_t sample,
                      size_t channels) {
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    const size_t count = count_of(c, sample, channels);
    return ptn_min(channels, ptn_div_up(count, vector) * vector);
}

static ptn_status shape_of_bucket(const select_job *j, size_t sample, bucket *b) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t vector = ptn_isa_vector_floats(j->runtime->isa);
    b->job = j;
    b->shape = *s;
    b->shape.k = rounded(j, j->outputs, sample, s->k);
    b->shape.c = ptn_max(rounded(j, j->inputs, sample, s->c), ptn_min(vector, s->c));
    if (is_depthwise(j)) b->shape.c = b->shape.groups = b->shape.k;
    b->plan = *j->plan;
    return b->shape.k == 0 || j->functions->floats(j->runtime->isa, &b->shape, b->plan.algorithm,
                                                   &b->plan.packed_floats)
               ? PTN_OK
               : PTN_SIZE_OVERFLOW;
}

// Clears the results of samples of which no output is chosen.
static void clear_samples(const select_job *j, const size_t *samples, size_t count) {
    const size_t floats = j->out_pixels * j->shape->k;
    for (size_t i = 0; i < count; i++)
        memset(j->y + samples[i] * floats, 0, floats * sizeof *j->y);
}

// Computes samples with lists as long as those of the first, in parts that fit the scratch.
static ptn_status run_samples(const select_job *j, const size_t *samples, size_t count) {
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
        b.plan.multiply_adds =
            ptn_conv2d_multiply_adds(&b.shape, b.plan.out_h, b.plan.out_w);
        b.plan.threads = ptn_threads_worth(j->runtime->threads,
                                           j->functions->nanoseconds(isa, &b.shape, &b.plan));
        b.plan.scratch_bytes = j->functions->scratch(isa, &b.shape, &b.plan);
        status = run_bucket(&b, &f);
    }
    return status;
}

static bool same_lengths(const select_job *j, size_t a, size_t b) {
    return rounded(j, j->inputs, a, j->shape->c) == rounded(j, j->inputs, b, j->shape->c) &&
           rounded(j, j->outputs, a, j->shape->k) == rounded(j, j->outputs, b, j->shape->k);
}

static ptn_status run_compact(const select_job *j) {
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

// Inputs of which only the chosen channels are not zero.
static void clear_inputs(void *context, size_t s, int thread) {
    (void)thread;
    const select_job *const *both = context;
    const select_job *from = both[0], *to = both[1];
    const size_t c = from->shape->c, pixels = from->in_pixels;
    const size_t count = count_of(from->inputs, s, c);
    const int32_t *list = list_of(from->inputs, s);
    const float *x = from->x + s * pixels * c;
    float *copy = (float *)to->x + s * pixels * c;
    for (size_t p = 0; p < pixels; p++, x += c, copy += c) {
        memset(copy, 0, c * sizeof *copy);
        for (size_t i = 0; i < count; i++) copy[list[i]] = x[list[i]];
    }
}

// Clears outputs that are not chosen.
static void clear_outputs(void *context, size_t s, int thread) {
    (void)thread;
    const select_job *j = context;
    const size_t k = j->shape->k, count = count_of(j->outputs, s, k);
    const int32_t *list = list_of(j->outputs, s);
    for (size_t p = 0; p < j->out_pixels; p++) {
        float *y = j->y + (s * j->out_pixels + p) * k;
        size_t at = 0;
        for (size_t i = 0; i <= count; i++) {
            const size_t next = i < count ? (size_t)list[i] : k;
            if (next > at) memset(y + at, 0, (next - at) * sizeof *y);
            at = next + 1;
        }
    }
}

// Marks the panels that hold a chosen output.
static void mark_panels(const select_job *j, const ptn_panels *panels, uint8_t *wanted) {
    for (size_t s = 0; s < j->shape->n; s++) {
        const size_t count = count_of(j->outputs, s, j->shape->k);
        const int32_t *list = list_of(j->outputs, s);
        for (size_t i = 0; i < count; i++)
            wanted[s * panels->count + ptn_channel_at(list, i) / panels->width] = 1;
    }
}

static ptn_status run_panels(const select_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_panels panels = ptn_panels_for(j->runtime->isa, s->k / s->groups);
    const size_t flags = ptn_round_64(s->n * panels.count);
    const size_t copy = has_list(j->inputs) ? s->n * j->in_pixels * s->c : 0;
    char *scratch = ptn_scratch_acquire(flags + copy * sizeof(float) + 64);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const bool listed = has_list(j->outputs) && s->groups == 1;
    memset(scratch, 0, flags);
    if (listed) mark_panels(j, &panels, (uint8_t *)scratch);
    select_job masked = *j;
    const int threads = j->plan->threads;
    if (copy) {
        const select_job *both[] = {j, &masked};
        masked.x = (float *)(scratch + flags);
        ptn_parallel(threads, s->n, clear_inputs, both);
    }
    const ptn_conv2d_call call = {.runtime = j->runtime,
                                  .shape = s,
                                  .plan = j->plan,
                                  .input = {.maps = &masked.x, .count = 1},
                                  .packed = j->packed,
                                  .packed_inputs = s->c / s->groups,
                                  .packed_outputs = s->k / s->groups,
                                  .layer_inputs = s->c,
                                  .wanted = listed ? (const uint8_t *)scratch : NULL,
                                  .epilogue = j->epilogue,
                                  .y = j->y,
                                  .guard = j->guard};
    const ptn_status status = j->functions->run(&call);
    if (status == PTN_OK && has_list(j->outputs))
        ptn_parallel(threads, s->n, clear_outputs, &masked);
    ptn_scratch_release(scratch);
    return status;
}

// Estimated cycles of both ways: multiply-adds, two vectors at a time, and floats that are copied.
// A copied weight is worth two floats, since it is read from another place than its neighbour.
static bool compact_pays(const select_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_isa isa = j->runtime->isa;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    const double lanes = 2 * (double)ptn_isa_vector_floats(isa);
    const double full = ptn_conv2d_multiply_adds(s, j->plan->out_h, j->plan->out_w) /
                        (double)s->n / lanes *
                        (ptn_conv2d_is_winograd(j->plan->algorithm) ? 0.4 : 1);
    double compact = 0, whole = 0;
    for (size_t n = 0; n < s->n; n++) {
        const double c = (double)rounded(j, j->inputs, n, s->c), k = (double)rounded(
            j, j->outputs, n, s->k);
        const double share = c / (double)s->c * (is_depthwise(j) ? 1 : k / (double)s->k);
        const double moved = (double)j->out_pixels * (double)(s->k + count_of(j->outputs, n, s->k));
        const double gathered = has_list(input_choice(j)) ? (double)j->in_pixels * c : 0;
        compact += full * share + 2 * share * (double)j->plan->packed_floats + gathered + moved / 2;
        size_t last = SIZE_MAX, marked = 0;
        const int32_t *list = list_of(j->outputs, n);
        for (size_t i = 0; list && i < count_of(j->outputs, n, s->k); i++)
            if ((size_t)list[i] / panels.width != last) {
                last = (size_t)list[i] / panels.width;
                marked++;
            }
        const bool skips = list && s->groups == 1;
        const double part = skips ? (double)marked / (double)panels.count : 1;
        whole += full * part + (has_list(j->inputs) ? (double)(j->in_pixels * s->c) : 0) +
                 (list ? (double)j->out_pixels * (double)s->k / 4 : 0);
    }
    return compact < whole;
}

static ptn_select_way way_for(const select_job *j, ptn_select_way way) {
    const bool slopes = j->epilogue->activation.kind == PTN_ACT_PRELU;
    const bool can = j->functions->select && j->plan->algorithm != PTN_CONV2D_NARROW && !slopes &&
                     (j->shape->groups == 1 || is_depthwise(j));
    // Without lists of outputs or inputs there is nothing to leave out.
    const bool listed = has_list(j->outputs) || has_list(input_choice(j));
    if (!can || !listed || way == PTN_SELECT_PANELS) return PTN_SELECT_PANELS;
    
    if (way == PTN_SELECT_COMPACT) return way;
    return compact_pays(j) ? PTN_SELECT_COMPACT : PTN_SELECT_PANELS;
}

ptn_status ptn_conv2d_select(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_channel_sets *inputs, const ptn_channel_sets *outputs,
                             ptn_select_way way, const float *x, const float *packed,
                             const ptn_conv2d_epilogue *epilogue, float *y, ptn_conv2d_guard *guard,
                             ptn_select_way *used) {
    if (guard) guard->tiles = guard->tiles_left_out = 0;
    if (!ptn_conv2d_epilogue_valid(epilogue, y) || epilogue->residual == y ||
        (unsigned)way > PTN_SELECT_PANELS)
        return PTN_BAD_ARGUMENT;
    ptn_conv2d_plan plan;
    const ptn_status status = ptn_conv2d_plan_for(runtime, shape, &plan);
    if (status != PTN_OK) return status;
    if (!choice_valid(inputs, shape->n, shape->c) || !choice_valid(outputs, shape->n, shape->k))
        return PTN_BAD_ARGUMENT;
    const select_job j = {.runtime = runtime,
                          .shape = shape,
                          .plan = &plan,
                          .functions = ptn_conv2d_functions_of(plan.algorithm),
                          .inputs = inputs,
                          .outputs = outputs,
                          .x = x,
                          .packed = packed,
                          .epilogue = epilogue,
                          .y = y,
                          .guard = guard,
                          .in_pixels = shape->h * shape->w,
                          .out_pixels = plan.out_h * plan.out_w};
    if (shape->n == 0) {
        if (used) *used = way == PTN_SELECT_COMPACT ? way : PTN_SELECT_PANELS;
        return PTN_OK;
    }
    const ptn_select_way chosen = way_for(&j, way);
    if (used) *used = chosen;
    if (chosen == PTN_SELECT_PANELS) return run_panels(&j);
    if (guard) memset(guard->left_out, 0, shape->n * j.out_pixels);
    return run_compact(&j);
}
