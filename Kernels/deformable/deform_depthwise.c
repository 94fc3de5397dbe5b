// Depthwise deformable convolution: plans a few pixels at a time, then blends and sums the taps of
// each pixel, vectors running along the channels. Samples stay in registers.
#include "deform_depthwise.h"

void ptn_deform_depthwise(void *job, size_t index, int thread) {
    const ptn_deform_job *j = job;
    const size_t sample = index / j->chunks, c = j->conv->c, pixels = j->map.pixels;
    const size_t end = ptn_part_begin(pixels, j->chunks, index % j->chunks + 1);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    const ptn_corners corners =
        ptn_corners_in(scratch, j->tiling.pixels * j->entries, &j->map.p.image);
    float *compact = (float *)(scratch += j->tiling.plan);
    const float **weights = (const float **)(scratch + j->tiling.compact);
    for (size_t tap = 0; tap < j->taps; tap++) weights[tap] = j->packed + tap * c;
    ptn_gather_args a = {
        .corners = &corners,
        .step = c,
        .taps = j->taps,
        .offset_groups = j->shape->offset_groups,
        .channels = c / j->shape->offset_groups,
        .weights = weights,
        .end = ptn_epilogue_at(&j->epilogue, sample, 0),
    };
    size_t p = ptn_part_begin(pixels, j->chunks, index % j->chunks);
    for (size_t rows; p < end; p += rows) {
        rows = ptn_min(j->tiling.pixels, end - p);
        ptn_plan_pixels(&j->map, &corners, sample, p, rows, compact);
        const size_t at = (sample * pixels + p) * c;
        a.pixels = rows;
        a.out = j->y + at;
        ptn_gather_pixels[j->map.isa](&a);
        for (size_t m = 0; j->epilogue.activate && m < rows; m++)
            ptn_deform_activate(j, &(float *){a.out + m * c}, 1, c, 0);
    }
}
