#include "watch/alerts/burn_rate.h"

#include "base/attributes.h"
#include "base/clock.h"

#include <string.h>

/* Below these counts a share says nothing. */
enum { LEAST_REQUESTS = 20, LEAST_BAD = 3 };

static const struct burn_windows fast[] = {{60, 5, 14.4}, {360, 30, 6}};
static const struct burn_windows slow[] = {{3 * 24 * 60, 360, 1}};

const struct burn_windows *burn_windows_of(enum burn_speed speed, unsigned *count) {
    *count = speed == BURN_FAST ? ARRAY_COUNT(fast) : ARRAY_COUNT(slow);
    return speed == BURN_FAST ? fast : slow;
}

static void advance(struct burn_count *ring, unsigned size, int64_t from, int64_t to) {
    if (to - from > size)
        from = to - size;
    while (from < to)
        ring[++from % size] = (struct burn_count){0};
}

static uint32_t add32(uint32_t to, uint64_t n) {
    return n > UINT32_MAX - to ? UINT32_MAX : to + (uint32_t)n;
}

static void count(struct burn_count *c, uint64_t all, uint64_t bad) {
    c->all = add32(c->all, all);
    c->bad = add32(c->bad, bad);
}

void burn_rate_add(struct burn_rate *b, int64_t elapsed_ns, uint64_t all, uint64_t bad) {
    const int64_t minute = 60 * NS_PER_SECOND, hour = 60 * minute;
    int64_t now = b->at_ns + (elapsed_ns > 0 ? elapsed_ns : 0);
    advance(b->minutes, BURN_MINUTES, b->at_ns / minute, now / minute);
    advance(b->hours, BURN_HOURS, b->at_ns / hour, now / hour);
    b->at_ns = now;
    count(&b->minutes[now / minute % BURN_MINUTES], all, bad);
    count(&b->hours[now / hour % BURN_HOURS], all, bad);
}

/* The bucket that is being filled counts as one of them. */
static void sum(const struct burn_rate *b, unsigned minutes, uint64_t *all, uint64_t *bad) {
    const int64_t minute = 60 * NS_PER_SECOND;
    bool by_hour = minutes > BURN_MINUTES;
    unsigned size = by_hour ? BURN_HOURS : BURN_MINUTES, n = by_hour ? minutes / 60 : minutes;
    const struct burn_count *ring = by_hour ? b->hours : b->minutes;
    int64_t at = b->at_ns / (by_hour ? 60 * minute : minute);
    *all = *bad = 0;
    for (unsigned i = 0; i < n && at - i >= 0; i++) {
        *all += ring[(at - i) % size].all;
        *bad += ring[(at - i) % size].bad;
    }
}

static double share(uint64_t bad, uint64_t all) {
    return all ? (double)bad / (double)all : 0;
}

struct burn_verdict burn_rate_judge(const struct burn_rate *b, double objective, enum burn_speed speed) {
    unsigned pairs;
    const struct burn_windows *w = burn_windows_of(speed, &pairs);
    struct burn_verdict nearest = {0};
    double budget = 1 - objective;
    for (unsigned i = 0; i < pairs; i++) {
        uint64_t all, bad, short_all, short_bad;
        sum(b, w[i].long_minutes, &all, &bad);
        sum(b, w[i].short_minutes, &short_all, &short_bad);
        bool long_enough = speed == BURN_FAST || b->at_ns >= w[i].short_minutes * 60 * NS_PER_SECOND;
        struct burn_verdict v = {.enough = all >= LEAST_REQUESTS && long_enough,
                                 .rate = share(bad, all) / budget,
                                 .limit = w[i].limit,
                                 .all = all,
                                 .bad = bad,
                                 .minutes = w[i].long_minutes};
        v.breached = v.enough && short_bad >= LEAST_BAD && v.rate > v.limit &&
                     share(short_bad, short_all) / budget > v.limit;
        if (v.breached)
            return v;
        if (i == 0 || v.rate / v.limit > nearest.rate / nearest.limit)
            nearest = v;
    }
    return nearest;
}
