#include "traffic/retry.h"

#include "base/clock.h"

enum { ONE_RETRY = 1000, BURST_DEFAULT = 100, RETRY_AFTER_S = 30, RETRY_AFTER_MS_WITH_NEXT = 500 };

void retry_budget_earn(struct retry_budget *b, const struct retry_options *o) {
    int64_t most = (int64_t)(o->budget_burst ? o->budget_burst : BURST_DEFAULT) * ONE_RETRY;
    int64_t earned = (int64_t)(o->budget * ONE_RETRY);
    int64_t seen = atomic_load_explicit(&b->saved, memory_order_relaxed), next;
    do {
        if (seen >= most)
            return;
        next = seen + earned < most ? seen + earned : most;
    } while (!atomic_compare_exchange_weak_explicit(&b->saved, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

bool retry_budget_take(struct retry_budget *b, const struct retry_options *o, int64_t now) {
    int64_t seen = atomic_load_explicit(&b->saved, memory_order_relaxed);
    while (seen >= ONE_RETRY)
        if (atomic_compare_exchange_weak_explicit(&b->saved, &seen, seen - ONE_RETRY, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    if (o->budget_per_second <= 0)
        return false;
    unsigned burst = o->budget_per_second < 1 ? 1 : (unsigned)o->budget_per_second;
    return limiter_take(&b->steady, o->budget_per_second, burst, now).allowed;
}

/* Full jitter: anything from nothing to the ceiling, since what spreads callers best is to draw afresh. */
static int64_t pause_of(const struct retry_options *o, unsigned attempts, uint64_t random) {
    int64_t ceiling = o->base_ns;
    for (unsigned i = 1; i < attempts && ceiling < o->max_ns; i++)
        ceiling *= 2;
    if (ceiling > o->max_ns)
        ceiling = o->max_ns;
    return (int64_t)((double)ceiling * ((double)(random >> 11) * 0x1p-53));
}

static struct retry_decision elsewhere(const struct retry_attempt *a, const char *reason) {
    bool next = a->has_next && failure_other_may_answer(a->failure);
    return (struct retry_decision){.verdict = next ? RETRY_NEXT : RETRY_STOP, .reason = reason};
}

struct retry_decision retry_decide(const struct retry_options *o, struct retry_budget *budget,
                                   const struct retry_attempt *a, int64_t now, uint64_t random) {
    if (a->begun)
        return (struct retry_decision){.verdict = RETRY_STOP, .reason = "begun"};
    if (now >= a->deadline)
        return (struct retry_decision){.verdict = RETRY_STOP, .reason = "deadline"};
    if (!failure_same_may_answer(a->failure))
        return elsewhere(a, "not_retryable");
    if (a->attempts >= o->attempts)
        return elsewhere(a, "attempts");
    int64_t wait = pause_of(o, a->attempts, random), patience = o->retry_after_max_ns;
    if (a->retry_after_ns > 0) {
        if (a->retry_after_ns > (patience > 0 ? patience : RETRY_AFTER_S * NS_PER_SECOND))
            return elsewhere(a, "retry_after");
        if (a->has_next && a->retry_after_ns > RETRY_AFTER_MS_WITH_NEXT * NS_PER_MS &&
            failure_other_may_answer(a->failure))
            return elsewhere(a, "retry_after"); /* another answers sooner than that */
        wait += a->retry_after_ns;              /* the pause keeps those apart that were told the same */
    }
    if (wait >= a->deadline - now - a->need_ns)
        return elsewhere(a, "deadline");
    if (!retry_budget_take(budget, o, now))
        return elsewhere(a, "budget");
    return (struct retry_decision){.verdict = RETRY_SAME, .wait_ns = wait, .reason = "backoff"};
}
