// Sampling plans for positions that depend on the input, and their use: blending and summing.
//
// A plan lists, for every position, four addresses of pixels and four weights. It is made once for
// a tile of outputs and used for all channels that share the position.
#ifndef PTN_SAMPLING_H
#define PTN_SAMPLING_H

#include "../convolution/epilogue.h"
#include "../core/checked.h"
#include "ptn_runtime.h"
#include <stdint.h>

// Whether positions are exact enough in float, and pixel indices and bytes per pixel fit int32.
#define PTN_SAMPLING_MOST_SIDE ((size_t)1 << 22)
static inline bool ptn_sampling_fits(size_t h, size_t w, size_t channels) {
    return h <= PTN_SAMPLING_MOST_SIDE && w <= PTN_SAMPLING_MOST_SIDE &&
           (w == 0 || h <= (size_t)INT32_MAX / w) && channels <= (size_t)INT32_MAX / sizeof(float);
}

// Entries of room after the last one, since whole vectors of entries are stored.
#define PTN_CORNERS_SPARE 16

// The image that is sampled.
typedef struct ptn_sampled_image {
    const float *pixels; // [h][w][step]
    const float *zeros;  // one zero per channel that is read
    size_t h, w, step;
} ptn_sampled_image;

// Entry e: the pixels row[i][e] at (y0, x0), (y0, x1), (y1, x0), (y1, x1) and their weights
// weight[4 * e + i], side by side so that one load fetches the four.
//
// If whole[e] is 255, all four pixels are in the image, `right` and `below` floats apart, so only
// row[0][e] is needed. If all entries of a planning call are whole, row[1 ... 3] are not written.
// `whole` is NULL for entries that are not made from an image.
typedef struct ptn_corners {
    const float **row[4];
    float *weight;
    uint8_t *whole;
    size_t right, below;
} ptn_corners;

// Room for `entries` entries, in entries.
static inline size_t ptn_corners_room(size_t entries) {
    return (entries + 2 * PTN_CORNERS_SPARE - 1) / PTN_CORNERS_SPARE * PTN_CORNERS_SPARE;
}

static inline size_t ptn_corners_bytes(size_t entries) {
    return (4 * (sizeof(float *) + sizeof(float)) + 1) * ptn_corners_room(entries);
}

// Lays out corners in `memory` of ptn_corners_bytes(entries); `image` may be NULL.
static inline ptn_corners ptn_corners_in(void *memory, size_t entries,
                                         const ptn_sampled_image *image) {
    const size_t room = ptn_corners_room(entries);
    ptn_corners c = {.weight = (float *)((const float **)memory + 4 * room)};
    for (size_t i = 0; i < 4; i++) c.row[i] = (const float **)memory + i * room;
    if (!image) return c;
    c.whole = (uint8_t *)(c.weight + 4 * room);
    c.right = image->step;
    c.below = image->w * image->step;
    return c;
}

// Positions of one output pixel or of neighbouring ones in a row: origin + along + tap + scale *
// offset.
typedef struct ptn_positions {
    ptn_sampled_image image;
    size_t count;               // positions
    const float *tap_y, *tap_x; // [count], relative to the pixel
    const float *along;         // [count], whole numbers: columns from the first pixel; NULL: 0
    const float *offsets;       // [count][2]: (y, x), or (x, y) when x_first
    const float *modulation;    // [count]; NULL: 1
    float origin_y, origin_x, scale;
    float low, high;        // positions are clamped to this range, unless low >= high
    bool x_first, is_logit; // is_logit: the modulation is sigmoid(modulation)
} ptn_positions;

// Writes entries first ... first + count - 1 of a plan (and up to PTN_CORNERS_SPARE - 1 beyond).
// Entries outside the image have the address of zeros, entries at a NaN position also NaN weights.
typedef void (*ptn_plan_fn)(const ptn_positions *p, const ptn_corners *corners, size_t first);

// Nearly equal tasks of at most `most` pixels for `pixels` of each of `samples`: several tasks per
// thread, since with one each all threads would wait for the slowest.
static inline size_t ptn_sampling_tasks(size_t pixels, size_t samples, size_t most, int threads) {
    enum { LEAST_PIXELS = 8, TASKS_PER_THREAD = 8 };
    const size_t least = ptn_div_up(pixels, most);
    if (threads <= 1) return least;
    const size_t wanted = ptn_div_up(TASKS_PER_THREAD * (size_t)threads, samples);
    return ptn_max(least, ptn_min(wanted, pixels / LEAST_PIXELS));
}

// What all pixels of a planned output map share.
typedef struct ptn_planned_map {
    ptn_isa isa;
    ptn_positions p;                // except tap places and members that differ by pixel
    float *tap_y, *tap_x, *along;   // places of the taps of neighbouring pixels
    const float *x, *offset, *mask; // of all samples; mask NULL: 1
    size_t groups, points;          // displacements of a pixel
    // Floats from one pixel's displacements, from one group's, to the next.
    size_t offset_pixel, offset_group, mask_pixel, mask_group;
    size_t pixels, out_w; // of a sample
    size_t stride_h, stride_w, pad_top, pad_left;
} ptn_planned_map;

// Positions of neighbouring pixels that are planned together: enough to fill vectors, few enough
// for the plan to stay in the first-level cache.
enum { PTN_PLANNED_TOGETHER = 256 };
static inline size_t ptn_planned_pixels(size_t entries) {
    return ptn_max(1, PTN_PLANNED_TOGETHER / ptn_max(entries, 1));
}

// Floats for the places of taps, or for a contiguous copy of displacements and modulation.
static inline size_t ptn_places_floats(size_t entries) {
    return 3 * ptn_planned_pixels(entries) * entries;
}

// Lays out the map's places of taps in `memory` of ptn_places_floats. The caller then writes the
// first map->points elements of tap_y and tap_x; ptn_repeat_places derives the others from them.
void ptn_set_places(ptn_planned_map *map, float *memory);
void ptn_repeat_places(const ptn_planned_map *map);

// Plans `count` pixels of a sample from pixel `first` on, into entries from 0 on. `compact`:
// scratch of ptn_places_floats.
void ptn_plan_pixels(const ptn_planned_map *map, const ptn_corners *corners, size_t sample,
                     size_t first, size_t count, float *compact);

// Blends the channels of some taps of every pixel into rows.
typedef struct ptn_blend_args {
    const ptn_corners *corners; // [pixels][offset_groups][taps]
    size_t pixels, taps, offset_groups;
    size_t channels;                   // per group of offsets
    size_t channel_begin, channel_end; // channels to blend; a row begins with channel_begin
    size_t tap_begin, tap_end;
    float *out; // [tap_end - tap_begin][pixels][row_floats]
    size_t row_floats, tap_floats;
} ptn_blend_args;

typedef void (*ptn_blend_fn)(const ptn_blend_args *a);

// Output pixels of a depthwise sum over taps, all channels:
// out[c] = finish( sum over taps of weights[tap][c] * blended[c] ).
typedef struct ptn_gather_args {
    const ptn_corners *corners;           // [pixels][offset_groups][taps]
    size_t first;                         // first entry of the first pixel
    size_t pixels, step;                  // number of pixels; floats from one output pixel to the
                                          // next
    size_t taps, offset_groups, channels; // channels per group of offsets
    const float *const *weights;          // [taps]: rows of offset_groups * channels; NULL: 1
    ptn_epilogue_part end;                // of the first channel
    float *out;
} ptn_gather_args;

typedef void (*ptn_gather_fn)(const ptn_gather_args *a);

// Indexed by ptn_isa.
extern const ptn_plan_fn ptn_plan_corners[PTN_ISA_COUNT];
extern const ptn_blend_fn ptn_blend_rows[PTN_ISA_COUNT];
extern const ptn_gather_fn ptn_gather_pixels[PTN_ISA_COUNT];

#endif
