// The tables of fitted constants. The head of each says what it was fitted to, on which core, when,
// and the kernelbench line that shows it: --explain prints every algorithm's estimate and the
// choice, and a case with `algorithm=` measures one of them; --break-even measures masks beside the
// whole map. Where the history does not tell, the head says "not recorded".
#include "tuning.h"
#include "core_kind.h"

// direct, winograd: fitted to the times of all three on 36 shapes from 5 x 9 to 256 x 256 pixels
// and 8
//     to 512 channels, on a server core with two 512-bit units; 2026-11-21. The choice cost at most
//     6 % against the best of the three. `address` was lowered and `far_bytes` raised by a seventh
//     afterwards, when tables were filled faster and far weights brought in; the regret was not
//     measured again. kernelbench --explain --shapes dense3x3 --threads 1 --isa avx512
// masked: by the times of all ways on the shapes of ResNet's stages; 2026-11-21.
//     kernelbench --break-even --shapes dense3x3 --threads 1
// tap_block_bytes, streams_single_tiles: what the driver did before Zen was told apart; not
// recorded.
static const ptn_tuning full_rate_avx512 = {
    .core = "two 512-bit units",
    .direct = {.product = 1.02, .address = 2, .tile = 92, .byte = 0.072},
    .winograd = {{1.03, 22.4, 8.8, 8.8, 200, 311}, {0.91, 18.3, 7.9, 7.9, 89, 1149}},
    .masked = {10, 10, 0.2, false, 1.18},
    .tap_block_bytes = 32 << 10,
};

// direct, winograd: the same shapes on the same core with AVX2; 2026-11-21. The choice cost at most
//     14 %. Cores that have nothing wider were not measured; the scalar and NEON variants borrow
//     this table, as ratios are what matters. kernelbench --explain --shapes dense3x3 --threads 1
//     --isa avx2
// The rest as above.
static const ptn_tuning narrow_vectors = {
    .core = "AVX2 on a core with two 512-bit units",
    .direct = {.product = 0.77, .address = 2, .tile = 51, .byte = 0.011},
    .winograd = {{0.75, 15.2, 10.6, 10.6, 84, 241}, {0.76, 39.8, 7.6, 7.6, 58, 511}},
    .masked = {10, 10, 0.2, false, 1.18},
    .tap_block_bytes = 32 << 10,
};

// direct, winograd: cores that execute 512-bit instructions in two halves spend twice the cycles on
//     products and hardly more on all else, so that Winograd's forms pay from fewer tiles on.
//     Fitted on Zen 4 on 45 shapes; 2026-11-22. The choice cost 2 % in the mean and 27 % at most,
//     with the table of full-rate units 13 % and 141 %. kernelbench --explain --shapes dense3x3
//     --threads 1 --isa avx512
// masked: by the times of all ways on the shapes of ResNet's stages: pixels, cells of 2, 4 and 8,
// and
//     discs, at densities of 0.03 to 0.9, on Zen 4; 2026-11-22. kernelbench --break-even --shapes
//     dense3x3 --threads 1
// tap_block_bytes: Zen 4 reads weights from its second-level cache as fast as it multiplies by
// them:
//     the fewer the blocks of a tap, the less often sums are stored; 2026-11-22. Line not recorded.
// streams_single_tiles: Zen 4; 2026-11-22. Line not recorded.
static const ptn_tuning halved_avx512 = {
    .core = "Zen, AVX-512",
    .direct = {.product = 2.06, .address = 0, .tile = 0, .byte = 0.03},
    .winograd = {{2.4, 21.6, 13.1, 8.5, 61, 181}, {2.5, 22.6, 13, 7.6, 51, 600}},
    .overlaps = true,
    .masked = {24, 6, 0, true, 1.05},
    .tap_block_bytes = 128 << 10,
    .streams_single_tiles = true,
};

// direct, winograd: those of AVX2 on the core with 512-bit units, whose choice costs 3 % in the
// mean
//     on Zen 4; 2026-11-22. kernelbench --explain --shapes dense3x3 --threads 1 --isa avx2
// The rest as in the table of Zen with AVX-512. Zen 3 is taken to be like Zen 4.
static const ptn_tuning zen_narrow_vectors = {
    .core = "Zen, AVX2",
    .direct = {.product = 0.77, .address = 2, .tile = 51, .byte = 0.011},
    .winograd = {{0.75, 15.2, 10.6, 10.6, 84, 241}, {0.76, 39.8, 7.6, 7.6, 58, 511}},
    .masked = {24, 6, 0, true, 1.05},
    .tap_block_bytes = 128 << 10,
    .streams_single_tiles = true,
};

const ptn_tuning *ptn_tuning_for(ptn_isa isa) {
    const bool wide = isa == PTN_ISA_AVX512;
    if (ptn_core_kind_here() == PTN_CORE_ZEN) return wide ? &halved_avx512 : &zen_narrow_vectors;
    return wide ? &full_rate_avx512 : &narrow_vectors;
}
