#include "traffic/latency.h"

#include "base/clock.h"

#include <math.h>

enum { OCTAVE_FIRST = 17 /* 131 µs */, PER_OCTAVE = 4 };
#define FORGET_NS (10 * NS_PER_SECOND) /* time constant of the average's fall */
#define MINUTE_NS (60 * NS_PER_SECOND)

static unsigned bucket_of(int64_t ns) {
    if (ns < INT64_C(1) << OCTAVE_FIRST)
        return 0;
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
    unsigned at = (octave - OCTAVE_FIRST) * PER_OCTAVE + ((unsigned)(ns >> (octave - 2)) & 3);
    return at < LATENCY_BUCKETS ? at : LATENCY_BUCKETS - 1;
}

static int64_t bucket_edge(unsigned at) {
    return (INT64_C(4) + at % PER_OCTAVE) << (at / PER_OCTAVE + OCTAVE_FIRST - 2);
}

static void clear_histogram(struct latency *l, unsigned which) {
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        atomic_store_explicit(&l->histogram[which][i], 0, memory_order_relaxed);
}

/* The epoch is the minute, times two, plus which histogram it fills. Whoever starts a minute clears it; what
 * others count in just then may be lost, which a statistic bears. */
static unsigned current_histogram(struct latency *l, int64_t now) {
    uint64_t minute = (uint64_t)(now / MINUTE_NS), seen = atomic_load(&l->epoch);
    while (seen >> 1 < minute) {
        uint64_t next = minute << 1 | ((seen & 1) ^ 1);
        if (!atomic_compare_exchange_weak(&l->epoch, &seen, next))
            continue;
        clear_histogram(l, next & 1);
        if (minute - (seen >> 1) > 1)
            clear_histogram(l, seen & 1);
        return next & 1;
    }
    return seen & 1;
}

void latency_begin(struct latency *l) {
    atomic_fetch_add_explicit(&l->running, 1, memory_order_relaxed);
}

static int64_t decayed(int64_t average, int64_t age) {
    return age > 0 ? (int64_t)((double)average * exp(-(double)age / (double)FORGET_NS)) : average;
}

void latency_end(struct latency *l, int64_t took_ns, int64_t now) {
    atomic_fetch_sub_explicit(&l->running, 1, memory_order_relaxed);
    if (took_ns < 0)
        return;
    int64_t stamp = atomic_exchange_explicit(&l->stamp, now, memory_order_relaxed);
    int64_t seen = atomic_load_explicit(&l->average, memory_order_relaxed), next;
    do {
        int64_t kept = decayed(seen, now - stamp);
        next = took_ns >= seen ? took_ns : kept + (took_ns - decayed(took_ns, now - stamp));
    } while (!atomic_compare_exchange_weak_explicit(&l->average, &seen, next > 0 ? next : 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    unsigned which = current_histogram(l, now);
    atomic_fetch_add_explicit(&l->histogram[which][bucket_of(took_ns)], 1, memory_order_relaxed);
}

int64_t latency_average(const struct latency *l, int64_t now) {
    int64_t average = atomic_load_explicit(&l->average, memory_order_relaxed);
    return decayed(average, now - atomic_load_explicit(&l->stamp, memory_order_relaxed));
}

int64_t latency_quantile(const struct latency *l, double quantile, uint32_t least, int64_t now) {
    uint64_t counts[LATENCY_BUCKETS], total = 0, below = 0;
    uint64_t minute = (uint64_t)(now / MINUTE_NS), epoch = atomic_load(&l->epoch);
    if (minute > (epoch >> 1) + 1)
        return 0; /* all of it is older than two minutes */
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        counts[i] = (uint64_t)atomic_load_explicit(&l->histogram[0][i], memory_order_relaxed) +
                    atomic_load_explicit(&l->histogram[1][i], memory_order_relaxed);
        total += counts[i];
    }
    if (total == 0 || total < least)
        return 0;
    double wanted = quantile * (double)total;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        if ((double)(below + counts[i]) >= wanted && counts[i] > 0) {
            double low = i ? (double)bucket_edge(i) : 0, high = (double)bucket_edge(i + 1);
            return (int64_t)(low + (high - low) * (wanted - (double)below) / (double)counts[i]);
        }
        below += counts[i];
    }
    return bucket_edge(LATENCY_BUCKETS);
}
