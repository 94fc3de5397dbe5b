// Estimated cycles of each way to compute a masked convolution: the dense estimates
// (convolution/direct_cost.c and winograd_cost.c), scaled by the share of active pixels or tiles.
#include "../convolution/grouped.h"
#include "../convolution/panels.h"
#include "../convolution/winograd_forms.h"
#include "../core/tuning.h"
#include "mask_plan.h"
#include "masked_depthwise_tiles.h"
#include "ptn_masked_conv2d.h"

static const ptn_masked_estimates *const common = &ptn_tuning_common.masked;

// The same costs for every instruction set of a core, since they hardly differ.
static const ptn_masked_costs *costs_here(void) { return &ptn_tuning_for(PTN_ISA_SCALAR)->masked; }

// Cycles to read `floats` weights from beyond the second-level cache.
static double traffic_cycles(double floats) {
    const ptn_masked_costs *costs = costs_here();
    const double bytes = floats * sizeof(float), near = fmin(bytes, common->near_bytes);
    if (bytes <= common->kept_bytes) return 0;
    return near / costs->far_bytes + (bytes - near) / costs->memory_bytes;
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
    const ptn_status status =
        ptn_mask_plan_tiles(plan, side, side, (int32_t *)(scratch + offsets), (size_t *)scratch);
    *count = ((const size_t *)scratch)[v->n];
    ptn_scratch_release(scratch);
    return status;
}

// Cycles of the direct sums on a dense map, for shapes that the dense cost model does not cover.
static double plain_cycles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double lanes = (double)ptn_isa_vector_floats(isa);
    const double pixels = (double)plan->out_h * (double)plan->out_w;
    const double outputs = (double)(s->groups * ptn_panels_for(isa, s->k / s->groups).padded);
    return pixels * (outputs * (double)(s->c / s->groups * s->kh * s->kw) / lanes / 2 +
                     common->pixel * (double)(s->kh * s->kw));
}

// Cycles of a dense map of such a shape by the algorithm that the dense convolution uses.
static double grouped_cycles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const double sums = (double)(s->k * (s->c / s->groups)) * (double)(s->kh * s->kw);
    const double vectors =
        (double)plan->out_h * (double)plan->out_w * sums / (double)ptn_isa_vector_floats(isa);
    if (plan->algorithm == PTN_CONV2D_DEPTHWISE) return common->depthwise * vectors;
    const bool pays = s->groups > 1 && ptn_grouped_pays(isa, s);
    return pays ? common->grouped * vectors : plain_cycles(isa, s, plan);
}

// Cost of depthwise outputs as a share of one sample's dense map. Outputs that fill squares cost as
// much as in the dense map, isolated ones about three times as much, because no input is used
// twice. With partially active tiles, scattered outputs too cost at most as much as the dense map.
static double depthwise_share(const ptn_masked_conv2d_model *m, const ptn_mask_plan *outputs,
                              double share) {
    const ptn_mask_statistics sums = ptn_mask_plan_statistics(outputs);
    if (sums.count == 0) return 0;
    const double apart = 4 * (double)sums.cells2 / (double)sums.count - 1;
    if (!m->tiled) return share * fmin(2.8, 1.1 + 3.3 * apart);
    const double far = 16 * (double)sums.cells4 / (double)sums.count - 1;
    return fmin((double)m->n, share * (1.15 + 0.36 * apart + 0.43 * fmin(far, 5)));
}

// Additional cycles per isolated active pixel.
static double scattered_cycles(const ptn_conv2d_shape *s) {
    const double lines = (double)(s->kh * s->kw) * (double)(s->c / s->groups) / 16;
    return s->kh * s->kw > 1 ? common->scattered * lines : 0;
}

static void model_tiles(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan,
                        ptn_masked_conv2d_model *model) {
    for (size_t i = 0; i < 2; i++) {
        const ptn_conv2d_algorithm algorithm =
            i == 0 ? PTN_CONV2D_WINOGRAD_4X4 : PTN_CONV2D_WINOGRAD_6X6;
        const double planes = (double)ptn_winograd_form_of(algorithm)->planes;
        model->tiles[i] = plan->estimated_cycles[algorithm];
        model->tile_traffic[i] =
            traffic_cycles(planes * (double)s->c * (double)ptn_panels_for(isa, s->k).padded);
        model->dense = fmin(model->dense, model->tiles[i]);
    }
}

ptn_status ptn_masked_conv2d_model_for(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                                       ptn_masked_conv2d_model *model) {
    ptn_conv2d_shape s = *shape;
    s.choice = PTN_CONV2D_FORCE_DIRECT;
    ptn_conv2d_plan plan;
    const ptn_status status = ptn_conv2d_plan_for(runtime, &s, &plan);
    if (status != PTN_OK) return status;
    const double modelled = plan.estimated_cycles[PTN_CONV2D_DIRECT];
    const bool sums = shape->choice == PTN_CONV2D_SUMS;
    *model = (ptn_masked_conv2d_model){
        .n = s.n,
        .h = plan.out_h,
        .w = plan.out_w,
        .k = s.k,
        .direct = modelled > 0 ? modelled : plain_cycles(runtime->isa, &s, &plan),
        .whole = modelled > 0 ? modelled : grouped_cycles(runtime->isa, &s, &plan),
        .traffic = traffic_cycles((double)plan.packed_floats),
        .scattered = scattered_cycles(&s),
        .depthwise = plan.algorithm == PTN_CONV2D_DEPTHWISE,
        .tiled = ptn_masked_depthwise_is_tiled(&s)};
    model->dense = model->whole;
    if (modelled <= 0 || sums) return PTN_OK;
    model_tiles(runtime->isa, &s, &plan, model);
    if (s.dilation_h != 1 || s.dilation_w != 1) model->tiles[0] = model->tiles[1] = 0;
    return PTN_OK;
}

static ptn_status estimate_tiles(const ptn_masked_conv2d_model *m, const ptn_mask_plan *outputs,
                                 size_t form, double *cycles) {
    const size_t side = form == 0 ? 4 : 6;
    size_t count = 0;
    const ptn_status status = count_tiles(outputs, side, &count);
    const double share = (double)count / (double)(ptn_div_up(m->h, side) * ptn_div_up(m->w, side));
    // The dense estimate includes reading the weights; the fewer tiles, the less of that is hidden.
    const double apart = fmax(0, 1 - share / (double)m->n);
    const ptn_masked_costs *costs = costs_here();
    const double sums = m->tiles[form] * share * (1 + costs->scattered_tiles * apart);
    const double traffic = count > 0 ? m->tile_traffic[form] : 0;
    *cycles = costs->overlaps ? hypot(sums, traffic * sqrt(apart)) : sums + traffic * apart;
    return status;
}

// `share`: active pixels of all samples divided by the pixels of one sample's map.
static double pixel_cycles(const ptn_masked_conv2d_model *m, const ptn_mask_plan *outputs,
                           double share) {
    if (m->depthwise) return m->whole * depthwise_share(m, outputs, share);
    if (outputs->view.count == 0) return 0;
    const double sums = m->direct * share * (m->dense < m->whole ? costs_here()->busy_sums : 1);
    const double apart = fmax(0, 1 - share / (double)m->n);
    // Sums and reading the weights overlap in part.
    return hypot(sums, m->traffic) +
           (common->pixel + m->scattered * apart) * (double)outputs->view.count;
}

ptn_status ptn_masked_conv2d_estimate(const ptn_masked_conv2d_model *m,
                                      const ptn_mask_plan *outputs, bool clears,
                                      double cycles[PTN_MASKED_WAYS]) {
    const ptn_mask_view *v = &outputs->view;
    if (v->n != m->n || v->h != m->h || v->w != m->w) return PTN_BAD_ARGUMENT;
    for (size_t i = 0; i < PTN_MASKED_WAYS; i++) cycles[i] = PTN_MASKED_NOT_ESTIMATED;
    const size_t pixels = v->h * v->w, inactive = v->n * pixels - v->count;
    const double share = pixels > 0 ? (double)v->count / (double)pixels : 0;
    cycles[PTN_MASKED_PIXELS] = pixel_cycles(m, outputs, share);
    cycles[PTN_MASKED_DENSE] = (double)m->n * m->dense;
    ptn_status status = PTN_OK;
    if (m->tiles[0] > 0) status = estimate_tiles(m, outputs, 0, &cycles[PTN_MASKED_TILES_4X4]);
    // If 4 x 4 tiles are far from paying, 6 x 6 tiles are not estimated.
    if (m->tiles[1] > 0 && status == PTN_OK &&
        cycles[PTN_MASKED_TILES_4X4] <= 1.4 * cycles[PTN_MASKED_PIXELS])
        status = estimate_tiles(m, outputs, 1, &cycles[PTN_MASKED_TILES_6X6]);
    // After the dense way inactive outputs are always written again: cleared, copied, or restored.
    const double lines = common->line * (double)inactive * (double)m->k / 16;
    for (size_t i = 0; i < PTN_MASKED_WAYS; i++)
        if (cycles[i] > 0 && (clears || i == PTN_MASKED_DENSE)) cycles[i] += lines;
    return status;
}
