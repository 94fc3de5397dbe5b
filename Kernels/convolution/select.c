// Driver of the convolution of chosen channels: buckets of samples with equally long lists are
// copied side by side and convolved, or panels without a chosen channel are left out.
#include "epilogue.h"
#include "panels.h"
#include "select_job.h"
#include <string.h>

static bool choice_valid(const ptn_channel_sets *c, size_t samples, size_t channels) {
    if (!ptn_has_list(c)) return true;
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

// Inputs of which only the chosen channels are not zero.
static void clear_inputs(void *context, size_t s, int thread) {
    (void)thread;
    const ptn_select_job *const *both = context;
    const ptn_select_job *from = both[0], *to = both[1];
    const size_t c = from->shape->c, pixels = from->in_pixels;
    const size_t count = ptn_list_count(from->inputs, s, c);
    const int32_t *list = ptn_list_of(from->inputs, s);
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
    const ptn_select_job *j = context;
    const size_t k = j->shape->k, count = ptn_list_count(j->outputs, s, k);
    const int32_t *list = ptn_list_of(j->outputs, s);
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
static void mark_panels(const ptn_select_job *j, const ptn_panels *panels, uint8_t *wanted) {
    for (size_t s = 0; s < j->shape->n; s++) {
        const size_t count = ptn_list_count(j->outputs, s, j->shape->k);
        const int32_t *list = ptn_list_of(j->outputs, s);
        for (size_t i = 0; i < count; i++)
            wanted[s * panels->count + ptn_channel_at(list, i) / panels->width] = 1;
    }
}

static ptn_status run_panels(const ptn_select_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_panels panels = ptn_panels_for(j->runtime->isa, s->k / s->groups);
    const size_t flags = ptn_round_64(s->n * panels.count);
    const size_t copy = ptn_has_list(j->inputs) ? s->n * j->in_pixels * s->c : 0;
    char *scratch = ptn_scratch_acquire(flags + copy * sizeof(float) + 64);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const bool listed = ptn_has_list(j->outputs) && s->groups == 1;
    memset(scratch, 0, flags);
    if (listed) mark_panels(j, &panels, (uint8_t *)scratch);
    ptn_select_job masked = *j;
    const int threads = j->plan->threads;
    if (copy) {
        const ptn_select_job *both[] = {j, &masked};
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
    if (status == PTN_OK && ptn_has_list(j->outputs))
        ptn_parallel(threads, s->n, clear_outputs, &masked);
    ptn_scratch_release(scratch);
    return status;
}

// Estimated cycles of both ways: multiply-adds, two vectors at a time, and floats that are copied.
// A copied weight is worth two floats, since it is read from another place than its neighbour.
static bool compact_pays(const ptn_select_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_isa isa = j->runtime->isa;
    const ptn_panels panels = ptn_panels_for(isa, s->k / s->groups);
    const double lanes = 2 * (double)ptn_isa_vector_floats(isa);
    const double full = ptn_conv2d_multiply_adds(s, j->plan->out_h, j->plan->out_w) / (double)s->n /
                        lanes * (ptn_conv2d_is_winograd(j->plan->algorithm) ? 0.4 : 1);
    double compact = 0, whole = 0;
    for (size_t n = 0; n < s->n; n++) {
        const double c = (double)ptn_list_rounded(j, j->inputs, n, s->c);
        const double k = (double)ptn_list_rounded(j, j->outputs, n, s->k);
        const double share = c / (double)s->c * (ptn_selects_depthwise(j) ? 1 : k / (double)s->k);
        const size_t written = s->k + ptn_list_count(j->outputs, n, s->k);
        const double moved = (double)j->out_pixels * (double)written;
        const double gathered = ptn_has_list(ptn_select_inputs(j)) ? (double)j->in_pixels * c : 0;
        compact += full * share + 2 * share * (double)j->plan->packed_floats + gathered + moved / 2;
        size_t last = SIZE_MAX, marked = 0;
        const int32_t *list = ptn_list_of(j->outputs, n);
        for (size_t i = 0; list && i < ptn_list_count(j->outputs, n, s->k); i++)
            if ((size_t)list[i] / panels.width != last) {
                last = (size_t)list[i] / panels.width;
                marked++;
            }
        const bool skips = list && s->groups == 1;
        const double part = skips ? (double)marked / (double)panels.count : 1;
        whole += full * part + (ptn_has_list(j->inputs) ? (double)(j->in_pixels * s->c) : 0) +
                 (list ? (double)j->out_pixels * (double)s->k / 4 : 0);
    }
    return compact < whole;
}

static ptn_select_way way_for(const ptn_select_job *j, ptn_select_way way) {
    const bool slopes = j->epilogue->activation.kind == PTN_ACT_PRELU;
    const bool can = j->functions->select && j->plan->algorithm != PTN_CONV2D_NARROW && !slopes &&
                     (j->shape->groups == 1 || ptn_selects_depthwise(j));
    // Without lists of outputs or inputs there is nothing to leave out.
    const bool listed = ptn_has_list(j->outputs) || ptn_has_list(ptn_select_inputs(j));
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
    const ptn_select_job j = {.runtime = runtime,
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
    return ptn_select_compact(&j);
}
