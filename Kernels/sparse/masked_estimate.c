// What the choice among the ways to a masked convolution rests on: the dense estimates
// (conv/estimate.c), scaled by the share of pixels or tiles.
#include "../conv/winograd.h"
#include "masked_conv2d.h"

// Weights beyond the second-level cache come in at so many bytes per cycle, however few the pixels.
static const double FAR_BYTES = 10, KEPT_BYTES = 1 << 20;
// Cycles of an address and of writing 64 bytes of an inactive pixel.
static const double PIXEL_CYCLES = 6, LINE_CYCLES = 4;
// Cycles of 64 bytes of an input that no neighbour has brought into the first-level cache.
static const double SCATTERED_CYCLES = 2.5;
// Direct sums take so much longer beside Winograd's algorithm than the dense estimates say while
// others use the core: they need all of it, where Winograd's algorithm waits for memory. On an idle
// core the estimates hold, and this forgoes some of what a mask saves near the break-even; without
// it, a mask costs more than the whole map there on a busy one.
static const double BUSY_SUMS = 1.18;
// By how much more a lone tile takes than one among neighbours.
static const double SCATTERED_TILES = 0.2;
// Cycles of a vector multiply-add.
static const double DEPTHWISE_CYCLES = 1.5, GROUPED_CYCLES = 1.25;

// Compute and traffic overlap in part.
static double with_traffic(double cycles, double floats) {
    const double bytes = floats * sizeof(float);
    const double traffic = bytes > KEPT_BYTES ? bytes / FAR_BYTES : 0;
    return sqrt(cycles * cycles + traffic * traffic);
}

static ptn_status count_tiles(const ptn_mask_plan *plan, size_t side, size_t *count) {
    const ptn_mask_view *v = &plan->view;
    if (side == 4) {
        *count = ptn_mask_plan_statistics(plan).cells4;
        return PTN_OK;
    }
    const size_t all = v->n * ptn_div_up(v->h, side) * ptn_div_up(v->w, side);
    const size_t offsets = ptn_round_64((v->n + 1) * sizeof(size_t));
    char *scratch = ptn_scratch_acquire(offsets + (all + 1) * sizeof(int32_t));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    const ptn_status status = ptn_mask_plan_tiles(plan, side, side, (int32_t *)(scratch + offsets),
                                                  (size_t *)scratch);
    *count = ((const size_t *)scratch)[v->n];
    ptn_scratch_release(scratch);
    return status;
}

// The defining sums on a dense map, where the dense model has no say.
static double plain_cycles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double lanes = (double)ptn_isa_vector_floats(isa);
    const double pixels = (double)plan->out_h * (double)plan->out_w;
    const double outputs = (double)(s->groups * ptn_panels_for(isa, s->k / s->groups).padded);
    return pixels * (outputs * (double)(s->c / s->groups * s->kh * s->kw) / lanes / 2 +
                     PIXEL_CYCLES * (double)(s->kh * s->kw));
}

// The whole map in the form that dense convolutions of such groups take.
static double grouped_cycles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double sums = (double)(s->k * (s->c / s->groups)) * (double)(s->kh * s->kw);
    const double vectors = (double)plan->out_h * (double)plan->out_w * sums /
                           (double)ptn_isa_vector_floats(isa);
    if (plan->algorithm == PTN_CONV2D_DEPTHWISE) return DEPTHWISE_CYCLES * vectors;
    const bool pays = s->groups > 1 && ptn_conv2d_grouped_pays(isa, s);
    return pays ? GROUPED_CYCLES * vectors : plain_cycles(isa, s, plan);
}

// Depthwise outputs cost as much as on the whole map where they fill squares, and some three times as
// much where they stand alone: then no input is used twice.
static double depthwise_share(const ptn_mask_plan *outputs, double share) {
    const ptn_mask_statistics sums = ptn_mask_plan_statistics(outputs);
    if (sums.count == 0) return 0;
    const double spread = 4 * (double)sums.cells2 / (double)sums.count - 1;
    return share * fmin(2.8, 1.1 + 3.3 * spread);
}

// Of an active pixel; `share` counts the pixels of all samples against those of one.
static double scattered_cycles(const ptn_conv2d_shape *s, double share) {
    const double lines = (double)(s->kh * s->kw) * (double)(s->c / s->groups) / 16;
    const double apart = fmax(0, 1 - share / (double)s->n);
    return s->kh * s->kw > 1 ? SCATTERED_CYCLES * lines * apart : 0;
}

static ptn_status estimate_tiles(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                 const ptn_conv2d_plan *plan, const ptn_mask_plan *outputs,
                                 ptn_conv2d_algorithm algorithm, double *cycles) {
    const ptn_wino_form *form = ptn_wino_form_of(algorithm);
    const size_t down = ptn_div_up(plan->out_h, form->outputs);
    const size_t across = ptn_div_up(plan->out_w, form->outputs);
    size_t count = 0;
    const ptn_status status = count_tiles(outputs, form->outputs, &count);
    const double share = (double)count / (double)(down * across);
    const double floats = (double)form->planes * (double)shape->c *
                          (double)ptn_panels_for(runtime->isa, shape->k).padded;
    // The whole map's estimate counts the weights' way; the fewer the tiles, the less it hides it.
    const double traffic = with_traffic(0, count > 0 ? floats : 0);
    const double apart = fmax(0, 1 - share / (double)shape->n);
    *cycles = plan->estimated_cycles[algorithm] * share * (1 + SCATTERED_TILES * apart) +
              traffic * apart;
    return status;
}

// One sample's whole map, the direct sums taking `direct`.
static double dense_cycles(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan, double direct) {
    const double *cycles = plan->estimated_cycles;
    if (s->choice == PTN_CONV2D_SUMS || cycles[PTN_CONV2D_WINOGRAD_4X4] <= 0) return direct;
    return fmin(direct, fmin(cycles[PTN_CONV2D_WINOGRAD_4X4], cycles[PTN_CONV2D_WINOGRAD_6X6]));
}

ptn_status ptn_masked_conv2d_estimate(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                      const ptn_mask_plan *outputs, bool clears,
                                      double cycles[PTN_MASKED_WAYS]) {
    ptn_conv2d_shape s = *shape;
    s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    ptn_status status = ptn_conv2d_plan_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    const ptn_mask_view *v = &outputs->view;
    if (v->n != s.n || v->h != plan.out_h || v->w != plan.out_w) return PTN_BAD_ARGUMENT;
    s.choice = shape->choice;
    for (size_t i = 0; i < PTN_MASKED_WAYS; i++) cycles[i] = PTN_MASKED_NOT_ESTIMATED;
    const double modelled = plan.estimated_cycles[PTN_CONV2D_DIRECT];
    const double direct = modelled > 0 ? modelled : plain_cycles(runtime->isa, &s, &plan);
    const double whole = modelled > 0 ? modelled : grouped_cycles(runtime->isa, &s, &plan);
    const size_t pixels = v->h * v->w, inactive = v->n * pixels - v->count;
    const double share = pixels > 0 ? (double)v->count / (double)pixels : 0;
    const double floats = v->count > 0 ? (double)plan.packed_floats : 0;
    const double dense = dense_cycles(&s, &plan, whole);
    cycles[PTN_MASKED_PIXELS] =
        plan.algorithm == PTN_CONV2D_DEPTHWISE
            ? whole * depthwise_share(outputs, share)
            : with_traffic(direct * share * (dense < whole ? BUSY_SUMS : 1), floats) +
                  (PIXEL_CYCLES + scattered_cycles(&s, share)) * (double)v->count;
    cycles[PTN_MASKED_DENSE] = (double)s.n * dense;
    const bool tiles = modelled > 0 && s.dilation_h == 1 && s.dilation_w == 1 &&
                       s.choice != PTN_CONV2D_SUMS;
    if (tiles)
        status = estimate_tiles(runtime, &s, &plan, outputs, PTN_CONV2D_WINOGRAD_4X4,
                                &cycles[PTN_MASKED_TILES_4X4]);
    // Larger tiles are not worth counting where smaller ones are far from paying.
    if (tiles && status == PTN_OK &&
        cycles[PTN_MASKED_TILES_4X4] <= 1.4 * cycles[PTN_MASKED_PIXELS])
        status = estimate_tiles(runtime, &s, &plan, outputs, PTN_CONV2D_WINOGRAD_6X6,
                                &cycles[PTN_MASKED_TILES_6X6]);
    // The dense way writes inactive outputs in any case: a map that is there has its own back.
    const double lines = LINE_CYCLES * (double)inactive * (double)s.k / 16;
    for (size_t i = 0; i < PTN_MASKED_WAYS; i++)
        if (cycles[i] > 0 && (clears || i == PTN_MASKED_DENSE)) cycles[i] += lines;
    return status;
}
