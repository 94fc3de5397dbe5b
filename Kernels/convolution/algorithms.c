// Chooses an algorithm through the algorithms' tables of functions.
#include "algorithms.h"

static const ptn_conv2d_functions *const functions[PTN_CONV2D_ALGORITHMS] = {
    [PTN_CONV2D_DIRECT] = &ptn_conv2d_direct,
    [PTN_CONV2D_DEPTHWISE] = &ptn_conv2d_depthwise,
    [PTN_CONV2D_WINOGRAD_4X4] = &ptn_conv2d_winograd,
    [PTN_CONV2D_WINOGRAD_6X6] = &ptn_conv2d_winograd,
    [PTN_CONV2D_GROUPED] = &ptn_conv2d_grouped,
    [PTN_CONV2D_NARROW] = &ptn_conv2d_narrow,
};

// Algorithms that compute the defining sums. The first whose `pays` is true is chosen.
static const ptn_conv2d_algorithm sums[] = {
    PTN_CONV2D_DEPTHWISE,
    PTN_CONV2D_GROUPED,
    PTN_CONV2D_NARROW,
    PTN_CONV2D_DIRECT,
};

const ptn_conv2d_functions *ptn_conv2d_functions_of(ptn_conv2d_algorithm algorithm) {
    return (unsigned)algorithm < PTN_CONV2D_ALGORITHMS ? functions[algorithm] : NULL;
}

static ptn_conv2d_algorithm sums_for(ptn_isa isa, const ptn_conv2d_shape *s) {
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        if (functions[sums[i]]->pays(isa, s)) return sums[i];
    return PTN_CONV2D_DIRECT;
}

// The faster of two by the plan's estimates. `b` is less exact, so it must be at least 3 % faster.
static ptn_conv2d_algorithm faster(const ptn_conv2d_plan *plan, ptn_conv2d_algorithm a,
                                   ptn_conv2d_algorithm b) {
    return 1.03 * plan->estimated_cycles[b] < plan->estimated_cycles[a] ? b : a;
}

void ptn_conv2d_estimate(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_plan *plan) {
    // Where Winograd's forms do not apply there is nothing to compare.
    if (!ptn_conv2d_winograd_applies(s) || plan->out_h == 0 || plan->out_w == 0) return;
    for (ptn_conv2d_algorithm a = 0; a < PTN_CONV2D_ALGORITHMS; a++)
        if (functions[a]->cycles) plan->estimated_cycles[a] = functions[a]->cycles(isa, s, a, plan);
}

ptn_status ptn_conv2d_choose(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_plan *plan) {
    if (s->choice == PTN_CONV2D_AUTO || s->choice == PTN_CONV2D_WINOGRAD)
        ptn_conv2d_estimate(isa, s, plan);
    const ptn_conv2d_algorithm winograd =
        faster(plan, PTN_CONV2D_WINOGRAD_4X4, PTN_CONV2D_WINOGRAD_6X6);
    switch (s->choice) {
    case PTN_CONV2D_AUTO:
        plan->algorithm = sums_for(isa, s);
        if (functions[winograd]->applies(isa, s))
            plan->algorithm = faster(plan, plan->algorithm, winograd);
        break;
    case PTN_CONV2D_SUMS: plan->algorithm = sums_for(isa, s); break;
    case PTN_CONV2D_FORCE_DIRECT:
        plan->algorithm = ptn_conv2d_is_depthwise(s) ? PTN_CONV2D_DEPTHWISE : PTN_CONV2D_DIRECT;
        break;
    case PTN_CONV2D_WINOGRAD: plan->algorithm = winograd; break;
    case PTN_CONV2D_WINOGRAD_FORCE_4X4: plan->algorithm = PTN_CONV2D_WINOGRAD_4X4; break;
    case PTN_CONV2D_WINOGRAD_FORCE_6X6: plan->algorithm = PTN_CONV2D_WINOGRAD_6X6; break;
    default: return PTN_BAD_ARGUMENT;
    }
    const ptn_conv2d_functions *f = functions[plan->algorithm];
    if (!f->applies(isa, s)) return PTN_BAD_ARGUMENT;
    return f->floats(isa, s, plan->algorithm, &plan->packed_floats) ? PTN_OK : PTN_SIZE_OVERFLOW;
}
