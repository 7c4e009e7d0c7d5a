/* How many calls an upstream gets at once, over all loops, and who waits. Within the cap a call starts with
 * one compare-and-swap. Beyond it callers wait in one queue over all loops, first come first served, so no
 * loop starves another; a call that ends hands its place to the first in the queue directly, so a place is
 * never lost and nobody wakes in vain. Who could not start before its deadline, going by how long calls take,
 * is refused at once: so an overload is shed early. A small lock guards the queue only; no callback is called
 * under it. Any thread, as said. */
#pragma once

#include "base/error.h"

struct concurrency;

struct concurrency_options {
    uint32_t cap;        /* calls at once, at least 1 */
    uint32_t queue;      /* who may wait */
    int64_t wait_max_ns; /* nobody waits longer than this; 0: the deadline only */
};

/* NULL when memory is out. Reference counted, since waiting calls outlive a reload. */
struct concurrency *concurrency_new(const struct concurrency_options *o) MUST_USE;
struct concurrency *concurrency_ref(struct concurrency *c);
void concurrency_unref(struct concurrency *c); /* NULL is fine */
/* After a reload. A larger cap starts who waits; a smaller one takes effect as calls end. Any thread. */
void concurrency_configure(struct concurrency *c, const struct concurrency_options *o);

/* Lies inside the caller's own structure; zero it before its first use. */
struct concurrency_waiter {
    /* Called exactly once for each CONCURRENCY_WAIT, unless concurrency_leave came first: with a place
     * (granted) or because its deadline passed in the queue. On whichever thread ended a call: it does
     * nothing but loop_post to the waiter's own loop. The waiter must stay until then. */
    void (*wake)(struct concurrency_waiter *w, bool granted);
    struct concurrency_waiter *next, *previous; /* the queue's */
    int64_t deadline, since;
    int state;
};

enum concurrency_verdict {
    CONCURRENCY_START,  /* the caller has a place */
    CONCURRENCY_WAIT,   /* w->wake will be called; nothing else of *w may be touched */
    CONCURRENCY_REFUSED /* *err: ERR_OVERLOADED with retry_after_ms */
};
/* `deadline`: when the call must have started at the latest (the request's, less what it still needs). */
enum concurrency_verdict concurrency_enter(struct concurrency *c, struct concurrency_waiter *w,
                                           int64_t deadline, int64_t now, struct error *err) MUST_USE;

/* The waiter's client left, or its timer fired. True: it is out of the queue and wake will not be called.
 * False: wake has been or is being called; the caller waits for it and gives back a place that comes. */
bool concurrency_leave(struct concurrency *c, struct concurrency_waiter *w) MUST_USE;

/* Gives a place back, once for each. `took_ns`: how long the call took, for the estimates; < 0: it tells
 * nothing (cancelled, not connected). */
void concurrency_exit(struct concurrency *c, int64_t took_ns, int64_t now);

struct concurrency_state {
    uint32_t running, waiting, cap;
    int64_t service_ns;        /* moving average of a call's time; 0: none seen */
    int64_t predicted_wait_ns; /* of somebody who came now */
    uint64_t queued, refused, expired;
};
struct concurrency_state concurrency_state(struct concurrency *c);
