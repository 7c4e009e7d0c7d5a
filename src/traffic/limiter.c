#include "traffic/limiter.h"

#include "base/clock.h"

struct limiter_verdict limiter_take(struct limiter *l, double rate, unsigned burst, int64_t now) {
    return limiter_take_many(l, rate, burst, 1, now);
}

struct limiter_verdict limiter_take_many(struct limiter *l, double rate, unsigned burst, unsigned count,
                                         int64_t now) {
    double wide = (double)NS_PER_SECOND / rate;
    int64_t step = wide < 1 ? 1 : (int64_t)wide;
    int64_t window = step * (int64_t)burst;
    int64_t before = atomic_load_explicit(&l->arrival, memory_order_relaxed);
    for (;;) {
        int64_t next = (before > now ? before : now) + step * (int64_t)count;
        int64_t ahead = next - now;
        if (ahead > window)
            return (struct limiter_verdict){.retry_after_ns = ahead - window,
                                            .reset_ns = before > now ? before - now : 0};
        if (atomic_compare_exchange_weak_explicit(&l->arrival, &before, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return (struct limiter_verdict){
                .allowed = true, .remaining = (unsigned)((window - ahead) / step), .reset_ns = ahead};
    }
}
