// Scaled dot-product attention: a task is some groups of queries of one head. All groups process
// one block of keys before the next, so that a block is read from memory once.
#include "attention.h"
#include "../tensor/map.h"

typedef struct attention_kernel {
    size_t group; // queries, one per lane
    void (*gather)(size_t rows, size_t depth, float scale, const float *from, size_t step,
                   float *to);
    void (*step)(const ptn_attention_block *block);
    void (*finish)(const ptn_attention_block *block, float *y, size_t step);
    void (*weights)(const ptn_attention_block *block, float *weights, size_t step);
} attention_kernel;

#define PTN_SOURCE "../attention/attention.inc"
#include "../core/foreach_isa.h"

static const attention_kernel *const attention_kernels[PTN_ISA_COUNT] =
    PTN_POINTERS(attention_kernel);

typedef struct attention_job {
    const attention_kernel *kernel;
    const ptn_attention_shape *shape;
    const ptn_attention_rows *query, *key, *value, *result;
    const ptn_attention_mask *masks;
    size_t mask_count, tasks_per_head;
    float *weights, *scratch;
    size_t floats; // floats of scratch per thread: scores, keys and values of a block, groups
    size_t copied; // floats of it for copies of keys and values; 0 if these are not copied
} attention_job;

static size_t at(const ptn_attention_rows *rows, size_t sample, size_t head, size_t row) {
    return sample * rows->sample_step + head * rows->head_step + row * rows->row_step;
}

// A group with its parts of a thread's scratch; the groups share the scores.
static ptn_attention_block group_of(const attention_job *j, size_t sample, size_t head,
                                    size_t query, size_t index, float *scratch) {
    const ptn_attention_shape *s = j->shape;
    const size_t lanes = j->kernel->group;
    ptn_attention_block b = {.shape = s,
                             .first_query = query,
                             .queries = ptn_min(lanes, s->queries - query),
                             .masks = j->mask_count,
                             .scores = scratch};
    b.query = scratch + j->copied +
              (PTN_ATTENTION_KEYS + index * (s->depth + s->value_depth + 2)) * lanes;
    b.state = b.query + s->depth * lanes;
    b.sums = b.state + 2 * lanes;
    for (size_t k = 0; k < j->mask_count; k++) {
        const ptn_attention_mask *mask = &j->masks[k];
        b.mask[k] = mask->rows.values + at(&mask->rows, sample, head, query);
        b.mask_step[k] = mask->rows.row_step;
        b.mask_columns[k] = mask->columns;
        b.mask_kind[k] = mask->kind;
    }
    for (size_t l = 0; l < lanes; l++) b.state[l] = -__builtin_inff();
    memset(b.state + lanes, 0, (1 + s->value_depth) * lanes * sizeof(float));
    j->kernel->gather(b.queries, s->depth, s->scale,
                      j->query->values + at(j->query, sample, head, query), j->query->row_step,
                      b.query);
    return b;
}

// Number of keys up to the last one that any query of the group sees.
static size_t visible_keys(const ptn_attention_block *b) {
    const ptn_attention_shape *s = b->shape;
    if (!s->causal || s->appended > 0) return s->keys;
    return ptn_min(s->keys, b->first_query + b->queries);
}

// Sets a group's block of keys; false if the group sees none of them.
static bool at_keys(const attention_job *j, ptn_attention_block *b, size_t sample, size_t head,
                    size_t key) {
    const size_t visible = visible_keys(b);
    if (key >= visible) return false;
    b->first_key = key;
    b->keys = ptn_min(PTN_ATTENTION_KEYS, visible - key);
    b->key = j->key->values + at(j->key, sample, head, key);
    b->value = j->value->values + at(j->value, sample, head, key);
    b->key_step = j->key->row_step;
    b->value_step = j->value->row_step;
    return true;
}

static void copy_rows(const float *from, size_t step, size_t rows, size_t floats, float *to) {
    for (size_t r = 0; r < rows; r++) memcpy(to + r * floats, from + r * step, floats * sizeof *to);
}

// Copies a block of keys and values for all groups of a task. Rows far apart, such as one head's
// part of longer rows, would share few sets of the first-level cache and evict each other.
static void copy_block(const attention_job *j, size_t sample, size_t head, size_t key,
                       float *copies) {
    const ptn_attention_shape *s = j->shape;
    const size_t rows = ptn_min(PTN_ATTENTION_KEYS, s->keys - key);
    copy_rows(j->key->values + at(j->key, sample, head, key), j->key->row_step, rows, s->depth,
              copies);
    copy_rows(j->value->values + at(j->value, sample, head, key), j->value->row_step, rows,
              s->value_depth, copies + PTN_ATTENTION_KEYS * s->depth);
}

static void use_copies(ptn_attention_block *b, const float *copies) {
    b->key = copies;
    b->value = copies + PTN_ATTENTION_KEYS * b->shape->depth;
    b->key_step = b->shape->depth;
    b->value_step = b->shape->value_depth;
}

static void write_weights(const attention_job *j, ptn_attention_block *b, size_t sample,
                          size_t head) {
    const ptn_attention_shape *s = j->shape;
    float *row = j->weights + ((sample * s->heads + head) * s->queries + b->first_query) * s->keys;
    const size_t visible = visible_keys(b);
    for (size_t key = 0; at_keys(j, b, sample, head, key); key += PTN_ATTENTION_KEYS)
        j->kernel->weights(b, row + key, s->keys);
    for (size_t q = 0; q < b->queries; q++)
        memset(row + q * s->keys + visible, 0, (s->keys - visible) * sizeof *row);
}

static void attention_task(void *context, size_t index, int thread) {
    const attention_job *j = context;
    const ptn_attention_shape *s = j->shape;
    const size_t part = index % j->tasks_per_head, row = index / j->tasks_per_head;
    const size_t sample = row / s->heads, head = row % s->heads, lanes = j->kernel->group;
    const size_t all = ptn_div_up(s->queries, lanes);
    const size_t begin = ptn_part_begin(all, j->tasks_per_head, part);
    const size_t groups = ptn_part_begin(all, j->tasks_per_head, part + 1) - begin;
    float *scratch = j->scratch + (size_t)thread * j->floats;
    ptn_attention_block blocks[PTN_ATTENTION_GROUPS];
    for (size_t g = 0; g < groups; g++)
        blocks[g] = group_of(j, sample, head, (begin + g) * lanes, g, scratch);
    float *copies = scratch + PTN_ATTENTION_KEYS * lanes;
    // The last group sees the most keys.
    const size_t keys = visible_keys(&blocks[groups - 1]);
    for (size_t key = 0; key < keys; key += PTN_ATTENTION_KEYS) {
        if (j->copied > 0) copy_block(j, sample, head, key, copies);
        for (size_t g = 0; g < groups; g++) {
            if (!at_keys(j, &blocks[g], sample, head, key)) continue;
            if (j->copied > 0) use_copies(&blocks[g], copies);
            j->kernel->step(&blocks[g]);
        }
    }
    // Group after group, since all of them use the shared scores.
    for (size_t g = 0; g < groups; g++) {
        float *y = (float *)(uintptr_t)j->result->values;
        j->kernel->finish(&blocks[g], y + at(j->result, sample, head, blocks[g].first_query),
                          j->result->row_step);
        if (j->weights) write_weights(j, &blocks[g], sample, head);
    }
}

static ptn_status check(const ptn_attention_shape *s, const ptn_attention_mask *masks,
                        size_t mask_count) {
    size_t rows;
    if (!ptn_float_bytes(s->samples, s->heads, s->queries, s->keys, NULL) ||
        !ptn_float_bytes(s->samples, s->heads, s->queries, s->depth, NULL) ||
        !ptn_float_bytes(s->samples, s->heads, s->queries, s->value_depth, NULL) ||
        !ptn_float_bytes(s->samples, s->heads, s->keys, s->depth, NULL) ||
        !ptn_float_bytes(s->samples, s->heads, s->keys, s->value_depth, NULL) ||
        !ptn_add(s->depth, s->value_depth, &rows))
        return PTN_SIZE_OVERFLOW;
    if (mask_count > 2 || s->appended > s->keys) return PTN_BAD_ARGUMENT;
    for (size_t k = 0; k < mask_count; k++)
        if (!masks[k].rows.values || (int)masks[k].kind < 0 ||
            masks[k].kind > PTN_ATTENTION_MASK_DROP)
            return PTN_BAD_ARGUMENT;
    return PTN_OK;
}

ptn_status ptn_attention(const ptn_runtime *runtime, const ptn_attention_shape *shape,
                         const ptn_attention_rows *query, const ptn_attention_rows *key,
                         const ptn_attention_rows *value, const ptn_attention_mask *masks,
                         size_t mask_count, const ptn_attention_rows *result, float *weights) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status == PTN_OK) status = check(shape, masks, mask_count);
    if (status != PTN_OK) return status;
    const ptn_attention_shape *s = shape;
    const size_t rows = s->samples * s->heads;
    if (rows == 0 || s->queries == 0) return PTN_OK;
    if (!query->values || !key->values || !value->values || !result->values)
        return PTN_BAD_ARGUMENT;

    attention_job j = {.kernel = attention_kernels[runtime->isa],
                       .shape = shape,
                       .query = query,
                       .key = key,
                       .value = value,
                       .result = result,
                       .masks = masks,
                       .mask_count = mask_count,
                       .weights = weights};
    const size_t groups = ptn_div_up(s->queries, j.kernel->group);
    j.tasks_per_head = ptn_div_up(groups, PTN_ATTENTION_GROUPS);
    // One core computes about 20 multiply-adds per nanosecond.
    const double products = (double)rows * (double)s->queries * (double)s->keys *
                            (double)(s->depth + s->value_depth + 16);
    const int threads = ptn_threads_worth(runtime->threads, products / 20);
    const size_t most = ptn_min(groups, PTN_ATTENTION_GROUPS), depths = s->depth + s->value_depth;
    const bool close = key->row_step == s->depth && value->row_step == s->value_depth;
    if (!ptn_mul(PTN_ATTENTION_KEYS, close || most == 1 ? 0 : depths, &j.copied) ||
        !ptn_mul(most, depths + 2, &j.floats) ||
        !ptn_add(j.floats, PTN_ATTENTION_KEYS, &j.floats) ||
        !ptn_mul(j.floats, j.kernel->group, &j.floats) || !ptn_add(j.floats, j.copied, &j.floats) ||
        !ptn_float_bytes(j.floats, (size_t)threads, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    j.scratch = ptn_scratch_acquire(j.floats * (size_t)threads * sizeof(float));
    if (!j.scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, rows * j.tasks_per_head, attention_task, &j);
    ptn_scratch_release(j.scratch);
    return PTN_OK;
}
