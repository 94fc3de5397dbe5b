// What the parts of the masked depthwise convolution share; not visible outside Kernels/sparse.
#ifndef PTN_MASKED_DEPTHWISE_H
#define PTN_MASKED_DEPTHWISE_H

#include "../convolution/depthwise.h"
#include "masked_conv2d.h"

// Outputs of a tile: rows and columns at most.
enum { PTN_MDW_ROWS = 4, PTN_MDW_COLUMNS = 4 };

// Outputs of a 3 x 3 kernel with stride and dilation 1.
typedef struct ptn_mdw_tile {
    const float *at;           // the first output's first tap; may lie outside the image
    float *out[PTN_MDW_ROWS];  // each row's first output, where all of them are active
    // Where some are: where each output goes, [rows][PTN_MDW_COLUMNS], those that are not active to
    // memory that nobody reads. NULL where all are.
    float *const *places;
    uint16_t active;           // bit row * PTN_MDW_COLUMNS + column; with `places`
    uint8_t rows, columns;     // outputs: 1, 2 or 4
    uint8_t row_begin, row_end, column_begin, column_end; // taps inside the image
} ptn_mdw_tile;

// Several tiles, one after the other, each with all channels.
typedef void (*ptn_mdw_tiles_fn)(const ptn_masked_dw_args *args, const ptn_mdw_tile *tiles,
                                 size_t count);

typedef struct ptn_mdw_job {
    ptn_depthwise_job tiles;
    bool tiled; // whether the dense convolution's tiles can compute runs
    bool scattered; // whether active pixels are, so that tiles may hold others
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_masked_conv2d_mask *mask;
    ptn_isa isa;
    const int32_t *input_rows; // inverse map, NULL for dense inputs
    const ptn_mask_run *runs;
    size_t run_count, compute_tasks;
    ptn_divider by_height;
    ptn_inactive_job inactive;
    char *scratch;
    size_t thread_bytes, tile_rows_at, patch_columns;
} ptn_mdw_job;

// What one task needs of its scratch.
typedef struct ptn_mdw_workspace {
    ptn_masked_dw_run *runs;
    const float **rows; // [runs][kh]
    float *patch;       // [kh][patch_columns][c]
    const float **tile_rows; // [ptn_depthwise_row_slots]: what `found_rows` rows from `found` on read
    size_t found, found_rows;
    size_t count, sample; // runs that wait to be computed, all of one sample
} ptn_mdw_workspace;

// What all outputs of a sample have in common.
ptn_masked_dw_args ptn_mdw_args_for(const ptn_mdw_job *job, size_t sample);
// Outputs [skip, skip + length) of a run, at once or together with later ones.
void ptn_mdw_add_run(const ptn_mdw_job *job, ptn_mdw_workspace *ws, const ptn_mask_run *run,
                     size_t skip, size_t length);
// By the dense convolution's tiles, in pairs of rows where they follow each other in one image.
void ptn_mdw_add_runs(const ptn_mdw_job *job, ptn_mdw_workspace *ws, const ptn_mask_run *run,
                      const ptn_mask_run *end);

extern const ptn_mdw_tiles_fn ptn_mdw_tile_variants[PTN_ISA_COUNT];

// The job's outputs in tiles: for shapes that are tiled, and maps as inputs.
ptn_status ptn_mdw_run_tiles(ptn_mdw_job *job, int threads);

#endif
