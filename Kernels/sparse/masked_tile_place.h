// Where Winograd's tiles of outputs lie.
#ifndef PTN_SPARSE_MASKED_TILE_PLACE_H
#define PTN_SPARSE_MASKED_TILE_PLACE_H

#include <stddef.h>

// A tile of outputs, and how many of them are inside the image.
typedef struct ptn_tile_place {
    size_t sample, top, left, rows, columns;
} ptn_tile_place;

#endif
