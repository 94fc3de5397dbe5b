// Planning and blending for every instruction set.
#include "sampling.h"

#define PTN_SOURCE "../deformable/sampling.inc"
#include "../core/foreach_isa.h"

const ptn_plan_fn ptn_plan_corners[PTN_ISA_COUNT] = PTN_TABLE(plan_corners);
const ptn_blend_fn ptn_blend_rows[PTN_ISA_COUNT] = PTN_TABLE(blend_rows);
const ptn_gather_fn ptn_gather_pixels[PTN_ISA_COUNT] = PTN_TABLE(gather_pixels);

void ptn_set_places(ptn_planned_map *map, float *memory) {
    const size_t room = ptn_places_floats(map->groups * map->points) / 3;
    map->tap_y = memory;
    map->tap_x = memory + room;
    map->along = memory + 2 * room;
}

void ptn_repeat_places(const ptn_planned_map *map) {
    const size_t points = map->points, entries = map->groups * points;
    for (size_t e = 0; e < ptn_places_floats(entries) / 3; e++) {
        if (e >= points) map->tap_y[e] = map->tap_y[e - points];
        if (e >= points) map->tap_x[e] = map->tap_x[e - points];
        map->along[e] = (float)(e / entries * map->stride_w);
    }
}

// Copies `count` blocks of `size` floats, `step` apart, side by side.
static void copy_blocks(const float *from, size_t count, size_t step, size_t size, float *to) {
    for (size_t i = 0; i < count; i++, from += step, to += size)
        memcpy(to, from, size * sizeof *to);
}

// Blocks of `size` floats, `groups` for each of `pixels`, contiguously: in place if they are
// contiguous already, else copied to `to`.
static const float *side_by_side(const float *from, size_t pixels, size_t pixel_step, size_t groups,
                                 size_t group_step, size_t size, float *to) {
    const bool joined = groups == 1 || group_step == size;
    if (joined && (pixels == 1 || pixel_step == groups * size)) return from;
    if (joined) {
        copy_blocks(from, pixels, pixel_step, groups * size, to);
        return to;
    }
    for (size_t m = 0; m < pixels; m++)
        copy_blocks(from + m * pixel_step, groups, group_step, size, to + m * groups * size);
    return to;
}

void ptn_plan_pixels(const ptn_planned_map *map, const ptn_corners *corners, size_t sample,
                     size_t first, size_t count, float *compact) {
    const size_t entries = map->groups * map->points, most = ptn_planned_pixels(entries);
    ptn_positions p = map->p;
    p.image.pixels = map->x + sample * p.image.h * p.image.w * p.image.step;
    p.tap_y = map->tap_y;
    p.tap_x = map->tap_x;
    p.along = map->along;
    for (size_t done = 0, pixels; done < count; done += pixels) {
        const size_t oy = (first + done) / map->out_w, ox = (first + done) % map->out_w;
        const size_t at = sample * map->pixels + first + done;
        pixels = ptn_min(ptn_min(count - done, most), map->out_w - ox);
        p.count = pixels * entries;
        p.origin_y = (float)((double)(oy * map->stride_h) - (double)map->pad_top);
        p.origin_x = (float)((double)(ox * map->stride_w) - (double)map->pad_left);
        p.offsets = side_by_side(map->offset + at * map->offset_pixel, pixels, map->offset_pixel,
                                 map->groups, map->offset_group, 2 * map->points, compact);
        if (map->mask)
            p.modulation =
                side_by_side(map->mask + at * map->mask_pixel, pixels, map->mask_pixel, map->groups,
                             map->mask_group, map->points, compact + 2 * most * entries);
        ptn_plan_corners[map->isa](&p, corners, done * entries);
    }
}
