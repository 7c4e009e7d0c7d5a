#include "traffic/concurrency.h"

#include "base/check.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum waiter_state { OUTSIDE, QUEUED };

/* Calls that run (low half) and callers in the queue (high half) in one word. Both are changed only by
 * compare-and-swap; the upper half only under the lock as well, so that under it the queue is as long as it
 * says. */
#define ONE_RUNNING UINT64_C(1)
#define ONE_WAITING (UINT64_C(1) << 32)

struct concurrency {
    _Atomic uint64_t word;
    _Atomic uint32_t cap, queue;
    _Atomic int64_t wait_max, service;
    _Atomic uint64_t queued, refused, expired;
    atomic_uint refs;
    pthread_mutex_t lock;
    struct concurrency_waiter *first, *last;
};

static uint32_t running_of(uint64_t word) {
    return (uint32_t)word;
}
static uint32_t waiting_of(uint64_t word) {
    return (uint32_t)(word >> 32);
}

struct concurrency *concurrency_new(const struct concurrency_options *o) {
    struct concurrency *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    atomic_store(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    concurrency_configure(c, o);
    return c;
}

struct concurrency *concurrency_ref(struct concurrency *c) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void concurrency_unref(struct concurrency *c) {
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    CHECK(!c->first);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- the queue, under the lock ---- */

static void append(struct concurrency *c, struct concurrency_waiter *w) {
    w->state = QUEUED;
    w->next = NULL;
    w->previous = c->last;
    *(c->last ? &c->last->next : &c->first) = w;
    c->last = w;
}

static void take_out(struct concurrency *c, struct concurrency_waiter *w) {
    *(w->previous ? &w->previous->next : &c->first) = w->next;
    *(w->next ? &w->next->previous : &c->last) = w->previous;
    w->state = OUTSIDE;
    atomic_fetch_sub(&c->word, ONE_WAITING);
}

/* The first who can still use a place, or NULL. Those before it, whose time is over, are put into *expired.
 */
static struct concurrency_waiter *pop(struct concurrency *c, int64_t now,
                                      struct concurrency_waiter **expired) {
    while (c->first) {
        struct concurrency_waiter *w = c->first;
        take_out(c, w);
        if (w->deadline > now)
            return w;
        w->next = *expired;
        *expired = w;
    }
    return NULL;
}

static void wake_expired(struct concurrency *c, struct concurrency_waiter *expired) {
    for (struct concurrency_waiter *next; expired; expired = next) {
        next = expired->next; /* it may be gone once it is woken */
        atomic_fetch_add_explicit(&c->expired, 1, memory_order_relaxed);
        expired->wake(expired, false);
    }
}

/* ---- entering ---- */

/* When the one at `position` (from 1) of the queue would start: the cap's calls end one every service / cap.
 */
static int64_t predicted_wait(struct concurrency *c, uint32_t position) {
    double service = (double)atomic_load_explicit(&c->service, memory_order_relaxed);
    return (int64_t)(service * position / atomic_load_explicit(&c->cap, memory_order_relaxed));
}

static enum concurrency_verdict refuse(struct concurrency *c, uint32_t waiting, int64_t predicted,
                                       struct error *err) {
    atomic_fetch_add_explicit(&c->refused, 1, memory_order_relaxed);
    fail(err, ERR_OVERLOADED, "The upstream is busy with %u calls, and %u wait; try again later.",
         atomic_load_explicit(&c->cap, memory_order_relaxed), waiting);
    int64_t ms = predicted / NS_PER_MS;
    if (err)
        err->retry_after_ms = predicted == 0 ? 1000 : ms < 1 ? 1 : ms > 60000 ? 60000 : (uint32_t)ms;
    return CONCURRENCY_REFUSED;
}

static bool start_at_once(struct concurrency *c, uint64_t *seen) {
    while (waiting_of(*seen) == 0 && running_of(*seen) < atomic_load_explicit(&c->cap, memory_order_relaxed))
        if (atomic_compare_exchange_weak(&c->word, seen, *seen + ONE_RUNNING))
            return true;
    return false;
}

/* The look at the word and the entry into the queue are one step for whoever ends a call: either it sees the
 * waiter and takes the lock, or its end is seen here and there is a place. */
static enum concurrency_verdict start_or_queue(struct concurrency *c, struct concurrency_waiter *w,
                                               uint64_t *seen) {
    enum concurrency_verdict verdict = CONCURRENCY_WAIT;
    pthread_mutex_lock(&c->lock);
    do {
        if (start_at_once(c, seen))
            verdict = CONCURRENCY_START;
        else if (waiting_of(*seen) >= atomic_load_explicit(&c->queue, memory_order_relaxed))
            verdict = CONCURRENCY_REFUSED;
    } while (verdict == CONCURRENCY_WAIT &&
             !atomic_compare_exchange_weak(&c->word, seen, *seen + ONE_WAITING));
    if (verdict == CONCURRENCY_WAIT)
        append(c, w);
    pthread_mutex_unlock(&c->lock);
    return verdict;
}

enum concurrency_verdict concurrency_enter(struct concurrency *c, struct concurrency_waiter *w,
                                           int64_t deadline, int64_t now, struct error *err) {
    uint64_t seen = atomic_load(&c->word);
    if (LIKELY(start_at_once(c, &seen)))
        return CONCURRENCY_START;
    int64_t longest = atomic_load_explicit(&c->wait_max, memory_order_relaxed);
    int64_t predicted = predicted_wait(c, waiting_of(seen) + 1);
    if (longest > 0 && deadline - now > longest)
        deadline = now + longest;
    if (now + predicted >= deadline)
        return refuse(c, waiting_of(seen), predicted, err);
    w->deadline = deadline;
    w->since = now;
    enum concurrency_verdict verdict = start_or_queue(c, w, &seen);
    if (verdict == CONCURRENCY_REFUSED)
        return refuse(c, waiting_of(seen), predicted, err);
    if (verdict == CONCURRENCY_WAIT)
        atomic_fetch_add_explicit(&c->queued, 1, memory_order_relaxed);
    return verdict;
}

bool concurrency_leave(struct concurrency *c, struct concurrency_waiter *w) {
    pthread_mutex_lock(&c->lock);
    bool queued = w->state == QUEUED;
    if (queued)
        take_out(c, w);
    pthread_mutex_unlock(&c->lock);
    return queued;
}

/* ---- ending ---- */

static void observe(struct concurrency *c, int64_t took) {
    int64_t seen = atomic_load_explicit(&c->service, memory_order_relaxed), next;
    do
        next = seen == 0 ? took : seen + (took - seen) / 8;
    while (!atomic_compare_exchange_weak_explicit(&c->service, &seen, next > 0 ? next : 1,
                                                  memory_order_relaxed, memory_order_relaxed));
}

void concurrency_exit(struct concurrency *c, int64_t took_ns, int64_t now) {
    if (took_ns >= 0)
        observe(c, took_ns);
    uint64_t seen = atomic_load(&c->word);
    for (;;) {
        CHECK(running_of(seen) > 0);
        if (waiting_of(seen) == 0 || running_of(seen) > atomic_load_explicit(&c->cap, memory_order_relaxed)) {
            if (atomic_compare_exchange_weak(&c->word, &seen, seen - ONE_RUNNING))
                return;
            continue;
        }
        struct concurrency_waiter *expired = NULL;
        pthread_mutex_lock(&c->lock);
        struct concurrency_waiter *heir = pop(c, now, &expired);
        pthread_mutex_unlock(&c->lock);
        wake_expired(c, expired);
        if (heir) {
            heir->wake(heir, true);
            return;
        }
        seen = atomic_load(&c->word);
    }
}

/* Places that a larger cap has made. */
static void start_waiting(struct concurrency *c, int64_t now) {
    for (;;) {
        struct concurrency_waiter *expired = NULL, *heir = NULL;
        pthread_mutex_lock(&c->lock);
        uint64_t seen = atomic_load(&c->word);
        bool room = true;
        while ((room = running_of(seen) < atomic_load(&c->cap) && waiting_of(seen) > 0))
            if (atomic_compare_exchange_weak(&c->word, &seen, seen + ONE_RUNNING))
                break;
        if (room)
            heir = pop(c, now, &expired);
        pthread_mutex_unlock(&c->lock);
        wake_expired(c, expired);
        if (heir) {
            heir->wake(heir, true);
            continue;
        }
        if (!room)
            return;
        concurrency_exit(c, -1, now); /* all had expired: nobody took the place */
    }
}

void concurrency_configure(struct concurrency *c, const struct concurrency_options *o) {
    atomic_store(&c->cap, o->cap ? o->cap : 1);
    atomic_store(&c->queue, o->queue);
    atomic_store(&c->wait_max, o->wait_max_ns);
    start_waiting(c, clock_monotonic());
}

struct concurrency_state concurrency_state(struct concurrency *c) {
    uint64_t word = atomic_load(&c->word);
    bool full = running_of(word) >= atomic_load(&c->cap) || waiting_of(word) > 0;
    return (struct concurrency_state){
        .running = running_of(word),
        .waiting = waiting_of(word),
        .cap = atomic_load(&c->cap),
        .service_ns = atomic_load(&c->service),
        .predicted_wait_ns = full ? predicted_wait(c, waiting_of(word) + 1) : 0,
        .queued = atomic_load_explicit(&c->queued, memory_order_relaxed),
        .refused = atomic_load_explicit(&c->refused, memory_order_relaxed),
        .expired = atomic_load_explicit(&c->expired, memory_order_relaxed),
    };
}
