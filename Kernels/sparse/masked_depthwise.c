// Driver of the masked depthwise convolution. The most common kernel (3 x 3, stride 1) is computed
// in tiles of up to four rows (masked_depthwise_tiles.c), others row by row
// (masked_depthwise_rows.c).
#include "masked_depthwise.h"
#include "masked_depthwise_rows.h"
#include "masked_depthwise_tiles.h"

ptn_status ptn_masked_depthwise(const ptn_runtime *runtime, const ptn_conv2d_shape *s,
                                const ptn_conv2d_plan *plan, const ptn_masked_conv2d_mask *mask,
                                const float *x, const float *packed, size_t packed_stride,
                                const ptn_conv2d_epilogue *e, float *y) {
    ptn_masked_depthwise_job j = {
        .tiles = {.shape = s, .x = x, .packed = packed, .packed_stride = packed_stride, .y = y},
        .shape = s,
        .plan = plan,
        .mask = mask,
        .isa = runtime->isa,
        .by_height = ptn_divider_for(plan->out_h),
        .inactive = ptn_inactive_for(mask, s->k, y)};
    const bool tiled = mask->input == PTN_MASKED_MAP && ptn_masked_depthwise_is_tiled(s);
    if (!tiled && !ptn_masked_depthwise_runs_scratch(&j)) return PTN_SIZE_OVERFLOW;
    ptn_depthwise_prepare(&j.tiles, runtime->isa, plan, e);
    // As for the dense map: multiply-adds plus reading and writing.
    const double values = (double)mask->outputs->view.count * (double)s->c;
    const double sums = values * (double)(s->kh * s->kw);
    const double lanes = (double)ptn_isa_vector_floats(runtime->isa);
    const double nanoseconds = 1.5 * sums / (lanes * 5) + 2 * values * sizeof(float) / 50;
    const int threads = ptn_threads_worth(runtime->threads, nanoseconds);
    return tiled ? ptn_masked_depthwise_run_tiles(&j, threads)
                 : ptn_masked_depthwise_run_rows(&j, threads);
}
