// Copies chosen channels from packed panels to packed panels.
#include "panel_select.h"
#include "channel_pick.h"

enum { MOST_WIDTH = 64 };

// The picks of the columns [first, first + width) of the selected channels: vectors of the panels
// that hold them, whose rows are input channels. Returns their number, at most one per column.
static size_t picks_of(const ptn_panels *from, size_t planes, size_t channels,
                       const ptn_channel_lists *lists, size_t first, size_t width,
                       ptn_pick *picks) {
    const size_t last = ptn_min(first + width, lists->output_count);
    size_t found = 0, vector = 0;
    for (size_t i = first; i < last; i++) {
        const size_t k = ptn_channel_at(lists->outputs, i), own = k / from->vector * from->vector;
        if (found == 0 || own != vector) {
            const size_t column = k / from->width * from->width;
            picks[found++] = (ptn_pick){
                .first = planes * channels * column + own - column,
                .stride = ptn_panel_vectors(from, from->padded, column) * from->vector,
                .lanes = from->vector,
                .place = i - first,
            };
            vector = own;
        }
        ptn_pick *p = &picks[found - 1];
        p->index[p->count++] = (int32_t)(k - own);
    }
    return found;
}

void ptn_panels_select(ptn_isa isa, size_t planes, const ptn_conv2d_shape *s, const float *packed,
                       const ptn_conv2d_shape *part, const ptn_channel_lists *lists,
                       float *selected) {
    const ptn_panels from = ptn_panels_for(isa, s->k), to = ptn_panels_for(isa, part->k);
    const size_t rows = lists->input_count, zeros = part->c - rows;
    for (size_t panel = 0; panel < to.count; panel++) {
        const size_t first = panel * to.width;
        const size_t width = ptn_panel_vectors(&to, to.padded, first) * to.vector;
        ptn_pick picks[MOST_WIDTH];
        const size_t count = picks_of(&from, planes, s->c, lists, first, width, picks);
        const size_t used = ptn_min(width, ptn_max(lists->output_count, first) - first);
        for (size_t plane = 0; plane < planes; plane++) {
            ptn_pick_rows(isa, picks, count, lists->inputs, plane * s->c, rows, packed, used, width,
                          selected);
            selected += rows * width;
            for (size_t i = 0; i < zeros * width; i++) selected[i] = 0;
            selected += zeros * width;
        }
    }
}
