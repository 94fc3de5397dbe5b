// Driver of the region-aware convolution: the direct convolution's tiles on the list of pixels of
// each region, with the weights of that region.
//
// The samples are taken in groups, and the panels of output channels in passes, such that the mixed
// weights of a group's regions for a pass stay in the second-level cache. For each pass these
// weights are mixed in packed form, for all regions that have pixels with one reading of the bank;
// then chunks of the regions' lists are computed as by the masked convolution.
#include "ptn_region_conv2d.h"
#include "../convolution/chunk.h"
#include "../convolution/cost.h"
#include "../core/fetch.h"
#include "../core/rows.h"
#include "../sparse/taps.h"

// Regions that are mixed together; floats of a mixing task.
enum { REGION_MIX_ROWS = 8, MIX_STRIP = 2048 };

typedef struct region_mix_args {
    size_t sets, begin, end;      // floats [begin, end) of the strip
    size_t bank_step, mixed_step; // from one set, one region, to the next
    const float *mixing, *bank;   // of the first region; of the strip
    float *mixed;                 // of the first region
} region_mix_args;

#define PTN_SOURCE "../dynamic/region_mix.inc"
#include "../core/foreach_isa.h"

typedef void (*region_mix_fn)(const region_mix_args *args, size_t rows);
static const region_mix_fn region_mix[PTN_ISA_COUNT] = PTN_TABLE(region_mix);

// Target number of tasks per thread, and fewest pixels of a task.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 24 };
// Target bytes of the mixed weights of a group of samples for one pass.
static const size_t MIXED_BYTES = (size_t)1 << 20;
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
    size_t group;       // samples whose weights are mixed together
    size_t pass_panels; // panels of a pass
    // The present pass: its panels, and the place and length of their weights in a packed set.
    size_t panel_begin, panel_end, strip, strip_floats;
    // Scratch: active regions of a group, factors and weights of each, tasks.
    region_list *lists;
    float *mixing, *mixed;
    region_task *tasks;
    size_t list_count, task_count, most_tasks, panel_parts, chunk_outputs, packed_floats;
    size_t most_strip_floats;
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

// Where a whole set would begin whose strip is the mixed one of a listed region.
static float *strip_at(const region_job *j, size_t list) {
    float *strip = j->mixed + list * j->strip_floats;
    return (float *)((uintptr_t)strip - j->strip * sizeof(float));
}

static void run_task(void *context, size_t index, int thread) {
    const region_job *j = context;
    const region_task *task = &j->tasks[index];
    const size_t sample = j->lists[task->list].sample, panels = j->panel_end - j->panel_begin;
    ptn_chunk_job job = j->chunk;
    job.packed = strip_at(j, task->list);
    ptn_chunk ch = {
        .sample = sample,
        .outputs = task->count,
        .panel_begin = j->panel_begin + ptn_part_begin(panels, j->panel_parts, task->part),
        .panel_end = j->panel_begin + ptn_part_begin(panels, j->panel_parts, task->part + 1u)};
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
    const size_t height = ptn_tile_height(j->chunk.isa, j->chunk.panels.vectors);
    j->chunk_outputs = ptn_chunk_outputs(j->chunk.taps);
    j->panel_parts = 1;
    if (threads > 1) {
        const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
        const size_t rows = j->group * j->pixels;
        if (j->most_strip_floats * sizeof(float) > SHARED_BYTES)
            j->panel_parts = ptn_min(j->pass_panels, ptn_div_up(wanted, ptn_div_up(rows, 128)));
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
        !ptn_float_bytes(lists, j->most_strip_floats, 1, 1, &mixed))
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
    const size_t panels = j->panel_end - j->panel_begin, list = index / panels;
    const ptn_conv2d_shape *s = j->shape;
    const region_list *l = &j->lists[list];
    const size_t at = l->sample * j->weights->regions + l->region;
    ptn_panels_pack(j->chunk.isa, s, j->weights->filters + at * s->k * s->c * s->kh * s->kw, NULL,
                    j->panel_begin + index % panels, strip_at(j, list));
}

static void mix_part(void *context, size_t index, int thread) {
    (void)thread;
    const region_job *j = context;
    region_mix_args a = {.sets = j->weights->sets,
                         .begin = index * MIX_STRIP,
                         .end = ptn_min((index + 1) * MIX_STRIP, j->strip_floats),
                         .bank_step = j->packed_floats,
                         .mixed_step = j->strip_floats,
                         .bank = j->weights->bank + j->strip};
    for (size_t l = 0, rows; l < j->list_count; l += rows) {
        rows = REGION_MIX_ROWS;
        while (rows > j->list_count - l) rows /= 2;
        a.mixing = j->mixing + l * a.sets;
        a.mixed = j->mixed + l * j->strip_floats;
        region_mix[j->chunk.isa](&a, rows);
    }
}

// Makes the packed weights of the listed regions for the present pass.
static void make_weights(const ptn_runtime *runtime, region_job *j) {
    const size_t panels = j->panel_end - j->panel_begin;
    const double floats = (double)j->list_count * (double)j->strip_floats;
    if (j->weights->filters) {
        // About a nanosecond per float, because consecutive floats are not written to consecutive
        // addresses.
        ptn_parallel(ptn_threads_worth(runtime->threads, floats), j->list_count * panels, pack_part,
                     j);
        return;
    }
    const double work =
        floats * (double)j->weights->sets / (double)ptn_isa_vector_floats(runtime->isa) / 4;
    ptn_parallel(ptn_threads_worth(runtime->threads, work), ptn_div_up(j->strip_floats, MIX_STRIP),
                 mix_part, j);
}

static void run_groups(const ptn_runtime *runtime, region_job *j, int threads) {
    const size_t panels = j->chunk.panels.count, each = j->chunk.taps * j->chunk.channels;
    for (size_t first = 0; first < j->shape->n; first += j->group) {
        list_regions(j, first, ptn_min(first + j->group, j->shape->n));
        list_tasks(j);
        for (size_t p = 0; p < panels; p += j->pass_panels) {
            j->panel_begin = p;
            j->panel_end = ptn_min(p + j->pass_panels, panels);
            j->strip = each * p * j->chunk.panels.width;
            const size_t end = each * j->panel_end * j->chunk.panels.width;
            j->strip_floats = ptn_min(end, j->packed_floats) - j->strip;
            make_weights(runtime, j);
            ptn_parallel(threads, j->task_count, run_task, j);
        }
    }
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
    const double fit = (double)MIXED_BYTES / each; // samples
    j.group = fit <= 1 ? 1 : fit >= (double)s->n ? s->n : (size_t)fit;
    const size_t panels = j.chunk.panels.count;
    j.pass_panels = fit >= 1 ? panels : ptn_max(1, (size_t)(fit * (double)panels));
    j.most_strip_floats = j.pass_panels * j.chunk.panels.width * s->c * s->kh * s->kw;
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
    run_groups(runtime, &j, threads);
    ptn_scratch_release(scratch);
    return PTN_OK;
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
    if (!shape_valid(s) || !ptn_conv2d_epilogue_valid(epilogue, y) || weights->regions == 0)
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
