// Driver of the mask head. A task is a block of pixels of one sample: its features are copied to
// planes once, then the networks of all instances of the sample run on them, so the first-level
// cache holds both the block and an instance's weights.
#include "ptn_mask_head.h"
#include "../core/rows.h"

// Pixels of a block, a multiple of two vectors of every instruction set; outputs computed together.
enum { BLOCK_PIXELS = 512, HEAD_OUTPUTS = 8 };

typedef struct head_args {
    size_t pixels, c, channels, layers;
    bool coordinates;
    float location[2], size;
    const float *block;   // [2 + c][BLOCK_PIXELS]
    const float *weights; // packed
    float *logits;        // of the block's first pixel
} head_args;

#define PTN_SOURCE "../dynamic/mask_head.inc"
#include "../core/foreach_isa.h"

typedef void (*head_block_fn)(const head_args *a);
static const head_block_fn head_block[PTN_ISA_COUNT] = PTN_TABLE(head_block);

typedef struct head_job {
    const ptn_mask_head_shape *shape;
    head_block_fn run;
    const float *features, *locations, *sizes, *packed;
    const int32_t *samples;
    float *logits, *scratch;
    size_t pixels, blocks, packed_floats;
} head_job;

static size_t inputs_of(const ptn_mask_head_shape *s) { return s->c + (s->coordinates ? 2 : 0); }

size_t ptn_mask_head_parameters(const ptn_mask_head_shape *s) {
    return inputs_of(s) * s->channels + (s->layers - 2) * s->channels * s->channels + s->channels +
           (s->layers - 1) * s->channels + 1;
}

// Floats of one instance's packed weights: for every hidden layer and eight of its outputs the
// biases and [in][8], zeros beyond the last output; then the last layer's bias and weights.
static size_t packed_floats(const ptn_mask_head_shape *s) {
    const size_t groups = ptn_div_up(s->channels, HEAD_OUTPUTS);
    return groups * HEAD_OUTPUTS * (inputs_of(s) + 1 + (s->layers - 2) * (s->channels + 1)) +
           s->channels + 1;
}

static void pack(const ptn_mask_head_shape *s, const float *weights, float *out) {
    const float *biases = weights + ptn_mask_head_parameters(s) - (s->layers - 1) * s->channels - 1;
    size_t in = inputs_of(s);
    for (size_t layer = 0; layer + 1 < s->layers; layer++) {
        for (size_t o = 0; o < s->channels; o += HEAD_OUTPUTS) {
            const size_t outputs = ptn_min(HEAD_OUTPUTS, s->channels - o);
            memset(out, 0, (in + 1) * HEAD_OUTPUTS * sizeof *out);
            for (size_t k = 0; k < outputs; k++) {
                out[k] = biases[o + k];
                for (size_t i = 0; i < in; i++)
                    out[(i + 1) * HEAD_OUTPUTS + k] = weights[(o + k) * in + i];
            }
            out += (in + 1) * HEAD_OUTPUTS;
        }
        weights += in * s->channels;
        biases += s->channels;
        in = s->channels;
    }
    out[0] = biases[0];
    memcpy(out + 1, weights, in * sizeof *out);
}

// Copies a block's features to planes; pixels beyond the map repeat the last one.
static void copy_block(const head_job *j, size_t sample, size_t first, size_t pixels,
                       float *block) {
    const ptn_mask_head_shape *s = j->shape;
    const float *features = j->features + (sample * j->pixels + first) * s->c;
    for (size_t p = 0; p < BLOCK_PIXELS; p++) {
        const size_t at = ptn_min(p, pixels - 1), pixel = first + at;
        block[p] = (float)(pixel % s->w * s->stride + s->stride / 2);
        block[BLOCK_PIXELS + p] = (float)(pixel / s->w * s->stride + s->stride / 2);
        for (size_t c = 0; c < s->c; c++)
            block[(2 + c) * BLOCK_PIXELS + p] = features[at * s->c + c];
    }
}

static void run_block(void *context, size_t index, int thread) {
    const head_job *j = context;
    const ptn_mask_head_shape *s = j->shape;
    const size_t sample = index / j->blocks, first = index % j->blocks * BLOCK_PIXELS;
    float *block = j->scratch + (size_t)thread * (2 + s->c) * BLOCK_PIXELS;
    head_args a = {.pixels = ptn_min(BLOCK_PIXELS, j->pixels - first),
                   .c = s->c,
                   .channels = s->channels,
                   .layers = s->layers,
                   .coordinates = s->coordinates,
                   .block = block};
    bool is_filled = false;
    for (size_t i = 0; i < s->instances; i++) {
        if ((size_t)j->samples[i] != sample) continue;
        if (!is_filled) copy_block(j, sample, first, a.pixels, block);
        is_filled = true;
        if (s->coordinates) {
            memcpy(a.location, j->locations + 2 * i, sizeof a.location);
            a.size = j->sizes[i];
        }
        a.weights = j->packed + i * j->packed_floats;
        a.logits = j->logits + i * j->pixels + first;
        j->run(&a);
    }
}

static bool shape_valid(const ptn_mask_head_shape *s) {
    return s->channels > 0 && s->channels <= PTN_MASK_HEAD_MOST_CHANNELS &&
           s->c <= PTN_MASK_HEAD_MOST_CHANNELS && s->layers >= 2 &&
           s->layers <= PTN_MASK_HEAD_MOST_LAYERS && s->stride > 0 && s->stride <= 1 << 20 &&
           s->h < (size_t)1 << 31 && s->w < (size_t)1 << 31;
}

ptn_status ptn_mask_head(const ptn_runtime *runtime, const ptn_mask_head_shape *shape,
                         const float *features, const float *parameters, const int32_t *samples,
                         const float *locations, const float *sizes, float *logits) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    if (!shape_valid(shape)) return PTN_BAD_ARGUMENT;
    head_job j = {.shape = shape,
                  .run = head_block[runtime->isa],
                  .features = features,
                  .locations = locations,
                  .sizes = sizes,
                  .samples = samples,
                  .logits = logits,
                  .pixels = shape->h * shape->w,
                  .packed_floats = packed_floats(shape)};
    size_t packed, results;
    if (!ptn_float_bytes(shape->n, j.pixels, ptn_max(1, shape->c), 1, NULL) ||
        !ptn_float_bytes(shape->instances, j.pixels, 1, 1, &results) ||
        !ptn_float_bytes(shape->instances, j.packed_floats, 1, 1, &packed))
        return PTN_SIZE_OVERFLOW;
    if (results == 0) return PTN_OK;
    for (size_t i = 0; i < shape->instances; i++)
        if (samples[i] < 0 || (size_t)samples[i] >= shape->n) return PTN_BAD_ARGUMENT;
    j.blocks = ptn_div_up(j.pixels, BLOCK_PIXELS);
    // A multiply-add of a vector takes half a cycle.
    const double products = (double)results * (double)ptn_mask_head_parameters(shape);
    const int threads = ptn_threads_worth(
        runtime->threads, products / (2 * 2.5 * (double)ptn_isa_vector_floats(runtime->isa)));
    packed = ptn_div_up(packed, 16) * 16;
    const size_t own = (size_t)threads * (2 + shape->c) * BLOCK_PIXELS;
    float *scratch = ptn_scratch_acquire((packed + own) * sizeof(float));
    if (!scratch) return PTN_OUT_OF_MEMORY;
    for (size_t i = 0; i < shape->instances; i++)
        pack(shape, parameters + i * ptn_mask_head_parameters(shape),
             scratch + i * j.packed_floats);
    j.packed = scratch;
    j.scratch = scratch + packed;
    ptn_parallel(threads, shape->n * j.blocks, run_block, &j);
    ptn_scratch_release(scratch);
    return PTN_OK;
}
