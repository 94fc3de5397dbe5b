#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif
#include "reference.h"

#if defined(__linux__)
int reference_keep_one_cpu(void) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return 0;
    int cpu = 0;
    while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &all)) cpu++;
    if (cpu == CPU_SETSIZE) return 0;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}
#else
int reference_keep_one_cpu(void) { return 0; }
#endif
