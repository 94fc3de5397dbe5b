// Winograd convolution F(4x4, 3x3): 36 multiplications for 16 outputs where the direct way needs
// 144. Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
//
// The image is cut into tiles of 4 x 4 outputs, the tiles into blocks whose transformed pixels stay
// in the second-level cache. For each of the 36 planes a block's transformed pixels are multiplied
// by that plane's weights with the tiles of the direct convolution; then products are transformed
// back, with the epilogue. Sums run over channels in order, whatever the cut.
#include "conv2d_internal.h"
#include <string.h>

enum { PLANES = 36, SIDE = 6, OUTPUTS = 4 };
// Transformed pixels and products of a block: three quarters of a common second-level cache.
static const size_t BLOCK_CACHE = 896 << 10;

// Back-transformation of one tile.
typedef struct ptn_wino_output {
    const float *products; // [plane][.., channel]
    size_t step;           // floats from plane to plane
    size_t channels;       // of this panel
    size_t rows, columns;  // outputs inside the image, 1 ... 4
    float *out;
    size_t out_row, out_pixel; // floats from output to output
    const float *bias, *gate;  // of the panel's first channel, or NULL
    ptrdiff_t residual;        // bytes from an output to its residual
    bool has_residual, residual_last;
    float low, high;
} ptn_wino_output;

#define PTN_SOURCE "../conv/winograd.inc"
#include "../core/foreach_isa.h"

typedef void (*input_fn)(const float *const pixels[PLANES], size_t channels, size_t step, float *u);
typedef void (*output_fn)(const ptn_wino_output *args);
static const input_fn input_variants[PTN_ISA_COUNT] = PTN_TABLE(wino_input);
static const output_fn output_variants[PTN_ISA_COUNT] = PTN_TABLE(wino_output);

// How a convolution is cut. All of it follows from the shape and the instruction set.
typedef struct cutting {
    ptn_panels panels;
    size_t tiles_h, tiles_w, tiles; // of one image
    size_t blocks, block_tiles;     // per image; tiles of the largest block
    size_t width;                   // channels of a full panel
} cutting;

static cutting cut(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    cutting c = {.panels = ptn_panels_for(isa, s->k)};
    c.width = c.panels.width;
    c.tiles_h = ptn_div_up(plan->out_h, OUTPUTS);
    c.tiles_w = ptn_div_up(plan->out_w, OUTPUTS);
    c.tiles = c.tiles_h * c.tiles_w;
    const size_t per_tile = PLANES * sizeof(float) * (s->c + c.width);
    const size_t fit = ptn_max(PTN_TILE_MAX_ROWS / 2, BLOCK_CACHE / per_tile);
    c.blocks = ptn_div_up(c.tiles, fit);
    c.block_tiles = ptn_div_up(c.tiles, c.blocks);
    return c;
}

bool ptn_conv2d_winograd_applies(const ptn_conv2d_shape *s) {
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 &&
           s->dilation_w == 1 && s->groups == 1 && (s->c > 1 || s->k > 1);
}

// Estimated cycles of both ways, in units of one vector multiply-add. The constants were fitted to
// measurements on a server core with two 512-bit units; what matters is their ratio.
bool ptn_conv2d_winograd_pays(ptn_isa isa, const ptn_conv2d_shape *s, const ptn_conv2d_plan *plan) {
    const cutting c = cut(isa, s, plan);
    const double lanes = (double)c.panels.vector, tiles = (double)c.tiles;
    const double in = (double)s->c, out = (double)c.panels.padded;
    const double direct = (double)plan->out_h * (double)plan->out_w * 9 * in * out / lanes;
    const double products = PLANES * tiles * in * out / lanes * 1.1;
    const double transforms = tiles * (260 * ceil(in / lanes) + 220 * ceil(out / lanes));
    // Weights are read once per block, beyond the second-level cache at a limited rate.
    const double weights = PLANES * in * out * (double)c.blocks * sizeof(float);
    const double traffic = weights > 1e6 ? weights / 6 : 0;
    return 1.15 * (fmax(products, traffic) + transforms) < direct;
}

static size_t pixels_bytes(const cutting *c, const ptn_conv2d_shape *s) {
    return ptn_round_64(PLANES * c->block_tiles * s->c * sizeof(float));
}

static size_t products_bytes(const cutting *c) {
    return ptn_round_64(PLANES * c->block_tiles * c->width * sizeof(float));
}

static size_t table_bytes(const cutting *c) {
    return ptn_round_64(c->block_tiles * sizeof(float *)) +
           ptn_round_64(PTN_TILE_MAX_ROWS * sizeof(float *));
}

// With few blocks per thread the panels are shared out too, and all blocks are transformed before.
static bool shares_panels(const cutting *c, const ptn_conv2d_shape *s, int threads) {
    return threads > 1 && s->n * c->blocks < 4 * (size_t)threads;
}

size_t ptn_conv2d_winograd_scratch(ptn_isa isa, const ptn_conv2d_shape *s,
                                   const ptn_conv2d_plan *plan) {
    const cutting c = cut(isa, s, plan);
    const size_t threads = (size_t)plan->threads;
    const size_t inputs = shares_panels(&c, s, plan->threads) ? s->n * c.blocks : threads;
    return ptn_round_64(s->c * sizeof(float)) + inputs * pixels_bytes(&c, s) +
           threads * (products_bytes(&c) + table_bytes(&c));
}

size_t ptn_conv2d_winograd_floats(ptn_isa isa, const ptn_conv2d_shape *s) {
    return PLANES * s->c * ptn_panels_for(isa, s->k).padded;
}

// G g G^T in double precision: transformed weights are rounded once.
static void transform_filter(const float *g, double scale, double u[PLANES]) {
    static const double G[SIDE][3] = {{0.25, 0, 0},
                                      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                      {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                      {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                      {0, 0, 1}};
    double half[SIDE][3];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < 3; j++)
            half[i][j] = G[i][0] * g[j] + G[i][1] * g[3 + j] + G[i][2] * g[6 + j];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            u[SIDE * i + j] = scale * (half[i][0] * G[j][0] + half[i][1] * G[j][1] +
                                       half[i][2] * G[j][2]);
}

// Panels [plane][channel][width], padded with zeros.
void ptn_conv2d_winograd_pack(ptn_isa isa, const ptn_conv2d_shape *s, const float *weights,
                              const float *scale, float *packed) {
    const ptn_panels p = ptn_panels_for(isa, s->k);
    memset(packed, 0, ptn_conv2d_winograd_floats(isa, s) * sizeof *packed);
    for (size_t first = 0; first < s->k; first += p.width) {
        const size_t width = ptn_panel_vectors(&p, s->k, first) * p.vector;
        float *panel = packed + PLANES * s->c * first;
        for (size_t j = 0; j < ptn_min(width, s->k - first); j++)
            for (size_t c = 0; c < s->c; c++) {
                double u[PLANES];
                const size_t k = first + j;
                transform_filter(weights + (k * s->c + c) * 9, scale ? scale[k] : 1, u);
                for (size_t plane = 0; plane < PLANES; plane++)
                    panel[(plane * s->c + c) * width + j] = (float)u[plane];
            }
    }
}

typedef struct winograd_job {
    const ptn_conv2d_shape *shape;
    const ptn_conv2d_plan *plan;
    const ptn_conv2d_epilogue *epilogue;
    cutting cut;
    ptn_isa isa;
    input_fn input;
    output_fn output;
    ptn_activate_row_fn activate; // NULL when the clamp says it all
    const float *x, *packed;
    size_t packed_stride;
    float *y;
    const float *zeros;
    char *inputs, *thread_scratch; // transformed pixels; products and tables
    size_t thread_bytes;
    float low, high;
} winograd_job;

typedef struct block {
    size_t sample, first, tiles; // tiles [first, first + tiles) of one image
} block;

static block block_at(const winograd_job *j, size_t index) {
    const cutting *c = &j->cut;
    const size_t at = index % c->blocks, each = c->tiles / c->blocks, rest = c->tiles % c->blocks;
    return (block){.sample = index / c->blocks,
                   .first = each * at + ptn_min(at, rest),
                   .tiles = each + (at < rest)};
}

// The 36 pixels of a tile; zeros stand for those outside the image.
static void tile_pixels(const winograd_job *j, size_t sample, size_t tile,
                        const float *pixels[PLANES]) {
    const ptn_conv2d_shape *s = j->shape;
    const float *image = j->x + sample * s->h * s->w * s->c;
    const size_t top = tile / j->cut.tiles_w * OUTPUTS, left = tile % j->cut.tiles_w * OUTPUTS;
    for (size_t i = 0; i < SIDE; i++)
        for (size_t k = 0; k < SIDE; k++) {
            const size_t iy = top + i, ix = left + k;
            const bool inside = iy >= s->pad_top && iy - s->pad_top < s->h &&
                                ix >= s->pad_left && ix - s->pad_left < s->w;
            pixels[SIDE * i + k] =
                inside ? image + ((iy - s->pad_top) * s->w + ix - s->pad_left) * s->c : j->zeros;
        }
}

static void transform_tile(const winograd_job *j, const block *b, size_t tile, float *u) {
    const float *pixels[PLANES];
    tile_pixels(j, b->sample, b->first + tile, pixels);
    j->input(pixels, j->shape->c, b->tiles * j->shape->c, u + tile * j->shape->c);
}

// products[plane][tile][width] = u[plane] * weights[plane] for one panel.
static void multiply(const winograd_job *j, const block *b, const float *u, const float *weights,
                     size_t vectors, char *scratch) {
    const size_t channels = j->shape->c, width = vectors * j->cut.panels.vector;
    float *products = (float *)scratch;
    const float **rows = (const float **)(scratch + products_bytes(&j->cut));
    float **out = (float **)(scratch + products_bytes(&j->cut) +
                             ptn_round_64(j->cut.block_tiles * sizeof(float *)));
    const size_t heights = ptn_div_up(b->tiles, ptn_tile_rows(j->isa, vectors));
    const size_t bytes = channels * width * sizeof(float);
    const size_t turns = ptn_max(1, channels / PTN_TILE_UNROLL);
    for (size_t plane = 0; plane < PLANES; plane++) {
        for (size_t t = 0; t < b->tiles; t++) rows[t] = u + (plane * b->tiles + t) * channels;
        const float *panel = weights + plane * channels * width;
        for (size_t h = 0, begin = 0; h < heights; h++) {
            const size_t end = (h + 1) * b->tiles / heights;
            for (size_t m = begin; m < end; m++)
                out[m - begin] = products + (plane * b->tiles + m) * width;
            const ptn_tile_args a = {.taps = 1,
                                     .channels = channels,
                                     .rows = rows + begin,
                                     .panel = panel,
                                     // The next plane's weights come in meanwhile.
                                     .prefetch = (const char *)panel + bytes + bytes / heights * h,
                                     .prefetch_step = ptn_min(PTN_TILE_PREFETCH,
                                                              bytes / heights / turns + 1),
                                     .stores = (const char *)panel,
                                     .columns = width,
                                     .out = out,
                                     .first = true,
                                     .last = true,
                                     .low = -INFINITY,
                                     .high = INFINITY};
            (*ptn_tile_tables[j->isa])[vectors - 1][end - begin - 1](&a);
            begin = end;
        }
    }
}

static void finish_tile(const winograd_job *j, const ptn_wino_output *a, size_t channel) {
    const ptn_activation_spec *act = &j->epilogue->activation;
    const float *slopes = act->slopes ? act->slopes + channel : NULL;
    for (size_t i = 0; i < a->rows; i++)
        for (size_t k = 0; k < a->columns; k++) {
            float *out = a->out + i * a->out_row + k * a->out_pixel;
            j->activate(act->kind, act->slope, slopes, a->channels, out, out);
        }
}

static void transform_back(const winograd_job *j, const block *b, size_t channel, size_t channels,
                           size_t width, const float *products) {
    const ptn_conv2d_shape *s = j->shape;
    const ptn_conv2d_plan *plan = j->plan;
    const ptn_conv2d_epilogue *e = j->epilogue;
    ptn_wino_output a = {
        .step = b->tiles * width,
        .channels = channels,
        .out_row = plan->out_w * s->k,
        .out_pixel = s->k,
        .bias = e->bias ? e->bias + b->sample * e->bias_stride + channel : NULL,
        .gate = e->gate ? e->gate + b->sample * s->k + channel : NULL,
        .residual = (ptrdiff_t)((uintptr_t)e->residual - (uintptr_t)j->y),
        .has_residual = e->residual != NULL,
        .residual_last = e->residual_after_activation,
        .low = j->low,
        .high = j->high,
    };
    for (size_t t = 0; t < b->tiles; t++) {
        const size_t top = (b->first + t) / j->cut.tiles_w * OUTPUTS;
        const size_t left = (b->first + t) % j->cut.tiles_w * OUTPUTS;
        a.products = products + t * width;
        a.rows = ptn_min(OUTPUTS, plan->out_h - top);
        a.columns = ptn_min(OUTPUTS, plan->out_w - left);
        a.out = j->y + ((b->sample * plan->out_h + top) * plan->out_w + left) * s->k + channel;
        j->output(&a);
        if (j->activate) finish_tile(j, &a, channel);
    }
}

static void run_panel(const winograd_job *j, const block *b, size_t panel, const float *u,
                      char *scratch) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t channel = panel * j->cut.width;
    const size_t vectors = ptn_panel_vectors(&j->cut.panels, s->k, channel);
    const size_t width = vectors * j->cut.panels.vector;
    const float *weights = j->packed + b->sample * j->packed_stride + PLANES * s->c * channel;
    multiply(j, b, u, weights, vectors, scratch);
    transform_back(j, b, channel, ptn_min(width, s->k - channel), width, (float *)scratch);
}

static float *input_at(const winograd_job *j, size_t index) {
    return (float *)(j->inputs + index * pixels_bytes(&j->cut, j->shape));
}

// One block with all its panels.
static void run_block(void *context, size_t index, int thread) {
    const winograd_job *j = context;
    const block b = block_at(j, index);
    char *scratch = j->thread_scratch + (size_t)thread * j->thread_bytes;
    float *u = input_at(j, (size_t)thread);
    for (size_t t = 0; t < b.tiles; t++) transform_tile(j, &b, t, u);
    for (size_t p = 0; p < j->cut.panels.count; p++) run_panel(j, &b, p, u, scratch);
}

static void run_tile(void *context, size_t index, int thread) {
    (void)thread;
    const winograd_job *j = context;
    const size_t at = index / j->cut.block_tiles, tile = index % j->cut.block_tiles;
    const block b = block_at(j, at);
    if (tile < b.tiles) transform_tile(j, &b, tile, input_at(j, at));
}

static void run_block_panel(void *context, size_t index, int thread) {
    const winograd_job *j = context;
    const size_t at = index / j->cut.panels.count;
    const block b = block_at(j, at);
    run_panel(j, &b, index % j->cut.panels.count, input_at(j, at),
              j->thread_scratch + (size_t)thread * j->thread_bytes);
}

ptn_status ptn_conv2d_winograd(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               const ptn_conv2d_plan *plan, const float *x, const float *packed,
                               size_t packed_stride, const ptn_conv2d_epilogue *epilogue,
                               float *y) {
    char *scratch = ptn_scratch_acquire(plan->scratch_bytes);
    if (!scratch) return PTN_OUT_OF_MEMORY;
    winograd_job j = {.shape = shape,
                      .plan = plan,
                      .epilogue = epilogue,
                      .cut = cut(runtime->isa, shape, plan),
                      .isa = runtime->isa,
                      .input = input_variants[runtime->isa],
                      .output = output_variants[runtime->isa],
                      .x = x,
                      .packed = packed,
                      .packed_stride = packed_stride,
                      .y = y,
                      .zeros = (float *)scratch};
    if (!ptn_clamp_of(epilogue->activation.kind, &j.low, &j.high))
        j.activate = ptn_activate_row[runtime->isa];
    memset(scratch, 0, shape->c * sizeof(float));
    const size_t blocks = shape->n * j.cut.blocks;
    const bool by_panel = shares_panels(&j.cut, shape, plan->threads);
    const size_t inputs = by_panel ? blocks : (size_t)plan->threads;
    j.inputs = scratch + ptn_round_64(shape->c * sizeof(float));
    j.thread_scratch = j.inputs + inputs * pixels_bytes(&j.cut, shape);
    j.thread_bytes = products_bytes(&j.cut) + table_bytes(&j.cut);
    if (by_panel) {
        ptn_parallel(plan->threads, blocks * j.cut.block_tiles, run_tile, &j);
        ptn_parallel(plan->threads, blocks * j.cut.panels.count, run_block_panel, &j);
    } else {
        ptn_parallel(plan->threads, blocks, run_block, &j);
    }
    ptn_scratch_release(scratch);
    return PTN_OK;
}
