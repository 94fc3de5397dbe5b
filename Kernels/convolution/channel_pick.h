// Copies chosen channels of rows of floats side by side, and back.
#ifndef PTN_CONVOLUTION_CHANNEL_PICK_H
#define PTN_CONVOLUTION_CHANNEL_PICK_H

#include "../core/checked.h"
#include "ptn_runtime.h"
#include <stdint.h>

enum { PTN_PICK_LANES = 16 };

// Chosen channels that lie within one vector.
typedef struct ptn_pick {
    // Of the vector: floats from the first row's start, floats from one row to the next, lanes that
    // may be read or written.
    size_t first, stride, lanes;
    size_t place, count; // of the copies: floats from a row's start, number
    // Gathering: the lane of each copy. Spreading: the copy of each lane, 0 where there is none.
    int32_t index[PTN_PICK_LANES];
    int32_t mask[PTN_PICK_LANES]; // spreading: -1 for lanes that have a copy, else 0
} ptn_pick;

// The picks that gather `count` listed channels of rows of `channels` floats, for vectors of
// `vector` lanes; returns their number, at most one per vector of the row.
size_t ptn_picks_for(const int32_t *list, size_t count, size_t channels, size_t vector,
                     ptn_pick *picks);
// The picks that spread them: one for every vector of the row.
size_t ptn_spread_picks_for(const int32_t *list, size_t count, size_t channels, size_t vector,
                            ptn_pick *picks);

// Gathers rows first + rows[i] (NULL: first + i), i < count, of `from`; each of the copies has
// `width` floats, zeros after the first `used`.
void ptn_pick_rows(ptn_isa isa, const ptn_pick *picks, size_t pick_count, const int32_t *rows,
                   size_t first, size_t count, const float *from, size_t used, size_t width,
                   float *to);
// The reverse for `count` rows of `width` floats: writes every float of the picks' rows, zeros
// where there is no copy.
void ptn_spread_rows(ptn_isa isa, const ptn_pick *picks, size_t pick_count, size_t count,
                     const float *from, size_t width, float *to);

#endif
