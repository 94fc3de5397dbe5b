// Requests for more memory than exists fail here. The operating system would overcommit: it would
// grant the request and kill the process when the memory is written.
#define _DEFAULT_SOURCE // sysconf's names for memory
#include "memory_limit.h"
#include "checked.h"
#include "ptn_memory.h"
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_size_t limit; // 0: not determined yet
static atomic_size_t live;

// The number in a control group's file; SIZE_MAX if there is no file or no limit.
static size_t number_in(const char *path) {
    unsigned long long value;
    FILE *file = fopen(path, "r");
    if (!file) return SIZE_MAX;
    const bool found = fscanf(file, "%llu", &value) == 1;
    fclose(file);
    return found && value > 0 && value < SIZE_MAX ? (size_t)value : SIZE_MAX;
}

static size_t machine_bytes(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes;
    if (pages <= 0 || page <= 0 || !ptn_mul((size_t)pages, (size_t)page, &bytes)) bytes = SIZE_MAX;
    bytes = ptn_min(bytes, number_in("/sys/fs/cgroup/memory.max"));
    return ptn_min(bytes, number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

// The value of PROTEAN_MEMORY_LIMIT; 0 if it is not set or no number.
static size_t environment_bytes(void) {
    const char *text = getenv("PROTEAN_MEMORY_LIMIT");
    if (!text || *text < '0' || *text > '9') return 0;
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    return *end == '\0' && value <= SIZE_MAX ? (size_t)value : 0;
}

size_t ptn_memory_limit(void) {
    size_t known = atomic_load_explicit(&limit, memory_order_relaxed);
    if (known > 0) return known;
    const size_t asked = environment_bytes();
    const size_t found = asked > 0 ? asked : machine_bytes() / 4 * 3;
    // If another thread has set a limit meanwhile, that limit is used.
    return atomic_compare_exchange_strong(&limit, &known, found) ? found : known;
}

void ptn_memory_set_limit(size_t bytes) {
    atomic_store_explicit(&limit, bytes, memory_order_relaxed);
}

bool ptn_memory_charge(size_t bytes) {
    const size_t most = ptn_memory_limit();
    size_t now = atomic_load_explicit(&live, memory_order_relaxed);
    do {
        if (bytes > most || now > most - bytes) return false;
    } while (!atomic_compare_exchange_weak(&live, &now, now + bytes));
    return true;
}

void ptn_memory_discharge(size_t bytes) {
    atomic_fetch_sub_explicit(&live, bytes, memory_order_relaxed);
}
