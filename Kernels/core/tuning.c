// The tables of fitted constants. The comment before each table says what the constants were fitted
// to, on which core and when, and gives the kernelbench command that shows it: --explain prints
// every algorithm's estimate and the choice, and a case with `algorithm=` measures one of them;
// --break-even compares masks with the dense map. "Not recorded": no command is known.
#include "tuning.h"
#include "core_kind.h"

// direct, winograd: fitted to the times of the direct convolution and both Winograd forms on 36
//     shapes from 5 x 9 to 256 x 256 pixels and 8 to 512 channels, on a server core with two
//     512-bit units; 2026-11-21. The choice took at most 6 % longer than the best of the three.
//     `address` was lowered and `far_bytes` raised by a seventh afterwards, when tables were filled
//     faster and far weights prefetched; the regret was not measured again. kernelbench --explain
//     --shapes dense3x3 --threads 1 --isa avx512
// masked: fitted to the times of all ways on the shapes of ResNet's stages; 2026-11-21.
//     kernelbench --break-even --shapes dense3x3 --threads 1
// tap_block_bytes, streams_single_tiles: as in the driver before Zen was distinguished; not
//     recorded.
static const ptn_tuning full_rate_avx512 = {
    .core = "two 512-bit units",
    .direct = {.product = 1.02, .address = 2, .tile = 92, .byte = 0.072},
    .winograd = {{1.03, 22.4, 8.8, 8.8, 200, 311}, {0.91, 18.3, 7.9, 7.9, 89, 1149}},
    .masked = {10, 10, 0.2, false, 1.18},
    .tap_block_bytes = 32 << 10,
};

// direct, winograd: fitted on the same shapes on the same core with AVX2; 2026-11-21. The choice
//     took at most 14 % longer than the best. Cores without AVX-512 were not measured. The scalar
//     and NEON variants use this table too, since only ratios matter.
//     kernelbench --explain --shapes dense3x3 --threads 1 --isa avx2
// The other constants are those of the table above.
static const ptn_tuning narrow_vectors = {
    .core = "AVX2 on a core with two 512-bit units",
    .direct = {.product = 0.77, .address = 2, .tile = 51, .byte = 0.011},
    .winograd = {{0.75, 15.2, 10.6, 10.6, 84, 241}, {0.76, 39.8, 7.6, 7.6, 58, 511}},
    .masked = {10, 10, 0.2, false, 1.18},
    .tap_block_bytes = 32 << 10,
};

// direct, winograd: cores that execute 512-bit instructions in two halves take twice the cycles for
//     products and hardly more for everything else, so Winograd's forms pay from fewer tiles on.
//     Fitted on Zen 4 on 45 shapes; 2026-11-22. The choice took 2 % longer than the best in the
//     mean and 27 % at most; with the table of full-rate units 13 % and 141 %. kernelbench
//     --explain --shapes dense3x3 --threads 1 --isa avx512
// masked: fitted to the times of all ways on the shapes of ResNet's stages, with masks of pixels,
//     of cells of 2, 4 and 8, and of discs, at densities of 0.03 to 0.9, on Zen 4; 2026-11-22.
//     kernelbench --break-even --shapes dense3x3 --threads 1
// tap_block_bytes: Zen 4 reads weights from its second-level cache as fast as it multiplies by
//     them, so larger blocks are better: sums are stored less often; 2026-11-22. Command not
//     recorded.
// streams_single_tiles: Zen 4; 2026-11-22. Command not recorded.
static const ptn_tuning halved_avx512 = {
    .core = "Zen, AVX-512",
    .direct = {.product = 2.06, .address = 0, .tile = 0, .byte = 0.03},
    .winograd = {{2.4, 21.6, 13.1, 8.5, 61, 181}, {2.5, 22.6, 13, 7.6, 51, 600}},
    .overlaps = true,
    .masked = {24, 6, 0, true, 1.05},
    .tap_block_bytes = 128 << 10,
    .streams_single_tiles = true,
};

// direct, winograd: the constants of AVX2 on the core with 512-bit units, except overlaps and
//     memory_bytes, which were fitted on a Zen core without AVX-512 to the 22 convolutions of the
//     command below; 2026-11-29. Before, F(4x4) was chosen where F(6x6) is faster, 4 to 20 % on
//     shapes whose weights exceed the second-level cache.
//     kernelbench --regret --threads 1 --shapes dense3x3 resnet50 vgg16 super_resolution
// The other constants are those of Zen with AVX-512.
static const ptn_tuning zen_narrow_vectors = {
    .core = "Zen, AVX2",
    .direct = {.product = 0.77, .address = 2, .tile = 51, .byte = 0.011},
    .winograd = {{0.75, 15.2, 10.6, 7.2, 84, 241}, {0.76, 39.8, 7.6, 6.2, 58, 511}},
    .overlaps = true,
    .masked = {24, 6, 0, true, 1.05},
    .tap_block_bytes = 128 << 10,
    .streams_single_tiles = true,
};

// *_bytes: bytes of weights, fitted with the tables above; 2026-11-21, last_* 2026-11-22.
// mixed_*: experts and mixtures beyond the second-level cache, as within a network; set from a few
//     shapes with AVX2 on a Zen core and not fitted; 2026-11-29. kernelbench --case 'm condconv2d
//     h=28 w=28 c=128 k=128 r=3 experts=4 algorithm=winograd'
// narrow: fitted to the times of one to eight output channels; 2026-11-21. Command not recorded;
//     kernelbench --explain --case 'narrow conv2d h=56 w=56 c=64 k=1 r=3' shows the estimate.
// grouped: fitted on a server core with two 512-bit units; 2026-11-21. NEON was not measured.
//     kernelbench --explain --shapes resnext50_32x4d --threads 1
// masked: cycles on a server core with two 512-bit units, on ResNet's stages; 2026-11-21.
//     kernelbench --break-even --shapes dense3x3 --threads 1
// masked_depthwise: fitted on a server core with two 512-bit units; 2026-11-22.
//     kernelbench --against-direct --shapes masked_depthwise --threads 1
const ptn_common_tuning ptn_tuning_common = {
    .direct_kept_bytes = 5e5,
    .winograd_kept_bytes = 1.5e6,
    .winograd_lost_bytes = 4.5e6,
    .last_kept_bytes = 1.2e7,
    .last_lost_bytes = 2.4e7,
    .mixed_bytes = 4,
    .mixed_winograd_bytes = 1,
    .narrow_product = 0.75,
    .narrow_sum = 4,
    .grouped_single = 1.7,
    .grouped_strided = 1.6,
    .grouped_margin = 0.95,
    .grouped = {[PTN_ISA_SCALAR] = {{1.6, 3.4, 3.4}, {0, 2, 2.2}},
                [PTN_ISA_AVX2] = {{1.65, 2.8, 3}, {0, 2.4, 2.3}},
                [PTN_ISA_AVX512] = {{1.33, 2.33, 3.2}, {0, 2.86, 2.7, 3.45, 4.3}},
                [PTN_ISA_NEON] = {{1.5, 2, 2.5}, {0, 2, 2.4, 3.2, 4.2}}},
    .masked = {.kept_bytes = 1 << 20,
               .near_bytes = 4 << 20,
               .pixel = 6,
               .line = 4,
               .scattered = 2.5,
               .depthwise = 1.5,
               .grouped = 1.25},
    .masked_depthwise = {.full_four = 3.8,
                         .full_two = 4.6,
                         .alone = 17,
                         .some_four = 64,
                         .some_two = 41,
                         .least_active = {3, 4},
                         .scattered = 1.1,
                         .least_in_column = 1.4},
};

const ptn_tuning *ptn_tuning_for(ptn_isa isa) {
    const bool wide = isa == PTN_ISA_AVX512;
    if (ptn_core_kind_here() == PTN_CORE_ZEN) return wide ? &halved_avx512 : &zen_narrow_vectors;
    return wide ? &full_rate_avx512 : &narrow_vectors;
}
