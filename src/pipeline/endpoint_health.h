/* How an endpoint is, in one word and with the reasons in words, from what is known without asking anybody:
 * are its versions loaded, do its upstreams' breakers let calls through, and how did the last minutes'
 * requests end. What takes longer to see (drift, confidence, cost) is the monitors'. Pure; any thread. */
#pragma once

#include "pipeline/snapshot.h"
#include "watch/metrics/metrics_sums.h"

enum health {
    HEALTH_OK,
    HEALTH_UNKNOWN,  /* nothing is known to be wrong, but too few requests came to tell */
    HEALTH_DEGRADED, /* some of it does not work, or a fallback does its work */
    HEALTH_DOWN      /* most requests fail, or nobody is there to answer them */
};
const char *health_name(enum health health);

enum { HEALTH_REASONS = 4, HEALTH_REASON_SIZE = 200, HEALTH_REQUESTS_LEAST = 20 };

struct endpoint_health {
    enum health health;
    unsigned reason_count; /* at least 1 but for HEALTH_OK */
    char reasons[HEALTH_REASONS][HEALTH_REASON_SIZE];
};

/* `recent`: of the last minutes. `recording`: requests can be recorded; without that none is taken. `now`:
 * monotonic, for the breakers. */
void endpoint_health(const struct endpoint *e, const struct metrics_sums *recent, bool recording, int64_t now,
                     struct endpoint_health *out);
