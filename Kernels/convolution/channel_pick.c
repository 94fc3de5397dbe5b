// Which lanes of which vectors hold the chosen channels.
#include "channel_pick.h"
#include <string.h>

#define PTN_SOURCE "../convolution/channel_pick.inc"
#include "../core/foreach_isa.h"

typedef void (*pick_rows_fn)(const ptn_pick *picks, size_t pick_count, const int32_t *rows,
                             size_t first, size_t count, const float *from, size_t used,
                             size_t width, float *to);
typedef void (*spread_rows_fn)(const ptn_pick *picks, size_t pick_count, size_t count,
                               const float *from, size_t width, float *to);
static const pick_rows_fn pick_rows[PTN_ISA_COUNT] = PTN_TABLE(pick_rows);
static const spread_rows_fn spread_rows[PTN_ISA_COUNT] = PTN_TABLE(spread_rows);

static ptn_pick pick_at(size_t first, size_t channels, size_t vector, size_t place) {
    return (ptn_pick){.first = first,
                      .stride = channels,
                      .lanes = ptn_min(vector, channels - first),
                      .place = place};
}

size_t ptn_picks_for(const int32_t *list, size_t count, size_t channels, size_t vector,
                     ptn_pick *picks) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t first = (size_t)list[i] / vector * vector;
        if (found == 0 || picks[found - 1].first != first)
            picks[found++] = pick_at(first, channels, vector, i);
        ptn_pick *p = &picks[found - 1];
        p->index[p->count++] = (int32_t)((size_t)list[i] - first);
    }
    return found;
}

size_t ptn_spread_picks_for(const int32_t *list, size_t count, size_t channels, size_t vector,
                            ptn_pick *picks) {
    size_t found = 0, at = 0;
    for (size_t first = 0; first < channels; first += vector) {
        ptn_pick *p = &picks[found++];
        *p = pick_at(first, channels, vector, at);
        for (; at < count && (size_t)list[at] < first + vector; at++) {
            p->index[(size_t)list[at] - first] = (int32_t)p->count++;
            p->mask[(size_t)list[at] - first] = -1;
        }
    }
    return found;
}

void ptn_pick_rows(ptn_isa isa, const ptn_pick *picks, size_t pick_count, const int32_t *rows,
                   size_t first, size_t count, const float *from, size_t used, size_t width,
                   float *to) {
    pick_rows[isa](picks, pick_count, rows, first, count, from, used, width, to);
}

void ptn_spread_rows(ptn_isa isa, const ptn_pick *picks, size_t pick_count, size_t count,
                     const float *from, size_t width, float *to) {
    spread_rows[isa](picks, pick_count, count, from, width, to);
}
