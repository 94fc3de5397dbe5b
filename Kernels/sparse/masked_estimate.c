// What the choice among the ways to a masked convolution rests on: the dense estimates
// (conv/estimate.c), scaled by the share of pixels or tiles.
#include "../conv/winograd.h"
#include "masked_conv2d.h"

// Weights beyond the second-level cache come in at so many bytes per cycle, however few the pixels.
static const double FAR_BYTES = 10, KEPT_BYTES = 1 << 20;
// Cycles of an address and of writing 64 bytes of an inactive pixel.
static const double PIXEL_CYCLES = 6, LINE_CYCLES = 4;

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
    *cycles = with_traffic(plan->estimated_cycles[algorithm] * share, count > 0 ? floats : 0);
    return status;
}

static double dense_cycles(const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan, double direct,
                           size_t inactive, bool clears) {
    double best = direct;
    const double *cycles = plan->estimated_cycles;
    if (s->choice != PTN_CONV2D_SUMS && cycles[PTN_CONV2D_WINOGRAD_4X4] > 0)
        best = fmin(best, fmin(cycles[PTN_CONV2D_WINOGRAD_4X4], cycles[PTN_CONV2D_WINOGRAD_6X6]));
    const double lines = clears ? (double)inactive * (double)s->k / 16 : 0;
    return (double)s->n * best + LINE_CYCLES * lines;
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
    const size_t pixels = v->h * v->w, inactive = v->n * pixels - v->count;
    const double share = pixels > 0 ? (double)v->count / (double)pixels : 0;
    const double floats = v->count > 0 ? (double)plan.packed_floats : 0;
    cycles[PTN_MASKED_PIXELS] =
        with_traffic(direct * share, floats) + PIXEL_CYCLES * (double)v->count;
    cycles[PTN_MASKED_DENSE] = dense_cycles(&s, &plan, direct, inactive, clears);
    if (modelled == 0 || s.dilation_h != 1 || s.dilation_w != 1 || s.choice == PTN_CONV2D_SUMS)
        return PTN_OK;
    status = estimate_tiles(runtime, &s, &plan, outputs, PTN_CONV2D_WINOGRAD_4X4,
                            &cycles[PTN_MASKED_TILES_4X4]);
    // Larger tiles are not worth counting where smaller ones are far from paying.
    if (status == PTN_OK && cycles[PTN_MASKED_TILES_4X4] <= 1.4 * cycles[PTN_MASKED_PIXELS])
        status = estimate_tiles(runtime, &s, &plan, outputs, PTN_CONV2D_WINOGRAD_6X6,
                                &cycles[PTN_MASKED_TILES_6X6]);
    return status;
}
