/* How quick an upstream is, as observed: a moving average that follows a rise at once and a fall slowly (peak
 * EWMA, as in Twitter's Finagle), and quantiles over the last minute or two from a histogram with 4 buckets
 * per octave (so a quantile lies within a quarter of the truth). One per upstream or model, shared by all
 * loops: atomics. Any thread. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { LATENCY_BUCKETS = 96 };

/* Zero-initialised is valid: nothing observed. */
struct latency {
    _Atomic int64_t average; /* ns */
    _Atomic int64_t stamp;   /* of the last observation */
    _Atomic uint64_t epoch;  /* which histogram is filled, and since which minute */
    _Atomic uint32_t histogram[2][LATENCY_BUCKETS];
    _Atomic uint32_t running; /* calls under way: latency_begin .. latency_end */
};

void latency_begin(struct latency *l);
/* `took_ns` < 0: the call tells nothing (cancelled, refused). Failures that came quickly must not make an
 * upstream look quick: pass -1 for them, and what it took for those that timed out. */
void latency_end(struct latency *l, int64_t took_ns, int64_t now);

int64_t latency_average(const struct latency *l, int64_t now); /* ns; 0: nothing observed */
/* ns; 0 when fewer than `least` calls were observed lately. `quantile` in (0, 1). */
int64_t latency_quantile(const struct latency *l, double quantile, uint32_t least, int64_t now);
