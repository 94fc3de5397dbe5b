// The most memory that blocks of all kinds may take together.
#ifndef PTN_MEMORY_LIMIT_H
#define PTN_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

// Counts `bytes` as in use; false, without counting them, if that would exceed the limit.
bool ptn_memory_charge(size_t bytes);
// Counts them as free again.
void ptn_memory_discharge(size_t bytes);

#endif
