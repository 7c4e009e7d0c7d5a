/* Repeatable random numbers for training: xorshift64* (Vigna, "An experimental exploration of
 * Marsaglia's xorshift generators, scrambled", 2016). Not for secrets. One owner. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state; /* never 0 */
};

static inline struct random random_from(uint64_t seed) {
    return (struct random){(seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

static inline uint32_t random_u32(struct random *r) {
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (uint32_t)(r->state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* 0 to n - 1 */
static inline uint32_t random_below(struct random *r, uint32_t n) {
    return (uint32_t)((uint64_t)random_u32(r) * n >> 32);
}

/* About normal, mean 0, deviation 1: the sum of twelve uniform numbers. */
static inline float random_normal(struct random *r) {
    float sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (float)(random_u32(r) >> 8) * 0x1p-24f;
    return sum;
}

static inline void random_shuffle(struct random *r, uint32_t *values, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = random_below(r, (uint32_t)i);
        uint32_t kept = values[i - 1];
        values[i - 1] = values[j];
        values[j] = kept;
    }
}
