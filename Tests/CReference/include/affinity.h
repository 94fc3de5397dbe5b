// The CPUs that a test may use.
#ifndef AFFINITY_REFERENCE_H
#define AFFINITY_REFERENCE_H

// Leaves the calling thread, and those that it starts later, the first of the CPUs that it may use.
// 1 when that succeeds; 0 where there is no way to, as outside Linux.
int reference_keep_one_cpu(void);

#endif
