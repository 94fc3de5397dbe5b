#include "ptn_random.h"

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void ptn_fill_uniform(uint64_t seed, float low, float high, size_t count, float *y) {
    const float width = high - low;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = mix(seed + (i + 1) * 0x9E3779B97F4A7C15u);
        y[i] = low + width * ((float)(bits >> 40) * 0x1p-24f);
    }
}
