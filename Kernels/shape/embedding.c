// Rows of a table: a task is some indices.
#include "ptn_embedding.h"
#include "../tensor/map.h"

typedef struct embedding_job {
    size_t count, per_task, depth;
    const float *indices, *table;
    float *y;
} embedding_job;

size_t ptn_embedding_first_invalid(size_t count, const float *indices, size_t rows) {
    for (size_t i = 0; i < count; i++) {
        const float value = indices[i];
        // The comparison is false for NaN, and the conversion is defined for all values that pass
        // it.
        const bool inside = value >= 0 && value < (float)rows;
        if (!inside || (float)(size_t)value != value || (size_t)value >= rows) return i;
    }
    return count;
}

static void embedding_task(void *context, size_t index, int thread) {
    (void)thread;
    const embedding_job *j = context;
    const size_t end = ptn_min(j->count, (index + 1) * j->per_task);
    for (size_t i = index * j->per_task; i < end; i++)
        memcpy(j->y + i * j->depth, j->table + (size_t)j->indices[i] * j->depth,
               j->depth * sizeof *j->y);
}

ptn_status ptn_embedding(const ptn_runtime *runtime, size_t count, const float *indices,
                         size_t rows, size_t depth, const float *table, float *y) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(count, depth, 1, 1, &floats) || !ptn_float_bytes(rows, depth, 1, 1, NULL))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!indices || ptn_embedding_first_invalid(count, indices, rows) != count)
        return PTN_BAD_ARGUMENT;
    if (floats == 0) return PTN_OK;
    if (!table || !y) return PTN_BAD_ARGUMENT;
    embedding_job j = {.count = count,
                       .per_task = ptn_max(1, PTN_CHUNK / depth),
                       .depth = depth,
                       .indices = indices,
                       .table = table,
                       .y = y};
    ptn_parallel(ptn_threads_for_floats(runtime, 2 * floats), ptn_div_up(count, j.per_task),
                 embedding_task, &j);
    return PTN_OK;
}
