// The cost model that the choice between the direct sums and Winograd's two forms rests on.
//
// Constants were fitted to the times of all three on 36 shapes, from 5 x 9 to 256 x 256 pixels and 8
// to 512 channels, on a server core with two 512-bit units, once for AVX-512 and once for AVX2. The
// others borrow AVX2's, as the ratios are what matters. On those shapes the choice cost at most 6 %
// (AVX-512) and 14 % (AVX2) against the best of the three. The cost of an address is lower than fitted
// and, for AVX-512, far weights come in a seventh faster: tables have been filled faster since, weights
// brought in, and the regret was not measured again.
//
// Cores that take 512-bit instructions in halves spend twice the cycles on products, and hardly more
// on all else, so that Winograd's forms pay from fewer tiles on. Theirs were fitted on Zen 4, on 45
// shapes: the choice cost 2 % in the mean and 27 % at most, with the other table 13 % and 141 %.
// AVX2's table costs 3 % in the mean there.
#include "winograd.h"

typedef struct direct_costs {
    double product; // of a vector multiply-add, in units of half a cycle
    double address; // of an entry in the table of row addresses
    double tile;    // of a tile beside its products
    double byte;    // of weights beyond the second-level cache
} direct_costs;

typedef struct winograd_costs {
    double product;
    double near_bytes; // of weights per cycle, read again for each row of tiles
    double far_bytes;  // ... read again for each block, beyond the second-level cache
    double memory_bytes; // ... beyond the last one that a process can count on
    double tile;
    double transform; // of a vector of channels into the planes; three quarters of it back
} winograd_costs;

typedef struct cost_table {
    direct_costs direct;
    winograd_costs four, six;
    bool overlaps; // products and the weights' way
} cost_table;

static const cost_table wide = {.direct = {1.02, 2, 92, 0.072},
                                .four = {1.03, 22.4, 8.8, 8.8, 200, 311},
                                .six = {0.91, 18.3, 7.9, 7.9, 89, 1149}};
static const cost_table halved = {.direct = {2.06, 0, 0, 0.03},
                                  .four = {2.4, 21.6, 13.1, 8.5, 61, 181},
                                  .six = {2.5, 22.6, 13, 7.6, 51, 600},
                                  .overlaps = true};
static const cost_table narrow = {.direct = {0.77, 2, 51, 0.011},
                                  .four = {0.75, 15.2, 10.6, 10.6, 84, 241},
                                  .six = {0.76, 39.8, 7.6, 7.6, 58, 511}};
// Weights up to here stay in the second-level cache, and none of those beyond the second do.
static const double KEPT_BYTES = 1.5e6, LOST_BYTES = 4.5e6, DIRECT_KEPT_BYTES = 5e5;
// The same of the last-level cache.
static const double LAST_KEPT_BYTES = 1.2e7, LAST_LOST_BYTES = 2.4e7;

static const cost_table *costs_of(ptn_isa isa) {
    if (isa != PTN_ISA_AVX512) return &narrow;
    return ptn_core_kind_here() == PTN_CORE_ZEN ? &halved : &wide;
}

// Half cycles for one input channel at one row of tiles, over all panels.
static double panel_time(const ptn_panels *p, size_t channels) {
    double sum = 0;
    for (size_t first = 0; first < channels; first += p->width)
        sum += ptn_panel_time(ptn_panel_vectors(p, channels, first));
    return sum;
}

// Rows of taps inside the image, over all output rows: the direct sums leave out the others. Tall kernels
// are counted whole; planning must not take time with their size.
static double tap_rows(const ptn_conv2d_shape *s, size_t out_h) {
    if (s->kh > 16) return (double)s->kh * (double)out_h;
    double sum = 0;
    for (size_t i = 0; i < s->kh; i++) {
        const size_t tap = i * s->dilation_h, end = s->h + s->pad_top;
        const size_t first = tap < s->pad_top ? ptn_div_up(s->pad_top - tap, s->stride_h) : 0;
        const size_t last = tap < end ? ptn_min(out_h, ptn_div_up(end - tap, s->stride_h)) : 0;
        sum += last > first ? (double)(last - first) : 0;
    }
    return sum;
}

double ptn_conv2d_direct_cycles(ptn_isa isa, const ptn_conv2d_shape *s,
                                const ptn_conv2d_plan *plan) {
    const direct_costs *costs = &costs_of(isa)->direct;
    const size_t out = s->k / s->groups;
    const ptn_panels p = ptn_panels_for(isa, out);
    const double pixels = (double)plan->out_h * (double)plan->out_w;
    const double taps = (double)(s->kh * s->kw), channels = (double)s->c;
    const double groups = (double)s->groups;
    const double entries = ptn_conv2d_is_merged(s) ? (double)s->kh : taps;
    const double tiles = pixels / (double)ptn_tile_rows(isa, p.vectors) * (double)p.count * groups;
    const double weights = taps * channels * (double)p.padded * sizeof(float);
    const double terms =
        tap_rows(s, plan->out_h) * (double)plan->out_w * (double)s->kw * channels;
    return costs->product * terms * panel_time(&p, out) / 2 +
           costs->address * pixels * entries + costs->tile * tiles +
           costs->byte * fmax(0, weights - DIRECT_KEPT_BYTES);
}

// How much of `bytes` is gone from a cache before it is used again: 0 up to `kept`, 1 from `all` on.
static double lost_share(double bytes, double kept, double all) {
    return fmin(1, fmax(0, (bytes - kept) / (all - kept)));
}

static double winograd_cycles(const cost_table *table, ptn_conv2d_algorithm algorithm, ptn_isa isa,
                              const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const ptn_wino_form *form = ptn_wino_form_of(algorithm);
    const winograd_costs *costs =
        algorithm == PTN_CONV2D_WINOGRAD_4X4 ? &table->four : &table->six;
    const ptn_wino_cut c = ptn_wino_cut_for(form, isa, s, plan->out_h, plan->out_w, 1);
    const double planes = (double)form->planes, tiles = (double)c.tiles, in = (double)s->c;
    const size_t heights =
        c.blocks * ptn_div_up(c.block_tiles, ptn_tile_rows(isa, c.panels.vectors));
    const double weights = planes * in * (double)c.panels.padded * sizeof(float);
    const double beyond = lost_share(weights, LAST_KEPT_BYTES, LAST_LOST_BYTES);
    const double byte = (1 - beyond) / costs->far_bytes + beyond / costs->memory_bytes;
    const double lost = lost_share(weights, KEPT_BYTES, LOST_BYTES);
    const double far = lost * weights * (double)c.blocks * byte;
    const double sums = costs->product * planes * tiles * in * panel_time(&c.panels, s->k) / 2;
    const double near = fmax(sums, weights * (double)heights / costs->near_bytes);
    const double vectors = ceil(in / (double)c.panels.vector) +
                           0.75 * (double)(c.panels.padded / c.panels.vector);
    return (table->overlaps ? hypot(near, far) : near + far) +
           costs->tile * planes * (double)(heights * c.panels.count) +
           costs->transform * tiles * vectors;
}

double ptn_conv2d_winograd_cycles(ptn_isa isa, const ptn_conv2d_shape *s,
                                  const ptn_conv2d_plan *plan) {
    return winograd_cycles(costs_of(isa), plan->algorithm, isa, s, plan);
}

void ptn_conv2d_estimate(ptn_isa isa, const ptn_conv2d_shape *s, ptn_conv2d_plan *plan) {
    if (!ptn_conv2d_winograd_applies(s) || plan->out_h == 0 || plan->out_w == 0) return;
    const cost_table *costs = costs_of(isa);
    double *cycles = plan->estimated_cycles;
    cycles[PTN_CONV2D_DIRECT] = ptn_conv2d_direct_cycles(isa, s, plan);
    for (ptn_conv2d_algorithm a = PTN_CONV2D_WINOGRAD_4X4; a <= PTN_CONV2D_WINOGRAD_6X6; a++)
        cycles[a] = winograd_cycles(costs, a, isa, s, plan);
}
