/* How fast one caller may go: the generic cell rate algorithm (ITU-T I.371), a token bucket in one
 * atomic word: the theoretical arrival time of the next request that keeps to the rate. A refused
 * request changes nothing, so being refused costs no rate. Any thread. */
#pragma once

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limiter {
    _Atomic int64_t arrival; /* monotonic ns */
};

struct limiter_verdict {
    bool allowed;
    unsigned remaining;     /* requests that would be allowed right now */
    int64_t retry_after_ns; /* when refused */
    int64_t reset_ns;       /* until the whole burst is there again */
};

/* `rate`: requests per second, above 0. `burst`: requests at once, at least 1. */
struct limiter_verdict limiter_take(struct limiter *l, double rate, unsigned burst, int64_t now);
/* `count` requests at once, all or none; more than `burst` never pass. */
struct limiter_verdict limiter_take_many(struct limiter *l, double rate, unsigned burst, unsigned count,
                                         int64_t now);
