/* What an endpoint's counters say together, over all loops: a plain value that can be kept, subtracted from a
 * later one, and read by whoever shows it. Any thread. */
#pragma once

#include "watch/metrics/metrics.h"

enum {
    SUMS_TIME_BUCKETS = 16, /* the last: longer than the longest bound */
    SUMS_STAGES = 32,
    SUMS_MODELS = 16,
    SUMS_NAME_SIZE = 96
};

struct metrics_times {
    uint64_t count, sum_us;
    uint64_t buckets[SUMS_TIME_BUCKETS]; /* not cumulative */
};

struct metrics_sums {
    uint64_t requests;                     /* ended, or refused before they were looked at */
    uint64_t client_errors, server_errors; /* by status: 4xx, 5xx */
    uint64_t rate_limited, fallbacks;
    uint64_t decisions[DECISION_COUNT];
    uint64_t cache[CACHE_STATES];
    uint64_t errors[ERR_COUNT];
    uint64_t nanodollars, unpriced; /* of calls to language models */
    double confidence_sum;
    uint64_t confidence_count;
    struct metrics_times total;
    unsigned stage_count, model_count;
    struct metrics_stage_sums {
        const char *name; /* a constant */
        struct metrics_times times;
    } stages[SUMS_STAGES];
    struct metrics_model_sums {
        char name[SUMS_NAME_SIZE];
        uint64_t decisions[DECISION_COUNT];
    } models[SUMS_MODELS];
};

/* Since the process began. */
void metrics_sum(const struct metrics *m, unsigned endpoint, struct metrics_sums *out);
/* Takes off what was there at an earlier time. */
void metrics_sums_subtract(struct metrics_sums *from, const struct metrics_sums *earlier);
const struct metrics_stage_sums *metrics_sums_stage(const struct metrics_sums *s,
                                                    const char *name); /* or NULL */

/* A quantile in us, within its bucket as if times were spread evenly there: the bounds are a factor of two
 * and a half apart. -1: nothing was counted. */
double metrics_quantile(const struct metrics_times *t, double quantile);
double metrics_mean(const struct metrics_times *t); /* us; -1: nothing was counted */
