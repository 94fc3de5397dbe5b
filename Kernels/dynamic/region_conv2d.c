// Driver of the region-aware convolution: the direct convolution's tiles on the list of pixels of
// each region, with the weights of that region.
//
// The samples are taken in groups whose mixed weights fit a bound. For each group the weights of
// all regions that have pixels are mixed in packed form; then chunks of the regions' lists are
// computed as by the masked convolution.
#include "ptn_region_conv2d.h"
#include "../convolution/chunk.h"
#include "../convolution/cost.h"
#include "../core/fetch.h"
#include "../core/rows.h"
#include "../sparse/taps.h"
#include "ptn_expert_mix.h"

// Target number of tasks per thread, and fewest pixels of a task.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 24 };
// Most bytes of the mixed weights of a group of samples.
static const size_t MIXED_BYTES = (size_t)32 << 20;
// Weights of one region above this size take much of a thread's second-level cache, so threads take
// different panels of them. Output maps above FAR_BYTES do not stay in that cache.
static const size_t SHARED_BYTES = 512 << 10, FAR_BYTES = 384 << 10;
// Fewest channels for which it pays to prefetch a pixel before its tile runs.
enum { LEAST_AHEAD = 32 };

// The pixels of a region of one sample.
typedef struct region_list {
    size_t sample, region, first, count; // `first`: place in the list of all pixels
} region_list;

typedef struct region_task {
    uint32_t list, part; // which part of the panels
    size_t first, count;
} region_task;

typedef struct region_job {
    ptn_chunk_job chunk;
    const ptn_conv2d_shape *shape;
    const ptn_region_weights *weights;
    float *y;
    size_t pixels; // of one sample's output map
    ptn_taps taps;
    size_t group; // samples whose weights are mixed together
    // Scratch: active regions of a group, factors and weights of each, tasks.
    region_list *lists;
    float *mixing, *mixed;
    region_task *tasks;
    size_t list_count, task_count, most_tasks, panel_parts, chunk_outputs, packed_floats;
    char *thread_scratch;
    size_t thread_bytes;
} region_job;

static void fill_chunk(const region_job *j, size_t sample, const int32_t *pixels, ptn_chunk *ch) {
    const size_t step = ptn_chunk_step(ch->outputs);
    ptn_taps_fill(&j->taps, sample, pixels, ch->outputs, step, ch->table);
    for (size_t m = 0; m < ch->outputs; m++)
        ch->places[m] = j->y + (sample * j->pixels + (size_t)pixels[m]) * j->shape->k;
    ptn_taps_append_segments(&j->taps, pixels, ch->outputs, ch);
}

static void run_task(void *context, size_t index, int thread) {
    const region_job *j = context;
    const region_task *task = &j->tasks[index];
    const size_t sample = j->lists[task->list].sample, panels = j->chunk.panels.count;
    ptn_chunk_job job = j->chunk;
    job.packed = j->mixed + task->list * j->packed_floats;
    ptn_chunk ch = {.sample = sample,
                    .outputs = task->count,
                    .panel_begin = ptn_part_begin(panels, j->panel_parts, task->part),
                    .panel_end = ptn_part_begin(panels, j->panel_parts, task->part + 1u)};
    ptn_chunk_place(&ch, job.taps, j->thread_scratch + (size_t)thread * j->thread_bytes);
    fill_chunk(j, sample, j->weights->list + task->first, &ch);
    ptn_chunk_run(&job, &ch);
}

// Lists the regions of samples [first, end) that have pixels, and their factors.
static void list_regions(region_job *j, size_t first, size_t end) {
    const ptn_region_weights *w = j->weights;
    j->list_count = 0;
    for (size_t i = first * w->regions; i < end * w->regions; i++) {
        const size_t pixels = w->offsets[i + 1] - w->offsets[i];
        if (pixels == 0) continue;
        if (!w->filters)
            memcpy(j->mixing + j->list_count * w->sets, w->mixing + i * w->sets,
                   w->sets * sizeof(float));
        j->lists[j->list_count++] = (region_list){.sample = i / w->regions,
                                                  .region = i % w->regions,
                                                  .first = w->offsets[i],
                                                  .count = pixels};
    }
}

// Cuts the lists into chunks of whole tiles, and the panels into parts.
static void list_tasks(region_job *j) {
    const size_t height = ptn_tile_height(j->chunk.isa, j->chunk.panels.vectors);
    j->task_count = 0;
    for (size_t l = 0; l < j->list_count; l++) {
        const region_list *list = &j->lists[l];
        const size_t tiles = ptn_div_up(list->count, height);
        const size_t chunks = ptn_div_up(tiles, j->chunk_outputs / height);
        for (size_t part = 0; part < j->panel_parts; part++)
            for (size_t c = 0; c < chunks; c++) {
                const size_t begin =
                    ptn_part_begin(list->count, tiles, ptn_part_begin(tiles, chunks, c));
                const size_t end =
                    ptn_part_begin(list->count, tiles, ptn_part_begin(tiles, chunks, c + 1));
                j->tasks[j->task_count++] = (region_task){.list = (uint32_t)l,
                                                          .part = (uint32_t)part,
                                                          .first = list->first + begin,
                                                          .count = end - begin};
            }
    }
}

// Sets the size of chunks and the number of parts of the panels. Results do not depend on them.
static void cut(region_job *j, int threads) {
    const size_t panels = j->chunk.panels.count;
    const size_t height = ptn_tile_height(j->chunk.isa, j->chunk.panels.vectors);
    j->chunk_outputs = ptn_chunk_outputs(j->chunk.taps);
    j->panel_parts = 1;
    if (threads > 1) {
        const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
        const size_t rows = j->group * j->pixels;
        if (j->packed_floats * sizeof(float) > SHARED_BYTES)
            j->panel_parts = ptn_min(panels, ptn_div_up(wanted, ptn_div_up(rows, 128)));
        const size_t each = ptn_div_up(rows * j->panel_parts, wanted);
        j->chunk_outputs = ptn_min(j->chunk_outputs, ptn_max(each, LEAST_ROWS));
    }
    j->chunk_outputs = ptn_max(1, j->chunk_outputs / height) * height;
    const size_t chunks = ptn_div_up(j->group * j->pixels, j->chunk_outputs);
    j->most_tasks = (2 * chunks + j->group * j->weights->regions) * j->panel_parts;
}

// Bytes of scratch by part, in the order in which they lie.
typedef struct scratch_bytes {
    size_t zeros, distances, lists, mixing, mixed, tasks, threads;
} scratch_bytes;

static bool scratch_for(const region_job *j, int threads, scratch_bytes *b, size_t *all) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t lists = j->group * j->weights->regions;
    size_t mixing, mixed;
    if (!ptn_float_bytes(lists, j->weights->sets, 1, 1, &mixing) ||
        !ptn_float_bytes(lists, j->packed_floats, 1, 1, &mixed))
        return false;
    *b = (scratch_bytes){.zeros = ptn_round_64(s->c * sizeof(float)),
                         .distances = ptn_round_64(s->kh * s->kw * sizeof(ptrdiff_t)),
                         .lists = ptn_round_64(lists * sizeof(region_list)),
                         .mixing = ptn_round_64(mixing * sizeof(float)),
                         .mixed = ptn_round_64(mixed * sizeof(float)),
                         .tasks = ptn_round_64(j->most_tasks * sizeof(region_task)),
                         .threads = (size_t)threads * j->thread_bytes};
    *all = b->zeros + b->distances + b->lists + b->mixing + b->tasks + b->threads;
    return ptn_add(*all, b->mixed, all) && *all <= (size_t)PTRDIFF_MAX;
}

static void place(region_job *j, const ptn_conv2d_plan *plan, const float *x,
                  const scratch_bytes *b, char *scratch) {
    memset(scratch, 0, b->zeros);
    j->taps = ptn_taps_for(j->shape, plan, (ptrdiff_t *)(scratch + b->zeros));
    j->taps.layout = PTN_MASKED_MAP;
    j->taps.x = x;
    j->taps.zeros = j->chunk.zeros = (const float *)scratch;
    scratch += b->zeros + b->distances;
    j->lists = (region_list *)scratch;
    j->mixing = (float *)(scratch += b->lists);
    j->mixed = (float *)(scratch += b->mixing);
    j->tasks = (region_task *)(scratch += b->mixed);
    j->thread_scratch = scratch + b->tasks;
}

// Packs one panel of a listed region's filters.
static void pack_part(void *context, size_t index, int thread) {
    (void)thread;
    const region_job *j = context;
    const size_t parts = j->chunk.panels.count, list = index / parts;
    const ptn_conv2d_shape *s = j->shape;
    const region_list *l = &j->lists[list];
    const size_t at = l->sample * j->weights->regions + l->region;
    ptn_panels_pack(j->chunk.isa, s, j->weights->filters + at * s->k * s->c * s->kh * s->kw, NULL,
                    index % parts, j->mixed + list * j->packed_floats);
}

// Makes the packed weights of the listed regions.
static ptn_status make_weights(const ptn_runtime *runtime, region_job *j) {
    const ptn_region_weights *w = j->weights;
    if (!w->filters)
        return ptn_expert_mix(runtime, j->list_count, w->sets, j->packed_floats, j->mixing, w->bank,
                              j->mixed);
    // About a nanosecond per float, because consecutive floats are not written to consecutive
    // addresses.
    const double floats = (double)j->list_count * (double)j->packed_floats;
    ptn_parallel(ptn_threads_worth(runtime->threads, floats), j->list_count * j->chunk.panels.count,
                 pack_part, j);
    return PTN_OK;
}

static ptn_status run_groups(const ptn_runtime *runtime, region_job *j, int threads) {
    for (size_t first = 0; first < j->shape->n; first += j->group) {
        list_regions(j, first, ptn_min(first + j->group, j->shape->n));
        const ptn_status status = make_weights(runtime, j);
        if (status != PTN_OK) return status;
        list_tasks(j);
        ptn_parallel(threads, j->task_count, run_task, j);
    }
    return PTN_OK;
}

static ptn_chunk_job chunk_job(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                               const ptn_conv2d_epilogue *e, const float *y) {
    const bool pointwise = ptn_conv2d_is_pointwise(s), ahead = pointwise && s->c >= LEAST_AHEAD;
    const bool windows = s->kw == PTN_FETCH_WINDOW_TAPS && s->dilation_w == 1 &&
                         ptn_maps_bytes(s, plan->out_h, plan->out_w) > (size_t)1 << 20;
    return (ptn_chunk_job){
        .isa = isa,
        .panels = ptn_panels_for(isa, s->k),
        .groups = 1,
        .taps = s->kh * s->kw,
        .channels = s->c,
        .out_channels = s->k,
        .epilogue = ptn_epilogue_for(e, isa, s->k, y),
        .scattered = s->n * plan->out_h * plan->out_w * s->k * sizeof(float) > FAR_BYTES,
        .pixel_bytes = ahead ? s->c * sizeof(float) : 0,
        .fetch = ahead     ? PTN_FETCH_EVERY_TAP
                 : windows ? PTN_FETCH_WINDOW
                           : PTN_FETCH_NO_PIXELS,
        .far = pointwise && ptn_maps_bytes(s, plan->out_h, plan->out_w) > PTN_FAR_BYTES,
    };
}

static ptn_status run(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                      const ptn_conv2d_plan *plan, const ptn_region_weights *weights,
                      const float *x, const ptn_conv2d_epilogue *e, float *y) {
    region_job j = {.chunk = chunk_job(runtime->isa, s, plan, e, y),
                    .shape = s,
                    .weights = weights,
                    .y = y,
                    .pixels = plan->out_h * plan->out_w,
                    .packed_floats = plan->packed_floats,
                    .thread_bytes = ptn_chunk_bytes(runtime->isa, s->kh * s->kw)};
    const double each = (double)weights->regions * (double)plan->packed_floats * sizeof(float);
    j.group = each >= (double)MIXED_BYTES ? 1 : (size_t)((double)MIXED_BYTES / each);
    j.group = ptn_min(ptn_max(j.group, 1), s->n);
    const double compute = ptn_product_nanoseconds(runtime->isa, plan->multiply_adds);
    const int threads =
        ptn_threads_worth(runtime->threads, ptn_with_weights_nanoseconds(compute, plan));
    cut(&j, threads);
    scratch_bytes bytes;
    size_t all;
    if (!scratch_for(&j, threads, &bytes, &all)) return PTN_SIZE_OVERFLOW;
    char *scratch = ptn_scratch_acquire(all);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    place(&j, plan, x, &bytes, scratch);
    const ptn_status status = run_groups(runtime, &j, threads);
    ptn_scratch_release(scratch);
    return status;
}

static bool shape_valid(const ptn_conv2d_shape *s) {
    return ptn_conv2d_sizes_valid(s) && s->groups == 1;
}

ptn_status ptn_region_conv2d_floats(ptn_isa isa, const ptn_conv2d_shape *shape, size_t *floats) {
    if (!ptn_isa_supported(isa)) return PTN_UNSUPPORTED_ISA;
    if (!shape_valid(shape)) return PTN_BAD_ARGUMENT;
    return ptn_panels_floats(isa, shape, floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
}

ptn_status ptn_region_conv2d_pack(ptn_isa isa, const ptn_conv2d_shape *shape, const float *weights,
                                  float *packed) {
    size_t floats;
    const ptn_status status = ptn_region_conv2d_floats(isa, shape, &floats);
    if (status != PTN_OK) return status;
    for (size_t part = 0; part < ptn_panels_parts(isa, shape); part++)
        ptn_panels_pack(isa, shape, weights, NULL, part, packed);
    return PTN_OK;
}

ptn_status ptn_region_conv2d(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                             const ptn_region_weights *weights, const float *x,
                             const ptn_conv2d_epilogue *epilogue, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (!shape_valid(s) || !ptn_conv2d_epilogue_valid(epilogue) || weights->regions == 0)
        return PTN_BAD_ARGUMENT;
    ptn_conv2d_plan plan = {.algorithm = PTN_CONV2D_DIRECT};
    status = ptn_conv2d_output_size(s, &plan.out_h, &plan.out_w);
    if (status != PTN_OK) return status;
    size_t lists, pixels;
    if (!ptn_panels_floats(runtime->isa, s, &plan.packed_floats) ||
        !ptn_mul(plan.out_h, plan.out_w, &pixels) || pixels >= (size_t)1 << 31 ||
        !ptn_float_bytes(s->n, weights->regions, 16, 1, &lists) || lists / 16 > UINT32_MAX)
        return PTN_SIZE_OVERFLOW;
    plan.multiply_adds = ptn_conv2d_multiply_adds(s, plan.out_h, plan.out_w);
    if (s->n == 0 || pixels == 0) return PTN_OK;
    return run(runtime, s, &plan, weights, x, epilogue, y);
}
