// Deformable convolution by panels.
//
// A chunk of pixels is planned once. Then, a few taps at a time, samples are blended into rows that
// stay in the second-level cache, and the convolution's tiles multiply these rows by the packed
// weights of all panels. Unfinished sums are kept in scratch memory until the next taps.
#include "deform_panels.h"
#include <string.h>

// Most floats of blended rows of a chunk, of one panel's weights for the same taps, and of a
// chunk's unfinished sums, and most bytes of its plan: together they stay in the second-level
// cache.
enum { BLENDED_FLOATS = 72 << 10, PANEL_FLOATS = 48 << 10, PARTIAL_FLOATS = 48 << 10 };
enum { PLAN_BYTES = 160 << 10, MOST_PIXELS = 252, LEAST_PIXELS = 24 };

ptn_deform_tiling ptn_deform_panels_tiling(ptn_isa isa, const ptn_deform_conv2d_shape *shape) {
    const ptn_conv2d_shape *s = &shape->conv;
    const size_t taps = s->kh * s->kw, entries = shape->offset_groups * taps;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    const size_t columns = panels.padded * s->groups, floats = ptn_deform_row_floats(s);
    const size_t weights = s->c / s->groups * panels.width;
    size_t fit = ptn_min(PANEL_FLOATS / weights, BLENDED_FLOATS / (floats * 2 * LEAST_PIXELS));
    fit = ptn_min(ptn_max(fit, 1), taps);
    ptn_deform_tiling t = {.taps = ptn_div_up(taps, ptn_div_up(taps, fit))};
    t.pixels = ptn_min(MOST_PIXELS, BLENDED_FLOATS / (t.taps * floats));
    if (t.taps < taps) t.pixels = ptn_min(t.pixels, PARTIAL_FLOATS / columns);
    t.pixels = ptn_min(t.pixels, PLAN_BYTES / ptn_corners_bytes(entries));
    t.pixels = ptn_max(t.pixels / PTN_TILE_MAX_HEIGHT * PTN_TILE_MAX_HEIGHT, LEAST_PIXELS);
    t.blended = t.pixels * t.taps * floats * sizeof(float);
    t.partial = ptn_round_64(t.pixels * columns * sizeof(float));
    t.table = ptn_round_64(t.pixels * t.taps * sizeof(float *));
    t.out = ptn_round_64(PTN_TILE_MAX_HEIGHT * sizeof(float *));
    return t;
}

typedef struct chunk {
    size_t sample, first, outputs, panel_begin, panel_end;
    ptn_corners corners;
    float *compact, *blended, *partial;
    const float **table; // [tap_block][outputs]
    float **out;
} chunk;

// Address of a panel's weights of a tap.
static const float *weights_of(const ptn_deform_job *j, size_t panel, size_t tap) {
    const ptn_conv2d_shape *s = j->conv;
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    const size_t group = panel / j->panels.count;
    const size_t column = panel % j->panels.count * j->panels.width;
    const size_t width = ptn_panel_vectors(&j->panels, out, column) * j->panels.vector;
    return j->packed + j->taps * in * (group * j->panels.padded + column) + tap * in * width;
}

// Sets what a tile prefetches, spread evenly over its turns.
static void set_streams(ptn_isa isa, ptn_tile_args *a, const char *next, size_t bytes, float *y,
                        size_t height) {
    const size_t turns = a->taps * (a->channels / PTN_TILE_UNROLL);
    a->prefetch = next ? next : (const char *)a->panel;
    a->prefetch_step = next ? ptn_tile_prefetch_step(isa, bytes, 1, turns, false) : 0;
    a->stores = (const char *)y;
    a->stores_step =
        a->last && turns > 0 ? ptn_div_up(height * a->columns * sizeof(float), turns) : 0;
}

// The pixels of a chunk for one tap: first the `inside` ones whose sample is inside the image, with
// their inputs, then those whose sample is zero. When a tap is multiplied on its own, the latter
// are left out, which does not change sums.
typedef struct tap_list {
    size_t inside;
    uint16_t pixels[MOST_PIXELS];
    const float *inputs[MOST_PIXELS];
} tap_list;

// Whether a pixel's samples at a tap are all zero, with weights that are not NaN.
static bool adds_nothing(const ptn_deform_job *j, const ptn_corners *c, size_t pixel, size_t tap) {
    const float *zeros = j->map.p.image.zeros;
    for (size_t q = 0; q < j->shape->offset_groups; q++) {
        const size_t e = (pixel * j->shape->offset_groups + q) * j->taps + tap;
        if (c->whole[e]) return false;
        for (size_t i = 0; i < 4; i++)
            if (c->row[i][e] != zeros || !isfinite(c->weight[4 * e + i])) return false;
    }
    return true;
}

// Number of taps that are multiplied together: one if leaving out zero samples gains more than
// single taps cost.
static size_t taps_together(const ptn_deform_job *j, const chunk *ch) {
    enum { LEAST_SHARE = 8 };
    if (j->tiling.taps == 1) return 1;
    const size_t groups = j->shape->offset_groups, all = j->taps * ch->outputs;
    size_t others = 0, nothing = 0;
    for (size_t e = 0; e < all * groups; e++) others += ch->corners.whole[e] == 0;
    if (LEAST_SHARE * others < all * groups) return j->tiling.taps;
    for (size_t m = 0; m < ch->outputs; m++)
        for (size_t tap = 0; tap < j->taps; tap++) nothing += adds_nothing(j, &ch->corners, m, tap);
    return LEAST_SHARE * nothing >= all ? 1 : j->tiling.taps;
}

// Makes the list of a tap; returns whether any pixel is left out.
static bool list_pixels(const ptn_deform_job *j, const chunk *ch, size_t tap, tap_list *list) {
    uint16_t others[MOST_PIXELS];
    size_t in = 0, out = 0;
    for (size_t m = 0; m < ch->outputs; m++) {
        if (adds_nothing(j, &ch->corners, m, tap)) {
            others[out++] = (uint16_t)m;
            continue;
        }
        list->inputs[in] = ch->table[m];
        list->pixels[in++] = (uint16_t)m;
    }
    memcpy(list->pixels + in, others, out * sizeof *others);
    list->inside = in;
    return out > 0;
}

// The computation of one panel for pixels [begin, end) of the chunk or of `pixels`.
typedef struct panel_run {
    size_t begin, end, channel, width, vectors;
    const uint16_t *pixels; // NULL: pixels in order
    const float *const *inputs;
    float *partial;   // of the chunk's first pixel
    const char *next; // weights used after these, to prefetch, or NULL
    size_t bytes;     // bytes of `next`
} panel_run;

static void run_tiles(const ptn_deform_job *j, const chunk *ch, const panel_run *r,
                      ptn_tile_args *a) {
    const size_t step = j->conv->k, count = r->end - r->begin;
    const size_t tiles = ptn_div_up(count, ptn_tile_height(j->map.isa, r->vectors));
    const ptn_tile_fn *run = ptn_tiles_for(j->map.isa, r->vectors, 0);
    float *y = j->y + (ch->sample * j->map.pixels + ch->first) * step + r->channel;
    float *partials[PTN_TILE_MAX_HEIGHT];
    a->partials = r->pixels ? partials : NULL;
    for (size_t t = 0; t < tiles; t++) {
        const size_t begin = r->begin + ptn_part_begin(count, tiles, t);
        const size_t height = r->begin + ptn_part_begin(count, tiles, t + 1) - begin;
        for (size_t m = 0; m < height; m++) {
            const size_t pixel = r->pixels ? r->pixels[begin + m] : begin + m;
            ch->out[m] = y + pixel * step;
            partials[m] = r->partial + pixel * r->width;
        }
        a->inputs = r->inputs + begin;
        a->partial = r->partial + begin * r->width;
        const char *stream = r->next ? r->next + r->bytes / tiles * t : NULL;
        set_streams(j->map.isa, a, stream, ptn_div_up(r->bytes, tiles), ch->out[0], height);
        if (r->pixels) a->stores_step = 0;
        run[height - 1](a);
        if (j->epilogue.activate && a->last)
            ptn_deform_activate(j, ch->out, height, a->columns, r->channel);
    }
}

// Runs the tiles of the pixels inside. For the pixels that are left out, clears the sums at the
// first tap and runs the epilogue at the last.
static void run_listed(const ptn_deform_job *j, const chunk *ch, const tap_list *list, panel_run *r,
                       ptn_tile_args *a) {
    r->pixels = list->pixels;
    r->inputs = list->inputs;
    if (a->first)
        for (size_t i = list->inside; i < ch->outputs; i++)
            memset(r->partial + list->pixels[i] * r->width, 0, r->width * sizeof(float));
    r->end = list->inside;
    run_tiles(j, ch, r, a);
    if (!a->last) return;
    a->first = false;
    a->taps = 0;
    r->begin = list->inside;
    r->end = ch->outputs;
    r->next = NULL;
    run_tiles(j, ch, r, a);
}

// Multiplies the blended rows of `taps` taps from `tap` on by one panel; `list`: of the one tap, or
// NULL.
static void run_panel(const ptn_deform_job *j, const chunk *ch, const tap_list *list, size_t panel,
                      size_t tap, size_t taps) {
    const ptn_conv2d_shape *s = j->conv;
    const size_t in = s->c / s->groups, out = s->k / s->groups;
    const size_t group = panel / j->panels.count;
    const size_t column = panel % j->panels.count * j->panels.width;
    const size_t vectors = ptn_panel_vectors(&j->panels, out, column);
    const size_t width = vectors * j->panels.vector, channel = group * out + column;
    ptn_tile_args a = {
        .taps = taps,
        .channels = in,
        .inputs_step = j->tiling.pixels,
        .input_offset = group * in,
        .panel = weights_of(j, panel, tap),
        .columns = ptn_min(out - column, j->panels.width),
        .first = tap == 0,
        .last = tap + taps == j->taps,
        .out = ch->out,
        .end = ptn_epilogue_at(&j->epilogue, ch->sample, channel),
    };
    panel_run r = {
        .end = ch->outputs,
        .channel = channel,
        .width = width,
        .vectors = vectors,
        .inputs = ch->table,
        .partial = ch->partial + (group * j->panels.padded + column) * j->tiling.pixels,
        .bytes = taps * in * width * sizeof(float),
    };
    // The panel after this one, or the first panel of the taps after these.
    if (panel + 1 < ch->panel_end)
        r.next = (const char *)weights_of(j, panel + 1, tap);
    else if (!a.last)
        r.next = (const char *)weights_of(j, ch->panel_begin, tap + taps);
    if (list)
        run_listed(j, ch, list, &r, &a);
    else
        run_tiles(j, ch, &r, &a);
}

static chunk chunk_of(const ptn_deform_job *j, size_t index, int thread) {
    const ptn_deform_tiling *t = &j->tiling;
    const size_t rest = index / j->chunks, part = rest % j->panel_parts;
    const size_t panels = j->conv->groups * j->panels.count, pixels = j->map.pixels;
    chunk ch = {.sample = rest / j->panel_parts};
    // Chunks end at tile borders, since a partial tile takes as long as a whole one.
    const size_t height = ptn_deform_tile_height(j), tiles = ptn_div_up(pixels, height);
    ch.first = ptn_part_begin(tiles, j->chunks, index % j->chunks) * height;
    const size_t end = ptn_part_begin(tiles, j->chunks, index % j->chunks + 1) * height;
    ch.outputs = ptn_min(end, pixels) - ch.first;
    ch.panel_begin = ptn_part_begin(panels, j->panel_parts, part);
    ch.panel_end = ptn_part_begin(panels, j->panel_parts, part + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    ch.corners = ptn_corners_in(scratch, t->pixels * j->entries, &j->map.p.image);
    ch.compact = (float *)(scratch += t->plan);
    ch.blended = (float *)(scratch += t->compact);
    ch.partial = (float *)(scratch += t->blended);
    ch.table = (const float **)(scratch += t->partial);
    ch.out = (float **)(scratch + t->table);
    return ch;
}

void ptn_deform_panels(void *job, size_t index, int thread) {
    const ptn_deform_job *j = job;
    const ptn_deform_tiling *t = &j->tiling;
    const chunk ch = chunk_of(j, index, thread);
    ptn_plan_pixels(&j->map, &ch.corners, ch.sample, ch.first, ch.outputs, ch.compact);
    const size_t row_floats = ptn_deform_row_floats(j->conv), tap_floats = t->pixels * row_floats;
    for (size_t tap = 0; tap < t->taps; tap++)
        for (size_t m = 0; m < ch.outputs; m++)
            ch.table[tap * t->pixels + m] = ch.blended + tap * tap_floats + m * row_floats;
    const size_t together = taps_together(j, &ch);
    for (size_t tap = 0; tap < j->taps; tap += together) {
        const size_t taps = ptn_min(together, j->taps - tap);
        const ptn_blend_args blend = {
            .corners = &ch.corners,
            .pixels = ch.outputs,
            .taps = j->taps,
            .offset_groups = j->shape->offset_groups,
            .channels = j->conv->c / j->shape->offset_groups,
            .channel_end = j->conv->c,
            .tap_begin = tap,
            .tap_end = tap + taps,
            .out = ch.blended,
            .row_floats = row_floats,
            .tap_floats = tap_floats,
        };
        ptn_blend_rows[j->map.isa](&blend);
        tap_list list;
        const bool listed = together == 1 && list_pixels(j, &ch, tap, &list);
        for (size_t p = ch.panel_begin; p < ch.panel_end; p++)
            run_panel(j, &ch, listed ? &list : NULL, p, tap, taps);
    }
}
