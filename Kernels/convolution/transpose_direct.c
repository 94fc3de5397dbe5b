// The transposed convolution on the tiles of the direct one: a task is a chunk of the outputs of
// one phase.
#include "chunk.h"
#include "transpose_algorithm.h"
#include <string.h>

// Target number of tasks per thread; fewest pixels of a chunk, below which cutting costs more than
// it gains.
enum { TASKS_PER_THREAD = 12, LEAST_ROWS = 48 };
// Outputs larger than this do not stay in the second-level cache: they are prefetched before they
// are written.
static const size_t FAR_BYTES = (size_t)1 << 20;

typedef struct transpose_job {
    const ptn_transpose_call *call;
    ptn_chunk_job chunk; // without taps and weights, which differ by phase
    size_t chunks;       // per phase
    size_t panel_parts;
    bool phases_first; // neighbouring tasks are phases of the same pixels, else chunks of a phase
} transpose_job;

// Largest number of taps of a phase.
static size_t most_taps(const ptn_conv_transpose2d_shape *s) {
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    return ptn_transpose_taps(&rows, 0) * ptn_transpose_taps(&columns, 0);
}

static size_t scratch_bytes(ptn_isa isa, const ptn_conv_transpose2d_shape *shape) {
    const ptn_transpose_axis rows = ptn_transpose_rows(shape);
    const ptn_transpose_axis columns = ptn_transpose_columns(shape);
    // Phases have that many taps per axis or one less; a phase without taps has one tap of zeros.
    size_t bytes = ptn_chunk_bytes(isa, 1);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) {
            const size_t taps = ptn_max(1, ptn_transpose_taps(&rows, 0) - i) *
                                ptn_max(1, ptn_transpose_taps(&columns, 0) - j);
            bytes = ptn_max(bytes, ptn_chunk_bytes(isa, taps));
        }
    return ptn_round_64(bytes);
}

// A tap of zeros at the end serves outputs without taps.
static bool floats(ptn_isa isa, const ptn_conv_transpose2d_shape *s, size_t *count) {
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    size_t taps, padded;
    return ptn_mul(s->kh, s->kw, &taps) && ptn_add(taps, 1, &taps) &&
           ptn_mul(panels.padded, s->groups, &padded) &&
           ptn_float_bytes(taps, s->c / s->groups, padded, 1, count);
}

// Packs the taps of one class of rows and one of columns, of one group: [tap][c][panel's width].
static void pack_class(const ptn_conv_transpose2d_shape *s, const ptn_transpose_axis *rows,
                       const ptn_transpose_axis *columns, size_t row_class, size_t column_class,
                       const ptn_panels *p, const float *weights, const float *scale,
                       float *packed) {
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    const size_t high = ptn_transpose_taps(rows, row_class);
    const size_t wide = ptn_transpose_taps(columns, column_class);
    for (size_t first = 0; first < out; first += p->width) {
        const size_t count = ptn_min(out - first, p->width);
        const size_t width = ptn_panel_vectors(p, out, first) * p->vector;
        float *row = packed + first * in * high * wide;
        for (size_t t = 0; t < high * wide; t++) {
            const size_t i = row_class + rows->period * (high - 1 - t / wide);
            const size_t j = column_class + columns->period * (wide - 1 - t % wide);
            for (size_t c = 0; c < in; c++, row += width) {
                const float *from = weights + ((c * out + first) * s->kh + i) * s->kw + j;
                memset(row, 0, width * sizeof *row);
                for (size_t k = 0; k < count; k++)
                    row[k] = from[k * s->kh * s->kw] * (scale ? scale[first + k] : 1);
            }
        }
    }
}

static void pack(ptn_isa isa, const ptn_conv_transpose2d_shape *shape, const float *weights,
                 const float *scale, float *packed) {
    const ptn_conv_transpose2d_shape *s = shape;
    const ptn_transpose_axis rows = ptn_transpose_rows(s), columns = ptn_transpose_columns(s);
    const size_t in = s->c / s->groups, out = s->k / s->groups, all = s->kh * s->kw;
    const ptn_panels panels = ptn_panels_for(isa, out);
    const size_t tap_floats = in * panels.padded * s->groups;
    for (size_t a = 0; a < ptn_transpose_classes(&rows); a++)
        for (size_t b = 0; b < ptn_transpose_classes(&columns); b++) {
            const size_t taps = ptn_transpose_taps(&rows, a) * ptn_transpose_taps(&columns, b);
            float *to = packed + ptn_transpose_first_tap(&rows, &columns, a, b) * tap_floats;
            for (size_t g = 0; g < s->groups; g++)
                pack_class(s, &rows, &columns, a, b, &panels, weights + g * in * out * all,
                           scale ? scale + g * out : NULL, to + g * taps * in * panels.padded);
        }
    memset(packed + all * tap_floats, 0, tap_floats * sizeof *packed);
}

// Outputs [begin, end) of row `y` of a phase; their table entries begin at `row`.
typedef struct output_run {
    size_t y, begin, end, row;
} output_run;

static output_run run_at(const ptn_transpose_phase *columns, size_t first, size_t row,
                         size_t rows) {
    const size_t at = first + row, x = at % columns->count;
    return (output_run){at / columns->count, x, ptn_min(columns->count, x + rows - row), row};
}

// Fills the entries of a run at one tap; `line` is the input row, NULL outside the image.
static void fill_tap(const ptn_transpose_call *call, const ptn_transpose_phase *columns,
                     const output_run *run, const float *line, size_t tap, const float **entries) {
    const size_t c = call->shape->c;
    const ptrdiff_t shift = columns->base + (ptrdiff_t)(tap * call->column_axis.jump);
    for (size_t q = run->begin; q < run->end; q++) {
        const ptrdiff_t x = (ptrdiff_t)q + shift;
        const bool inside = line && x >= 0 && (size_t)x < call->column_axis.in;
        entries[q - run->begin] = inside ? line + (size_t)x * c : call->zeros;
    }
}

static void fill_places(const ptn_transpose_call *call, const ptn_transpose_phase *rows,
                        const ptn_transpose_phase *columns, const output_run *run, size_t sample,
                        float **places) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t oy = rows->first + run->y * s->stride_h;
    float *line = call->y + (sample * s->out_h + oy) * s->out_w * s->k;
    for (size_t q = run->begin; q < run->end; q++)
        places[q - run->begin] = line + (columns->first + q * s->stride_w) * s->k;
}

// Fills the chunk's table, output addresses and segments, one row of the phase at a time.
static void fill_chunk(const ptn_transpose_call *call, const ptn_transpose_phase *rows,
                       const ptn_transpose_phase *columns, size_t first, ptn_chunk *ch) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t step = ptn_chunk_step(ch->outputs), wide = columns->taps;
    const bool met = rows->taps > 0 && wide > 0;
    const float *image = call->x + ch->sample * s->h * s->w * s->c;
    for (size_t row = 0; row < ch->outputs;) {
        const output_run run = run_at(columns, first, row, ch->outputs);
        const size_t length = run.end - run.begin;
        fill_places(call, rows, columns, &run, ch->sample, ch->places + row);
        size_t begin = 0, end = 1;
        if (met) {
            ptn_transpose_inside(&call->row_axis, rows, run.y, &begin, &end);
            for (size_t t = 0; t < rows->taps; t++) {
                const ptrdiff_t at =
                    (ptrdiff_t)run.y + rows->base + (ptrdiff_t)(t * call->row_axis.jump);
                const float *line = t >= begin && t < end ? image + (size_t)at * s->w * s->c : NULL;
                for (size_t u = 0; u < wide; u++)
                    fill_tap(call, columns, &run, line, u, ch->table + (t * wide + u) * step + row);
            }
        } else {
            for (size_t i = 0; i < length; i++) ch->table[row + i] = call->zeros;
        }
        row += length;
        ptn_chunk_append(ch, row, met ? begin * wide : 0, met ? end * wide : 1);
    }
}

static void run_chunk(void *context, size_t index, int thread) {
    const transpose_job *j = context;
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t phases = call->row_axis.phases * call->column_axis.phases;
    const size_t within = index % (phases * j->chunks), rest = index / (phases * j->chunks);
    const size_t phase = j->phases_first ? within % phases : within / j->chunks;
    const size_t part_of_phase = j->phases_first ? within / phases : within % j->chunks;
    const ptn_transpose_phase *rows = &call->rows[phase / call->column_axis.phases];
    const ptn_transpose_phase *columns = &call->columns[phase % call->column_axis.phases];

    const size_t pixels = rows->count * columns->count;
    const size_t first = ptn_part_begin(pixels, j->chunks, part_of_phase);
    const size_t part = rest % j->panel_parts;
    const size_t all_panels = s->groups * j->chunk.panels.count;
    ptn_chunk ch = {.sample = rest / j->panel_parts,
                    .outputs = ptn_part_begin(pixels, j->chunks, part_of_phase + 1) - first,
                    .panel_begin = ptn_part_begin(all_panels, j->panel_parts, part),
                    .panel_end = ptn_part_begin(all_panels, j->panel_parts, part + 1)};
    if (ch.outputs == 0) return;
    ptn_chunk_job job = j->chunk;
    const bool met = rows->taps > 0 && columns->taps > 0;
    job.taps = met ? rows->taps * columns->taps : 1;
    const size_t first_tap = met ? ptn_transpose_first_tap(&call->row_axis, &call->column_axis,
                                                           rows->tap_class, columns->tap_class)
                                 : s->kh * s->kw;
    job.packed += first_tap * job.channels * job.panels.padded * s->groups;
    ptn_chunk_place(&ch, job.taps, call->thread_scratch + (size_t)thread * call->thread_bytes);
    fill_chunk(call, rows, columns, first, &ch);
    ptn_chunk_run(&job, &ch);
}

// Cuts phases into chunks, and the panels too if that gives too few tasks. Results do not depend on
// the cut.
static void cut(transpose_job *j) {
    const ptn_transpose_call *call = j->call;
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t phases = call->row_axis.phases * call->column_axis.phases;
    // The first phase has the most outputs.
    const size_t pixels = call->rows[0].count * call->columns[0].count;
    const size_t all_panels = s->groups * j->chunk.panels.count;
    const size_t weights = s->kh * s->kw * j->chunk.channels * j->chunk.panels.padded * s->groups;
    j->phases_first = weights * sizeof(float) <= 2 * PTN_CHUNK_BLOCK_BYTES;
    j->chunks = ptn_div_up(pixels, ptn_chunk_outputs(most_taps(s)));
    j->panel_parts = 1;
    if (call->threads <= 1) return;
    const size_t wanted = TASKS_PER_THREAD * (size_t)call->threads;
    const size_t chunks = ptn_div_up(wanted, s->n * phases);
    j->chunks = ptn_max(j->chunks, ptn_min(chunks, ptn_div_up(pixels, LEAST_ROWS)));
    j->panel_parts = ptn_min(all_panels, ptn_div_up(wanted, s->n * phases * j->chunks));
}

static void run(const ptn_transpose_call *call) {
    const ptn_conv_transpose2d_shape *s = call->shape;
    const size_t outputs = s->n * s->out_h * s->out_w * s->k;
    transpose_job j = {.call = call,
                       .chunk = {.isa = call->isa,
                                 .panels = ptn_panels_for(call->isa, s->k / s->groups),
                                 .groups = s->groups,
                                 .channels = s->c / s->groups,
                                 .out_channels = s->k,
                                 .epilogue = call->epilogue,
                                 .packed = call->packed,
                                 .zeros = call->zeros,
                                 .fetch = PTN_FETCH_NEW_PIXELS,
                                 .scattered = outputs * sizeof(float) > FAR_BYTES,
                                 .pixel_bytes = s->c * sizeof(float)}};
    cut(&j);
    const size_t phases = call->row_axis.phases * call->column_axis.phases;
    ptn_parallel(call->threads, s->n * j.panel_parts * phases * j.chunks, run_chunk, &j);
}

// The last algorithm of the list: used where no other one pays.
static bool pays(ptn_isa isa, const ptn_conv_transpose2d_shape *s) {
    (void)isa;
    (void)s;
    return true;
}

const ptn_transpose_functions ptn_transpose_direct = {.pays = pays,
                                                      .floats = floats,
                                                      .scratch = scratch_bytes,
                                                      .pack = pack,
                                                      .run = run,
                                                      .slowness = 1};
