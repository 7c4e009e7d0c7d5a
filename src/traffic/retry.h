/* Whether a failed call is made again, where, and after which pause: exponential backoff with full jitter
 * (AWS Architecture Blog, "Exponential Backoff And Jitter": uniform in [0, min(max, base * 2^n))),
 * Retry-After honoured, and a budget per upstream, so that an outage is not doubled by its retries. Decisions
 * are pure: clock and randomness are passed in; the budget is shared by all loops (atomics). Any thread. */
#pragma once

#include "traffic/failure.h"
#include "traffic/limiter.h"

struct retry_options {
    unsigned attempts;          /* calls at one upstream, the first included; at least 1 */
    int64_t base_ns, max_ns;    /* of the pause */
    double budget;              /* retries earned by each request: 0.2 = 20 % */
    double budget_per_second;   /* and these, so that a quiet upstream may be retried; 0: none */
    unsigned budget_burst;      /* most that may be saved up; 0: 100 */
    int64_t retry_after_max_ns; /* an upstream that asks for more patience is not waited for; 0: 30 s */
};

/* Zero-initialised is valid: nothing earned, the per-second part full. */
struct retry_budget {
    _Atomic int64_t saved; /* in 1/1000 of a retry */
    struct limiter steady;
};
/* Once for each request sent (not for retries). */
void retry_budget_earn(struct retry_budget *b, const struct retry_options *o);
/* Takes one; false when there is none. retry_decide does it for retries; hedges use it directly. */
bool retry_budget_take(struct retry_budget *b, const struct retry_options *o, int64_t now) MUST_USE;

struct retry_attempt {
    enum failure failure;
    unsigned attempts;      /* calls made at this upstream so far, at least 1 */
    int64_t retry_after_ns; /* what it asked for; 0: nothing */
    int64_t deadline;       /* the request's, monotonic ns */
    int64_t need_ns;        /* what a call takes, as observed; 0: unknown. A pause that leaves less is none */
    bool begun;             /* bytes of the reply have gone to the client: nothing can be taken back */
    bool
        has_next; /* there is another target to go to: half a second of Retry-After is waited for, not more */
};

enum retry_verdict {
    RETRY_SAME, /* after wait_ns, at the same upstream */
    RETRY_NEXT, /* at once, at the next target */
    RETRY_STOP  /* the failure is the answer */
};
struct retry_decision {
    enum retry_verdict verdict;
    int64_t wait_ns;    /* of RETRY_SAME */
    const char *reason; /* a constant, for traces: "not_retryable", "attempts", "budget", "deadline", … */
};

/* `random`: 64 fresh random bits. Takes from the budget exactly when the verdict is RETRY_SAME. */
struct retry_decision retry_decide(const struct retry_options *o, struct retry_budget *budget,
                                   const struct retry_attempt *a, int64_t now, uint64_t random);
