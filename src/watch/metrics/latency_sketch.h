/* How long things took, in fixed memory: counts in bins that grow with the value, sixteen to a doubling, as
 * HdrHistogram has them (http://hdrhistogram.org). A quantile read from it is the middle of its bin: at most
 * 1/32 (3.2 %) off, from 16 us on exactly that, below it exact. Sketches of parts add up to the sketch of the
 * whole. Plain values; one thread at a time. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { LATENCY_STEPS = 16, LATENCY_BINS = 29 * LATENCY_STEPS };

struct latency_sketch {
    uint32_t bins[LATENCY_BINS]; /* saturate */
};

static inline uint32_t latency_bin(uint32_t us) {
    if (us < LATENCY_STEPS)
        return us;
    uint32_t exponent = 31u - (uint32_t)__builtin_clz(us); /* 4 and more */
    return (exponent - 3) * LATENCY_STEPS + (us >> (exponent - 4)) - LATENCY_STEPS;
}

/* The least value of a bin, us. */
static inline double latency_bin_least(uint32_t bin) {
    if (bin < LATENCY_STEPS)
        return bin;
    uint32_t exponent = bin / LATENCY_STEPS + 3;
    return ldexp(LATENCY_STEPS + bin % LATENCY_STEPS, (int)exponent - 4);
}

static inline void latency_sketch_add(struct latency_sketch *s, uint32_t us) {
    s->bins[latency_bin(us)]++;
}

static inline void count_up(uint32_t *count, uint64_t more) {
    uint64_t sum = *count + more;
    *count = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static inline uint64_t latency_sketch_count(const struct latency_sketch *s) {
    uint64_t n = 0;
    for (size_t i = 0; i < LATENCY_BINS; i++)
        n += s->bins[i];
    return n;
}

/* The value that `share` (0..1) of all are within, us; NAN of none. */
static inline double latency_sketch_quantile(const struct latency_sketch *s, double share) {
    uint64_t n = latency_sketch_count(s), seen = 0;
    double wanted = ceil(share * (double)n);
    for (uint32_t i = 0; i < LATENCY_BINS && n > 0; i++) {
        seen += s->bins[i];
        if (seen > 0 && (double)seen >= wanted)
            return i < LATENCY_STEPS ? i : (latency_bin_least(i) + latency_bin_least(i + 1)) / 2;
    }
    return NAN;
}
