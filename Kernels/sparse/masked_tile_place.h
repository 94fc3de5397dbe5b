// Positions of Winograd's tiles of outputs.
#ifndef PTN_SPARSE_MASKED_TILE_PLACE_H
#define PTN_SPARSE_MASKED_TILE_PLACE_H

#include <stddef.h>

// A tile's sample and first output; `rows` x `columns` outputs are inside the image.
typedef struct ptn_tile_place {
    size_t sample, top, left, rows, columns;
} ptn_tile_place;

#endif
