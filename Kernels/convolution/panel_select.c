// Copies chosen channels from packed panels to packed panels.
#include "panel_select.h"
#include <string.h>

enum { MOST_WIDTH = 64 };

// Offsets of a panel's columns from the start of all packed weights at plane 0 and channel 0, and
// the width of the panel that holds them.
typedef struct columns {
    size_t count;
    size_t first[MOST_WIDTH], width[MOST_WIDTH];
} columns;

static columns columns_at(const ptn_panels *from, size_t planes, size_t channels,
                          const ptn_channel_lists *lists, size_t first, size_t width) {
    columns found = {0};
    for (size_t j = 0; j < width && first + j < lists->output_count; j++) {
        const size_t k = ptn_channel_at(lists->outputs, first + j);
        const size_t column = k / from->width * from->width;
        found.width[j] = ptn_panel_vectors(from, from->padded, column) * from->vector;
        found.first[j] = planes * channels * column + k - column;
        found.count++;
    }
    return found;
}

// Whether the columns are neighbours in one panel.
static bool in_line(const columns *c) {
    for (size_t j = 1; j < c->count; j++)
        if (c->first[j] != c->first[0] + j || c->width[j] != c->width[0]) return false;
    return true;
}

void ptn_panels_select(ptn_isa isa, size_t planes, const ptn_conv2d_shape *s, const float *packed,
                       const ptn_conv2d_shape *part, const ptn_channel_lists *lists,
                       float *selected) {
    const ptn_panels from = ptn_panels_for(isa, s->k), to = ptn_panels_for(isa, part->k);
    for (size_t panel = 0; panel < to.count; panel++) {
        const size_t first = panel * to.width;
        const size_t width = ptn_panel_vectors(&to, to.padded, first) * to.vector;
        const columns c = columns_at(&from, planes, s->c, lists, first, width);
        const bool line = in_line(&c);
        for (size_t plane = 0; plane < planes; plane++)
            for (size_t i = 0; i < part->c; i++, selected += width) {
                const size_t used = i < lists->input_count ? c.count : 0;
                const size_t row =
                    used > 0 ? plane * s->c + ptn_channel_at(lists->inputs, i) : 0;
                if (line && used > 0)
                    memcpy(selected, packed + c.first[0] + row * c.width[0],
                           used * sizeof *selected);
                else
                    for (size_t j = 0; j < used; j++)
                        selected[j] = packed[c.first[j] + row * c.width[j]];
                memset(selected + used, 0, (width - used) * sizeof *selected);
            }
    }
}
