// Driver of the direct convolution: cuts the output into chunks of pixels and panels of channels,
// makes each chunk's table of input addresses and runs tiles over it.
//
// A chunk's table is made in scratch from two small tables, one of input rows and one of input
// columns, and used for all panels. No table or copy of the size of the image is made.
#include "algorithm.h"
#include "chunk.h"
#include "cost.h"
#include "panel_select.h"
#include <string.h>

// The outputs [begin, end) of a row for which a given column of taps is inside the image.
typedef struct column_range {
    size_t begin, end;
} column_range;

typedef struct direct_job {
    ptn_chunk_job chunk;
    const ptn_conv2d_shape *shape;
    ptn_conv2d_input input;
    ptn_sample_places places;
    float *y;
    size_t pixels, chunks, chunk_outputs, panel_parts;
    ptrdiff_t *row_offsets; // [out_h][kh]: floats from the image's start; -1 outside
    column_range *columns;  // [kw]
    column_range inside;    // outputs whose taps are all inside the row
    size_t out_w;
    bool pointwise;
    bool merged;        // a row of taps is one tap with kw * c channels
    const float *zeros; // one zero per channel of a tap
    char *thread_scratch;
    size_t thread_bytes;
} direct_job;

// Number of taps in a chunk's table. With several input maps, each map is a tap.
static size_t taps_of(const ptn_conv2d_shape *s, size_t maps, bool merged) {
    return merged ? s->kh : s->kh * s->kw * maps;
}

static size_t window_bytes(const ptn_conv2d_shape *s, bool merged) {
    if (!merged) return 0;
    const size_t outputs = ptn_chunk_outputs(taps_of(s, 1, true));
    return ptn_round_64(outputs * s->kh * s->kw * s->c * sizeof(float));
}

static size_t zeros_bytes(const ptn_conv2d_shape *s, bool merged) {
    return ptn_round_64((merged ? s->kw * s->c : s->c) * sizeof(float));
}

static size_t thread_scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, size_t maps,
                                   bool merged) {
    return ptn_chunk_bytes(isa, taps_of(s, maps, merged)) + window_bytes(s, merged);
}

static size_t shared_scratch_bytes(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                                   bool merged) {
    if (ptn_conv2d_is_pointwise(s)) return zeros_bytes(s, merged);
    return ptn_round_64(plan->out_h * s->kh * sizeof(ptrdiff_t) + s->kw * sizeof(column_range)) +
           zeros_bytes(s, merged);
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const bool merged = ptn_conv2d_is_merged(s);
    return shared_scratch_bytes(s, plan, merged) +
           (size_t)plan->threads * thread_scratch_bytes(isa, s, 1, merged);
}

// Whether the taps of a kernel row are computed as one. Not for a part of the input channels, whose
// weights are not contiguous from tap to tap; the sums are the same.
static bool is_merged(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    return ptn_conv2d_is_merged(s) && call->packed_inputs == s->c;
}

static void fill_row_offsets(const direct_job *j, size_t out_h) {
    const ptn_conv2d_shape *s = j->shape;
    for (size_t o = 0; o < out_h; o++)
        for (size_t i = 0; i < s->kh; i++) {
            const size_t at = o * s->stride_h + i * s->dilation_h;
            const bool inside = at >= s->pad_top && at - s->pad_top < s->h;
            j->row_offsets[o * s->kh + i] =
                inside ? (ptrdiff_t)((at - s->pad_top) * s->w * s->c) : -1;
        }
}

static void fill_columns(direct_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    j->inside = (column_range){0, j->out_w};
    for (size_t k = 0; k < s->kw; k++) {
        const size_t tap = k * s->dilation_w, end = s->w + s->pad_left;
        column_range r = {.begin = 0, .end = 0};
        if (tap < s->pad_left) r.begin = ptn_div_up(s->pad_left - tap, s->stride_w);
        if (tap < end) r.end = ptn_div_up(end - tap, s->stride_w);
        r.begin = ptn_min(r.begin, j->out_w);
        r.end = ptn_max(r.begin, ptn_min(r.end, j->out_w));
        j->columns[k] = r;
        j->inside.begin = ptn_max(j->inside.begin, r.begin);
        j->inside.end = ptn_min(j->inside.end, r.end);
    }
    j->inside.end = ptn_max(j->inside.begin, j->inside.end);
}

// Neighbouring outputs [begin, end) of output row `y`; their table entries begin at `row`.
typedef struct output_run {
    size_t y, begin, end, row;
} output_run;

static output_run run_at(const direct_job *j, size_t first, size_t row, size_t rows) {
    const size_t at = first + row, x = at % j->out_w;
    return (output_run){at / j->out_w, x, ptn_min(j->out_w, x + rows - row), row};
}

static void fill_constant(const float **entries, size_t count, const float *value) {
    for (size_t i = 0; i < count; i++) entries[i] = value;
}

static void fill_linear(const float **entries, size_t count, const float *first, size_t step) {
    const uintptr_t from = (uintptr_t)first, bytes = step * sizeof(float);
    for (size_t i = 0; i < count; i++) entries[i] = (const float *)(from + i * bytes);
}

// Fills the entries of one tap of a run: zeros, then pixels in even steps, then zeros.
static void fill_tap(const direct_job *j, const output_run *run, const float *image_row, size_t k,
                     const float **entries) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t begin = ptn_min(ptn_max(j->columns[k].begin, run->begin), run->end);
    const size_t end = ptn_max(begin, ptn_min(j->columns[k].end, run->end));
    fill_constant(entries, begin - run->begin, j->zeros);
    if (begin < end) {
        const size_t x = begin * s->stride_w + k * s->dilation_w - s->pad_left;
        fill_linear(entries + (begin - run->begin), end - begin, image_row + x * s->c,
                    s->stride_w * s->c);
    }
    fill_constant(entries + (end - run->begin), run->end - end, j->zeros);
}

// Fills table[tap][i] with the address of the channels that output `first + i` reads at the tap.
static void fill_table(const direct_job *j, const float *image, size_t first, size_t rows,
                       const float **table) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t step = ptn_chunk_step(rows);
    for (size_t row = 0; row < rows;) {
        const output_run run = run_at(j, first, row, rows);
        const size_t count = run.end - run.begin;
        const ptrdiff_t *ys = j->row_offsets + run.y * s->kh;
        const float **entries = table + row;
        for (size_t i = 0; i < s->kh; i++)
            for (size_t k = 0; k < s->kw; k++, entries += step) {
                if (ys[i] < 0)
                    fill_constant(entries, count, j->zeros);
                else
                    fill_tap(j, &run, image + ys[i], k, entries);
            }
        row += count;
    }
}

// Fills the table of a pointwise convolution, whose taps are maps; `first` counts the pixels of all
// samples.
static void fill_maps(const direct_job *j, size_t first, size_t rows, const float **table) {
    const size_t step = ptn_chunk_step(rows), channels = j->chunk.channels * j->shape->groups;
    for (size_t i = 0; i < j->input.count; i++)
        fill_linear(table + i * step, rows, j->input.maps[i] + first * channels, channels);
}

// The same for samples that are joined to one image: their pixels lie where the lists say. Also
// finds the places of the outputs.
static void fill_joined(const direct_job *j, size_t first, const ptn_chunk *ch) {
    const size_t each = j->places.joined, in = j->shape->c, out = j->shape->k;
    for (size_t i = 0; i < ch->outputs;) {
        const size_t sample = (first + i) / each, at = (first + i) % each;
        const size_t count = ptn_min(each - at, ch->outputs - i);
        const size_t from = ptn_sample_at(j->places.inputs, sample) * each + at;
        const size_t to = ptn_sample_at(j->places.outputs, sample) * each + at;
        fill_linear(ch->table + i, count, j->input.maps[0] + from * in, in);
        for (size_t k = 0; k < count; k++) ch->places[i + k] = j->y + (to + k) * out;
        i += count;
    }
}

// Copies the windows of outputs [begin, end), which cross an edge, to `windows` and enters the
// copies into the table. Returns the end of the copies.
static float *copy_windows(const direct_job *j, const float *image_row, size_t begin, size_t end,
                           const float **entries, float *windows) {
    const ptn_conv2d_shape *s = j->shape;
    for (size_t o = begin; o < end; o++) {
        entries[o - begin] = windows;
        for (size_t k = 0; k < s->kw; k++, windows += s->c) {
            const size_t at = o * s->stride_w + k;
            const bool is_inside = at >= s->pad_left && at - s->pad_left < s->w;
            memcpy(windows, is_inside ? image_row + (at - s->pad_left) * s->c : j->zeros,
                   s->c * sizeof(float));
        }
    }
    return windows;
}

// As fill_table, with one entry per row of taps; windows that cross an edge are copied to
// `windows`.
static void fill_merged_table(const direct_job *j, const float *image, size_t first, size_t rows,
                              const float **table, float *windows) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t step = ptn_chunk_step(rows);
    for (size_t row = 0; row < rows;) {
        const output_run run = run_at(j, first, row, rows);
        const size_t count = run.end - run.begin;
        const ptrdiff_t *ys = j->row_offsets + run.y * s->kh;
        const size_t begin = ptn_min(ptn_max(j->inside.begin, run.begin), run.end);
        const size_t end = ptn_max(begin, ptn_min(j->inside.end, run.end));
        for (size_t i = 0; i < s->kh; i++) {
            const float **entries = table + i * step + row;
            if (ys[i] < 0) {
                fill_constant(entries, count, j->zeros);
                continue;
            }
            const float *line = image + ys[i];
            windows = copy_windows(j, line, run.begin, begin, entries, windows);
            if (begin < end)
                fill_linear(entries + (begin - run.begin), end - begin,
                            line + (begin * s->stride_w - s->pad_left) * s->c, s->stride_w * s->c);
            windows = copy_windows(j, line, end, run.end, entries + (end - run.begin), windows);
        }
        row += count;
    }
}

static void fill_segments(const direct_job *j, ptn_chunk *ch, size_t first) {
    if (j->pointwise) {
        ptn_chunk_append(ch, ch->outputs, 0, j->chunk.taps);
        return;
    }
    const size_t per_row = j->chunk.taps / j->shape->kh;
    for (size_t row = 0; row < ch->outputs;) {
        const output_run run = run_at(j, first, row, ch->outputs);
        size_t begin, end;
        ptn_tap_rows(j->shape, run.y, &begin, &end);
        row += run.end - run.begin;
        ptn_chunk_append(ch, row, begin * per_row, end * per_row);
    }
}

static void run_chunk(void *context, size_t index, int thread) {
    const direct_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    // The part of the panels varies slowest, so that neighbouring tasks share weights in the cache.
    const size_t chunk = index % j->chunks, rest = index / j->chunks;
    const size_t part = rest % j->panel_parts;
    ptn_chunk ch = {.sample = rest / j->panel_parts};
    const size_t first = ptn_part_begin(j->pixels, j->chunks, chunk);
    ch.outputs = ptn_part_begin(j->pixels, j->chunks, chunk + 1) - first;
    const size_t all_panels = s->groups * j->chunk.panels.count;
    ch.panel_begin = ptn_part_begin(all_panels, j->panel_parts, part);
    ch.panel_end = ptn_part_begin(all_panels, j->panel_parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ptn_chunk_place(&ch, j->chunk.taps, scratch);

    const size_t from = ptn_sample_at(j->places.inputs, ch.sample);
    const size_t to = ptn_sample_at(j->places.outputs, ch.sample);
    const float *image = j->input.maps[0] + from * s->h * s->w * s->c;
    float *windows = (float *)(scratch + j->thread_bytes - window_bytes(s, j->merged));
    if (j->places.joined)
        fill_joined(j, first, &ch);
    else if (j->pointwise)
        fill_maps(j, from * j->pixels + first, ch.outputs, ch.table);
    else if (j->merged)
        fill_merged_table(j, image, first, ch.outputs, ch.table, windows);
    else
        fill_table(j, image, first, ch.outputs, ch.table);
    if (!j->places.joined) ch.place = j->y + (to * j->pixels + first) * s->k;
    fill_segments(j, &ch, first);
    ptn_chunk_run(&j->chunk, &ch);
}

// Target number of tasks per thread: a core may be slower than others for a while, and with small
// tasks the others wait less for it.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 48 };

// Cuts the work into nearly equal tasks. If the weights stay in the second-level cache, each chunk
// of pixels reads them at little cost, so pixels are cut first. Larger weights are cut by panels
// first, so that each panel is read by few chunks. Results do not depend on the cut.
static void cut(direct_job *j, int threads) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_panels *panels = &j->chunk.panels;
    const size_t all_panels = s->groups * panels->count;
    j->chunks = ptn_div_up(j->pixels, j->chunk_outputs);
    j->panel_parts = 1;
    if (threads <= 1) return;
    const size_t wanted = TASKS_PER_THREAD * (size_t)threads;
    const size_t floats = s->kh * s->kw * (s->c / s->groups) * panels->padded * s->groups;
    const bool large = floats * sizeof(float) > 2 * PTN_CHUNK_BLOCK_BYTES;
    if (large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, s->n * j->chunks));
    const size_t chunks = ptn_div_up(wanted, s->n * j->panel_parts);
    j->chunks = ptn_max(j->chunks, ptn_min(chunks, j->pixels / LEAST_ROWS));
    if (!large) j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, s->n * j->chunks));
    if (s->n * j->panel_parts % (size_t)threads != 0)
        j->chunks = ptn_min(ptn_div_up(j->chunks, (size_t)threads) * (size_t)threads, j->pixels);
}

static ptn_chunk_job chunk_job(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    const ptn_isa isa = call->runtime->isa;
    const bool merged = is_merged(call);
    const size_t maps = call->input.count, channels = s->c / s->groups / maps;
    return (ptn_chunk_job){
        .isa = isa,
        .panels = ptn_panels_prefix(ptn_panels_for(isa, call->packed_outputs), s->k / s->groups),
        .groups = s->groups,
        .taps = taps_of(s, maps, merged),
        .channels = merged ? s->kw * s->c : channels,
        .packed_channels = merged || maps > 1 ? 0 : call->packed_inputs,
        .out_channels = s->k,
        .epilogue = ptn_epilogue_for(call->epilogue, isa, s->k, call->y),
        .packed = call->packed,
        .packed_stride = call->packed_stride,
        .wanted = call->wanted,
        .fetch = maps > 1 ? PTN_FETCH_EVERY_TAP : PTN_FETCH_NEW_PIXELS,
        .pixel_bytes = s->stride_w * channels * s->groups * sizeof(float),
    };
}

static ptn_status run(const ptn_conv2d_call *call) {
    const ptn_conv2d_shape *s = call->shape;
    const ptn_conv2d_plan *plan = call->plan;
    const size_t maps = call->input.count;
    const bool merged = is_merged(call);
    const size_t thread_bytes = thread_scratch_bytes(call->runtime->isa, s, maps, merged);
    const size_t shared_bytes = shared_scratch_bytes(s, plan, merged);
    char *scratch = ptn_scratch_acquire(shared_bytes + (size_t)plan->threads * thread_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    direct_job j = {.chunk = chunk_job(call),
                    .shape = s,
                    .input = call->input,
                    .places = call->places,
                    .y = call->y,
                    .pixels = plan->out_h * plan->out_w,
                    .chunk_outputs = ptn_chunk_outputs(taps_of(s, maps, merged)),
                    .out_w = plan->out_w,
                    .pointwise = ptn_conv2d_is_pointwise(s),
                    .merged = merged,
                    .row_offsets = (ptrdiff_t *)scratch,
                    .columns = (column_range *)((ptrdiff_t *)scratch + plan->out_h * s->kh),
                    .thread_scratch = scratch + shared_bytes,
                    .thread_bytes = thread_bytes};
    float *zeros = (float *)(j.thread_scratch - zeros_bytes(s, merged));
    memset(zeros, 0, zeros_bytes(s, merged));
    j.zeros = zeros;
    if (!j.pointwise && !j.merged) j.chunk.zeros = zeros;
    if (!j.pointwise) {
        fill_row_offsets(&j, plan->out_h);
        fill_columns(&j);
    }
    cut(&j, plan->threads);
    ptn_parallel(plan->threads, s->n * j.chunks * j.panel_parts, run_chunk, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}

static bool applies(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    return !ptn_conv2d_is_depthwise(s);
}

// The last algorithm of the list: used where no other one pays.
static bool pays(ptn_isa isa, const ptn_conv2d_shape *s) {
    (void)isa;
    (void)s;
    return true;
}

static bool floats(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                   size_t *count) {
    (void)algorithm;
    return ptn_panels_floats(isa, s, count);
}

static double cycles(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                     const ptn_conv2d_plan *plan) {
    (void)algorithm;
    return ptn_direct_cycles(isa, s, plan);
}

static double nanoseconds(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double compute =
        (double)s->n * ptn_direct_cycles(isa, s, plan) / PTN_CYCLES_PER_NANOSECOND;
    return ptn_with_weights_nanoseconds(compute, plan);
}

static void pack(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                 const float *weights, const float *scale, size_t part, float *packed) {
    (void)algorithm;
    ptn_panels_pack(isa, s, weights, scale, part, packed);
}

static void select_channels(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                            const float *packed, const ptn_conv2d_shape *part,
                            const ptn_channel_lists *lists, float *selected) {
    (void)algorithm;
    ptn_panels_select(isa, s->kh * s->kw, s, packed, part, lists, selected);
}

const ptn_conv2d_functions ptn_conv2d_direct = {
    .applies = applies,
    .pays = pays,
    .floats = floats,
    .scratch = scratch_bytes,
    .cycles = cycles,
    .nanoseconds = nanoseconds,
    .parts = ptn_panels_parts,
    .pack = pack,
    .run = run,
    .select = select_channels,
    .reads_parts = true,
    .joined_pixels = SIZE_MAX,
    .joins_lists = true,
};
