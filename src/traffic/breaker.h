/* A circuit breaker: leaves an upstream alone that fails. Closed, it counts calls in a sliding window; when
 * enough of at least `minimum` calls failed (or were slow) it opens. Open, it refuses, for a time that
 * doubles each time it opens again; a failure that comes in meanwhile moves the end of that time away, never
 * nearer. After that it is half-open: it lets some probes through; when all of them succeed it closes, when
 * one fails it opens again. One per upstream, shared by all loops: atomics only, the clock is passed in. Any
 * thread. (Pattern: M. Nygard, Release It!, "Circuit Breaker".) */
#pragma once

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Times in monotonic ns. Immutable while the breaker is in use. */
struct breaker_options {
    double errors;     /* share of failed calls that opens it, 0..1 */
    uint32_t minimum;  /* calls in the window before the share is judged, at least 1 */
    int64_t window_ns; /* how far back calls count */
    int64_t slow_ns;   /* breaker_outcome takes a success that took longer for a slow call; 0: none is */
    int64_t open_ns, open_max_ns; /* first and longest time to stay open */
    int64_t hold_max_ns;          /* longest that Retry-After may hold it open; 0: as open_max_ns */
    uint32_t probes;              /* 1..63: calls at once while half-open, and successes that close it */
};

enum { BREAKER_BUCKETS = 10 };

/* Zero-initialised is valid: closed, nothing seen. */
struct breaker {
    _Atomic uint64_t word; /* phase, generation, probes out and done, how often it opened in a row */
    _Atomic int64_t open_until, closed_at;
    _Atomic uint64_t buckets[BREAKER_BUCKETS]; /* each: period, calls, failures */
    _Atomic uint64_t opened, refused;          /* totals */
};

/* Given out by breaker_allow and settled exactly once. Plain; moves with the call. */
struct breaker_token {
    uint32_t generation;
    bool probe;
    bool live; /* not yet settled */
};

/* False when the upstream is to be left alone; *retry_after_ns is then when to ask again (an upper bound
 * while probes are out). */
bool breaker_allow(struct breaker *b, const struct breaker_options *o, int64_t now,
                   struct breaker_token *token, int64_t *retry_after_ns) MUST_USE;

enum breaker_outcome {
    BREAKER_SUCCESS,
    BREAKER_FAILURE,  /* what failure_counts_against_health says; timeouts too */
    BREAKER_SLOW,     /* it answered, later than slow_ns: counts like a failure */
    BREAKER_CANCELLED /* no evidence: the client left, or the failure was not the upstream's */
};
/* Success, or slow when `took_ns` is above slow_ns. */
enum breaker_outcome breaker_success_of(const struct breaker_options *o, int64_t took_ns);

/* `retry_after_ns`: what the upstream asked for, 0 when it did not; counts with failures only and where the
 * breaker is open or opens by them. A token of before the breaker opened tells nothing about its probes. */
void breaker_settle(struct breaker *b, const struct breaker_options *o, struct breaker_token *token,
                    enum breaker_outcome outcome, int64_t retry_after_ns, int64_t now);

/* A failure after the call's token was settled: a stream that broke. Counts in the window, and extends an
 * open breaker. */
void breaker_late_failure(struct breaker *b, const struct breaker_options *o, int64_t now);

enum breaker_phase { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
struct breaker_state {
    enum breaker_phase phase;
    int64_t retry_after_ns;   /* open: until probes are let through */
    uint32_t calls, failures; /* in the window */
    uint64_t opened, refused; /* since start */
};
/* Changes nothing; would breaker_allow let a call through right now? For routing. */
bool breaker_would_allow(const struct breaker *b, const struct breaker_options *o, int64_t now);
struct breaker_state breaker_state(const struct breaker *b, const struct breaker_options *o, int64_t now);
const char *breaker_phase_name(enum breaker_phase phase);
