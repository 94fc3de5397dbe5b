// Reproducible pseudo-random numbers, for initial values.
#ifndef PTN_RANDOM_H
#define PTN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

// y[i] = low + (high - low) * u(i), u(i) in [0, 1) from the upper 24 bits of SplitMix64's number i
// after `seed` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
// Every step is rounded to Float32. Runs on the calling thread.
void ptn_fill_uniform(uint64_t seed, float low, float high, size_t count, float *y);

#endif
