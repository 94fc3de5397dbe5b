// Number of cores that this process may use.
#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#include "ptn_runtime.h"

#if defined(__linux__)
// The lowest CPU number on the same physical core, used as the core's number; -1 if unknown.
static int core_leader(int cpu) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    int leader = -1;
    if (fscanf(file, "%d", &leader) != 1) leader = -1;
    fclose(file);
    return leader;
}

// CPU quota of the control group (version 2), rounded up; 0 without a limit.
static int quota_cores(void) {
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!file) return 0;
    long quota = 0, period = 0;
    int fields = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    return fields == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

static int affinity_cores(void) {
    cpu_set_t allowed, leaders;
    CPU_ZERO(&leaders);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        int leader = core_leader(cpu);
        CPU_SET(leader >= 0 && leader < CPU_SETSIZE ? leader : cpu, &leaders);
    }
    return CPU_COUNT(&leaders);
}

int ptn_physical_cores(void) {
    int cores = affinity_cores(), quota = quota_cores();
    if (quota > 0 && quota < cores) cores = quota;
    return cores > 0 ? cores : 1;
}
#elif defined(__APPLE__)
int ptn_physical_cores(void) {
    int cores = 1;
    size_t size = sizeof cores;
    if (sysctlbyname("hw.physicalcpu", &cores, &size, NULL, 0) != 0 || cores < 1) return 1;
    return cores;
}
#else
int ptn_physical_cores(void) { return 1; }
#endif
