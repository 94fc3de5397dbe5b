// Estimated cycles of Winograd's forms.
#include "winograd_cost.h"
#include "../core/tuning.h"
#include "cost.h"
#include "tile.h"
#include "winograd_cut.h"
#include <math.h>

// Share of `bytes` that is evicted from a cache before it is used again: 0 up to `kept`, 1 from
// `all` on, linear between.
static double lost_share(double bytes, double kept, double all) {
    return fmin(1, fmax(0, (bytes - kept) / (all - kept)));
}

double ptn_winograd_cycles(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_algorithm algorithm,
                           size_t out_h, size_t out_w) {
    const ptn_tuning *tuning = ptn_tuning_for(isa);
    const ptn_common_tuning *common = &ptn_tuning_common;
    const ptn_winograd_form *form = ptn_winograd_form_of(algorithm);
    const ptn_winograd_costs *costs = &tuning->winograd[algorithm == PTN_CONV2D_WINOGRAD_6X6];
    const ptn_winograd_cut c = ptn_winograd_cut_for(form, isa, s, out_h, out_w, 1);
    const double planes = (double)form->planes, tiles = (double)c.tiles, in = (double)s->c;
    const size_t heights =
        c.blocks * ptn_div_up(c.block_tiles, ptn_tile_height(isa, c.panels.vectors));
    const double weights = planes * in * (double)c.panels.padded * sizeof(float);
    const double beyond = lost_share(weights, common->last_kept_bytes, common->last_lost_bytes);
    const double byte = (1 - beyond) / costs->far_bytes + beyond / costs->memory_bytes;
    const double lost =
        lost_share(weights, common->winograd_kept_bytes, common->winograd_lost_bytes);
    const double far = lost * weights * (double)c.blocks * byte;
    const double sums = costs->product * planes * tiles * in * ptn_panels_time(&c.panels, s->k) / 2;
    const double near = fmax(sums, weights * (double)heights / costs->near_bytes);
    const double vectors =
        ceil(in / (double)c.panels.vector) + 0.75 * (double)(c.panels.padded / c.panels.vector);
    return (tuning->overlaps ? hypot(near, far) : near + far) +
           costs->tile * planes * (double)(heights * c.panels.count) +
           costs->transform * tiles * vectors;
}
