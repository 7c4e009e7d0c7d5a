/* What a monitor says at the end of a window: the one word between those who measure (monitors) and those who
 * judge over time (alerts). A plain value; the strings belong to whoever made it. */
#pragma once

#include <stdint.h>

/* "No data" is neither good nor bad: too few samples for a verdict. "Void": there are samples, but what they
 * would be compared with does not hold any more (estimated accuracy under drift). */
enum reading_state { READING_GOOD, READING_BREACHED, READING_NO_DATA, READING_VOID };

struct reading {
    const char *endpoint; /* "": of the whole server */
    const char *monitor;  /* "latency_p95", "input_drift" …; also its runbook's name in docs/runbooks */
    const char *part;     /* a stage, feature, label or upstream; "": of all together */
    enum reading_state state;
    double value;     /* NAN: none */
    double expected;  /* by the reference or the week before; NAN: none */
    double limit;     /* where it is breached; NAN: none */
    const char *unit; /* "ms", "share", "usd", "count", "divergence" */
    uint64_t samples;
    int64_t from, to;   /* the window, wall ns */
    const char *detail; /* one sentence for the person who is woken up, may be "" */
};
