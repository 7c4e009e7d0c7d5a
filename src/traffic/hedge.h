/* When to start a second call beside one that is late (J. Dean, L. Barroso, "The Tail at Scale", 2013): after
 * the time within which 95 % of the upstream's calls begin to answer, and only as often as a budget allows.
 * Off unless asked for: a hedge is paid for twice. Pure but for the budget; any thread. */
#pragma once

#include "traffic/latency.h"
#include "traffic/retry.h"

struct hedge_options {
    bool on;
    double quantile;         /* 0: 0.95 */
    int64_t least_ns;        /* never sooner than this */
    uint32_t least_observed; /* calls that must have been observed; 0: 20 */
};

/* ns after the first call's start, or -1: no hedge. It must leave time before the deadline for another call.
 */
int64_t hedge_after(const struct hedge_options *o, const struct latency *l, int64_t now, int64_t deadline);
/* When that time has come: takes from the upstream's retry budget. */
bool hedge_start(struct retry_budget *budget, const struct retry_options *o, int64_t now) MUST_USE;
