// Driver of the masked convolution: the direct convolution's tiles on a list of pixels.
//
// The list is cut into chunks. A chunk's table of input addresses is made in scratch and used for
// all panels, as in the direct convolution; sums run over taps and channels in the same order.
// Unless samples have their own weights, biases or gates, the lists of all samples are joined, so
// that few active pixels per sample still fill whole tiles.
#include "../convolution/chunk.h"
#include "../convolution/cost.h"
#include "../core/fetch.h"
#include "inactive.h"
#include "masked_depthwise.h"
#include "masked_winograd.h"
#include "taps.h"
#include <string.h>

// Target number of tasks per thread; fewest pixels per chunk: LEAST_ROWS if the weights fit the
// second-level cache, LEAST_LARGE_ROWS otherwise, since each chunk then reads them from memory.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 12, LEAST_LARGE_ROWS = 32 };
// Fewest channels for which it pays to prefetch a pixel before its tile runs.
enum { LEAST_AHEAD = 32 };
// Output maps larger than this do not stay in the second-level cache together with inputs and
// weights.
static const size_t FAR_BYTES = 384 << 10;
// Weights larger than this would take much of each thread's second-level cache, so threads take
// different parts of the panels. The smaller bound is for pointwise convolutions, where making the
// table twice costs little.
static const size_t SHARED_BYTES = 512 << 10, POINTWISE_BYTES = 192 << 10;

typedef struct masked_job {
    ptn_chunk_job chunk;
    const ptn_conv2d_shape *shape;
    const ptn_masked_conv2d_mask *mask;
    ptn_mask_view outputs;
    const float *x;
    float *y;
    const int32_t *output_index; // inverse map of `output_order`, or NULL
    size_t pixels, y_step;       // pixels of one sample's output map; floats from one to the next
    ptn_taps taps;
    bool pointwise; // 1x1, stride 1, no padding
    // Number of lists of active pixels, chunks per list, parts of the panels.
    size_t lists, chunks, panel_parts, chunk_outputs, tile_height, compute_tasks;
    ptn_inactive_job inactive;
    char *thread_scratch;
    size_t thread_bytes;
} masked_job;

static size_t zeros_bytes(const ptn_conv2d_shape *s) { return ptn_round_64(s->c * sizeof(float)); }

static size_t shared_scratch_bytes(const ptn_conv2d_shape *s) {
    return zeros_bytes(s) + ptn_round_64(s->kh * s->kw * sizeof(ptrdiff_t));
}

// Fills the table of a pointwise convolution of several maps: each map is a tap.
static void fill_maps(const masked_job *j, size_t sample, const int32_t *pixels, size_t count,
                      size_t step, const float **table) {
    const size_t channels = j->chunk.channels;
    for (size_t i = 0; i < j->mask->maps_count; i++) {
        const float *image = j->mask->maps[i] + sample * j->pixels * channels;
        for (size_t m = 0; m < count; m++)
            table[i * step + m] = image + (size_t)pixels[m] * channels;
    }
}

// Fills the table and output addresses for `count` pixels of one sample, from entry `first` of the
// list on.
static void fill_sample(const masked_job *j, size_t sample, size_t first, size_t count, size_t step,
                        const float **table, float **places) {
    const ptn_conv2d_shape *s = j->shape;
    const int32_t *pixels = j->outputs.pixels + first;
    if (j->output_index)
        for (size_t m = 0; m < count; m++) {
            const int32_t row = j->output_index[sample * j->pixels + (size_t)pixels[m]];
            places[m] = j->y + (size_t)row * s->k;
        }
    else if (j->mask->output == PTN_MASKED_COMPACT)
        for (size_t m = 0; m < count; m++) places[m] = j->y + (first + m) * s->k;
    else
        for (size_t m = 0; m < count; m++)
            places[m] = j->y + (sample * j->pixels + (size_t)pixels[m]) * j->y_step;
    if (j->mask->input == PTN_MASKED_MAPS)
        fill_maps(j, sample, pixels, count, step, table);
    else if (!j->pointwise || (j->taps.index && j->mask->inputs != j->mask->outputs))
        ptn_taps_fill(&j->taps, sample, pixels, count, step, table);
    else if (j->mask->input == PTN_MASKED_COMPACT)
        for (size_t m = 0; m < count; m++) table[m] = j->x + (first + m) * s->c;
    else
        for (size_t m = 0; m < count; m++)
            table[m] = j->x + (sample * j->pixels + (size_t)pixels[m]) * s->c;
}

// Appends segments for outputs of one sample; the taps of a pointwise convolution are maps.
static void append_segments(const masked_job *j, const int32_t *pixels, size_t count,
                            ptn_chunk *ch) {
    if (!j->pointwise) {
        ptn_taps_append_segments(&j->taps, pixels, count, ch);
        return;
    }
    const size_t segments = ch->segment_count;
    const size_t before = segments > 0 ? ch->segments[segments - 1].end : 0;
    ptn_chunk_append(ch, before + count, 0, j->chunk.taps);
}

static void fill_chunk(const masked_job *j, size_t first, ptn_chunk *ch) {
    const size_t *offsets = j->outputs.offsets, end = first + ch->outputs;
    const size_t step = ptn_chunk_step(ch->outputs);
    size_t sample = ch->sample;
    for (size_t at = first; at < end;) {
        while (offsets[sample + 1] <= at) sample++;
        const size_t count = ptn_min(end, offsets[sample + 1]) - at;
        fill_sample(j, sample, at, count, step, ch->table + (at - first),
                    ch->places + (at - first));
        append_segments(j, j->outputs.pixels + at, count, ch);
        at += count;
    }
}

// Start of a chunk of a list of `rows` pixels: at the start of a tile, so that smaller chunks do
// not make more tiles.
static size_t chunk_begin(const masked_job *j, size_t rows, size_t index) {
    const size_t tiles = ptn_div_up(rows, j->tile_height);
    if (tiles == 0) return 0;
    return ptn_part_begin(rows, tiles, ptn_part_begin(tiles, j->chunks, index));
}

static void run_task(void *context, size_t index, int thread) {
    const masked_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    if (index >= j->compute_tasks) {
        ptn_inactive_run(&j->inactive, index - j->compute_tasks);
        return;
    }
    const size_t at = index % j->chunks, rest = index / j->chunks;
    const size_t part = rest % j->panel_parts, list = rest / j->panel_parts;
    const size_t begin = j->outputs.offsets[list];
    const size_t end = j->outputs.offsets[j->lists == 1 ? j->outputs.n : list + 1];
    ptn_chunk ch = {.sample = list};
    const size_t first = begin + chunk_begin(j, end - begin, at);
    ch.outputs = begin + chunk_begin(j, end - begin, at + 1) - first;
    if (ch.outputs == 0) return;
    const size_t all_panels = s->groups * j->chunk.panels.count;
    ch.panel_begin = ptn_part_begin(all_panels, j->panel_parts, part);
    ch.panel_end = ptn_part_begin(all_panels, j->panel_parts, part + 1);
    ptn_chunk_place(&ch, j->chunk.taps, j->thread_scratch + (size_t)thread * j->thread_bytes);
    fill_chunk(j, first, &ch);
    ptn_chunk_run(&j->chunk, &ch);
}

// Cuts the work into nearly equal tasks: by pixels first if the weights stay in the second-level
// cache, by panels first otherwise. Results do not depend on the cut.
static void cut(masked_job *j, int threads) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_panels *panels = &j->chunk.panels;
    const size_t all_panels = s->groups * panels->count;
    size_t longest = j->outputs.count;
    if (j->lists != 1) {
        longest = 0;
        for (size_t n = 0; n < j->outputs.n; n++)
            longest = ptn_max(longest, j->outputs.offsets[n + 1] - j->outputs.offsets[n]);
    }
    const size_t tiles = ptn_div_up(longest, j->tile_height);
    j->chunks = ptn_max(1, ptn_div_up(tiles, j->chunk_outputs / j->tile_height));
    j->panel_parts = 1;
    if (threads > 1) {
        const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
        const size_t floats = s->kh * s->kw * (s->c / s->groups) * panels->padded * s->groups;
        const size_t bytes = floats * sizeof(float);
        const bool large = bytes > 2 * PTN_CHUNK_BLOCK_BYTES;
        const bool equal = all_panels % (size_t)threads == 0;
        const bool shared = bytes > (j->pointwise && equal ? POINTWISE_BYTES : SHARED_BYTES);
        if (shared) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, j->lists * j->chunks));
        const size_t chunks = ptn_div_up(wanted, j->lists * j->panel_parts);
        const size_t least = large ? LEAST_LARGE_ROWS : LEAST_ROWS;
        j->chunks = ptn_max(j->chunks, ptn_min(chunks, longest / least));
        if (!shared) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, j->lists * j->chunks));
        const size_t even = ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads;
        if (j->lists * j->panel_parts % (size_t)threads != 0)
            j->chunks = ptn_max(j->chunks, ptn_min(even, tiles));
    }
    j->compute_tasks = longest == 0 ? 0 : j->lists * j->chunks * j->panel_parts;
}

// Number of threads, by the same estimate as for the dense convolution.
static int threads_for(const ptn_runtime *runtime, const ptn_conv2d_plan *plan,
                       const ptn_conv2d_shape *s, size_t active) {
    if (active == 0) return 1;
    const double sums =
        (double)active * (double)s->k * (double)(s->c / s->groups) * (double)(s->kh * s->kw);
    const double compute = ptn_product_nanoseconds(runtime->isa, sums);
    return ptn_threads_worth(runtime->threads, ptn_with_weights_nanoseconds(compute, plan));
}

// Whether only the pixels of a plan count as inputs.
static bool has_inputs(const ptn_masked_conv2d_mask *m) {
    return m->input == PTN_MASKED_COMPACT || m->input == PTN_MASKED_ACTIVE_MAP;
}

// Whether outputs go to a map that hardly stays in the second-level cache.
static bool is_far(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                   const ptn_masked_conv2d_mask *m) {
    const size_t floats = s->n * plan->out_h * plan->out_w * s->k;
    return m->output == PTN_MASKED_MAP && floats * sizeof(float) > FAR_BYTES;
}

// Whether PTN_FETCH_WINDOW applies. Not to small maps, which stay in the second-level cache, nor to
// compact inputs, where a window's pixels are not contiguous.
static bool has_windows(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                        const ptn_masked_conv2d_mask *m) {
    return s->groups == 1 && s->kw == PTN_FETCH_WINDOW_TAPS && s->dilation_w == 1 &&
           m->input != PTN_MASKED_COMPACT &&
           ptn_maps_bytes(s, plan->out_h, plan->out_w) > (size_t)1 << 20;
}

static ptn_status run(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                      const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                      const float *x, const float *packed, size_t packed_stride,
                      const ptn_conv2d_epilogue *e, float *y) {
    const size_t maps = mask->input == PTN_MASKED_MAPS ? mask->maps_count : 1;
    const size_t taps = s->kh * s->kw * maps;
    const bool pointwise = ptn_conv2d_is_pointwise(s);
    const bool ahead = pointwise && s->groups == 1 && s->c / maps >= LEAST_AHEAD;
    masked_job j = {
        .chunk = {.isa = runtime->isa,
                  .panels = ptn_panels_for(runtime->isa, s->k / s->groups),
                  .groups = s->groups,
                  .taps = taps,
                  .channels = s->c / s->groups / maps,
                  .out_channels = s->k,
                  .epilogue = ptn_epilogue_for(e, runtime->isa, s->k, y),
                  .packed = packed,
                  .packed_stride = packed_stride,
                  .scattered = is_far(s, plan, mask),
                  .pixel_bytes = ahead ? s->c / maps * sizeof(float) : 0,
                  .fetch = ahead                        ? PTN_FETCH_EVERY_TAP
                           : has_windows(s, plan, mask) ? PTN_FETCH_WINDOW
                                                        : PTN_FETCH_NO_PIXELS,
                  .far = pointwise && ptn_maps_bytes(s, plan->out_h, plan->out_w) > PTN_FAR_BYTES},
        .shape = s,
        .mask = mask,
        .outputs = mask->outputs->view,
        .x = x,
        .y = y,
        .pixels = plan->out_h * plan->out_w,
        .y_step = mask->y_step ? mask->y_step : s->k,
        .pointwise = pointwise,
        .chunk_outputs = ptn_chunk_outputs(taps),
        .inactive = ptn_inactive_for(mask, s->k, y),
        .thread_bytes = ptn_chunk_bytes(runtime->isa, taps)};
    j.tile_height = ptn_tile_height(j.chunk.isa, j.chunk.panels.vectors);
    const bool shared = packed_stride == 0 && ptn_conv2d_epilogue_is_shared(e);
    j.lists = shared ? 1 : s->n;
    const int threads = threads_for(runtime, plan, s, j.outputs.count);
    char *scratch = ptn_scratch_acquire(shared_scratch_bytes(s) + (size_t)threads * j.thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    j.thread_scratch = scratch + shared_scratch_bytes(s);
    memset(scratch, 0, zeros_bytes(s));
    j.taps = ptn_taps_for(s, plan, (ptrdiff_t *)(scratch + zeros_bytes(s)));
    j.taps.layout = mask->input;
    j.taps.x = x;
    j.taps.zeros = j.chunk.zeros = (const float *)scratch;
    ptn_status status = PTN_OK;
    if (mask->output == PTN_MASKED_COMPACT && mask->output_order) {
        j.output_index = ptn_mask_plan_index(mask->output_order);
        if (!j.output_index) status = PTN_OUT_OF_MEMORY;
    }
    if (has_inputs(mask)) {
        j.taps.index = ptn_mask_plan_index(mask->inputs);
        if (!j.taps.index) status = PTN_OUT_OF_MEMORY;
    }
    if (status == PTN_OK) {
        cut(&j, threads);
        ptn_parallel(threads, j.compute_tasks + j.inactive.tasks, run_task, &j);
    }
    ptn_scratch_release(scratch);
    return status;
}

static bool fits(const ptn_mask_plan *plan, size_t n, size_t h, size_t w) {
    return plan && plan->view.n == n && plan->view.h == h && plan->view.w == w;
}

static bool maps_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan) {
    return m->maps_count > 0 && s->groups == 1 && s->c % m->maps_count == 0 &&
           ptn_conv2d_is_pointwise(s) && plan->algorithm == PTN_CONV2D_DIRECT;
}

static bool rest_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan) {
    return m->rest && m->rest_channels <= s->c && m->input == PTN_MASKED_ACTIVE_MAP &&
           ptn_conv2d_is_winograd(plan->algorithm);
}

static bool step_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan) {
    return m->y_step >= s->k && m->output == PTN_MASKED_MAP && m->inactive == PTN_MASKED_KEEP &&
           plan->algorithm != PTN_CONV2D_DEPTHWISE &&
           ptn_float_bytes(s->n, plan->out_h, plan->out_w, m->y_step, NULL);
}

// Whether `output_order` is valid: it must contain every output.
static bool order_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                        const ptn_conv2d_plan *plan) {
    if (m->output != PTN_MASKED_COMPACT || plan->algorithm == PTN_CONV2D_DEPTHWISE ||
        !fits(m->output_order, s->n, plan->out_h, plan->out_w))
        return false;
    const ptn_mask_view part = m->outputs->view, all = m->output_order->view;
    for (size_t i = 0; i < part.n * part.h * part.words; i++)
        if (part.bits[i] & ~all.bits[i]) return false;
    return true;
}

static bool mask_valid(const ptn_masked_conv2d_mask *m, const ptn_conv2d_shape *s,
                       const ptn_conv2d_plan *plan) {
    if (!fits(m->outputs, s->n, plan->out_h, plan->out_w)) return false;
    if ((unsigned)m->input > PTN_MASKED_MAPS || (unsigned)m->output > PTN_MASKED_COMPACT ||
        (unsigned)m->inactive > PTN_MASKED_COPY)
        return false;
    if (m->input == PTN_MASKED_MAPS && !maps_valid(m, s, plan)) return false;
    if (has_inputs(m) && !fits(m->inputs, s->n, s->h, s->w)) return false;
    if (m->rest_channels > 0 && !rest_valid(m, s, plan)) return false;
    if (m->y_step > 0 && !step_valid(m, s, plan)) return false;
    if (m->output_order && !order_valid(m, s, plan)) return false;
    if (m->previous && !fits(m->previous, s->n, plan->out_h, plan->out_w)) return false;
    return m->output == PTN_MASKED_COMPACT || m->inactive != PTN_MASKED_COPY || m->base;
}

ptn_status ptn_masked_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                             const ptn_masked_conv2d_mask *mask, const float *x,
                             const float *packed, size_t packed_stride,
                             const ptn_conv2d_epilogue *epilogue, float *y) {
    if (!ptn_conv2d_epilogue_valid(epilogue, y)) return PTN_BAD_ARGUMENT;
    ptn_conv2d_shape s = *shape;
    const bool tiles =
        s.choice == PTN_CONV2D_WINOGRAD_FORCE_4X4 || s.choice == PTN_CONV2D_WINOGRAD_FORCE_6X6;
    if (!tiles) s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    const ptn_status status = ptn_conv2d_outline_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    if (!mask_valid(mask, &s, &plan)) return PTN_BAD_ARGUMENT;
    if (mask->guard) mask->guard->tiles = mask->guard->tiles_left_out = 0;
    if (tiles && (s.dilation_h != 1 || s.dilation_w != 1 || packed_stride != 0 ||
                  mask->input == PTN_MASKED_MAPS))
        return PTN_BAD_ARGUMENT;
    if (s.n == 0) return PTN_OK;
    if (tiles) return ptn_masked_winograd(runtime, &s, &plan, mask, x, packed, epilogue, y);
    if (plan.algorithm == PTN_CONV2D_DEPTHWISE)
        return ptn_masked_depthwise(runtime, &s, &plan, mask, x, packed, packed_stride, epilogue,
                                    y);
    return run(runtime, &s, &plan, mask, x, packed, packed_stride, epilogue, y);
}
