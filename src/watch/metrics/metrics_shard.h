/* How a shard keeps its counts. Private to the metrics. Written by one loop, read by a scrape: every word
 * is a relaxed atomic with a single writer, so counting needs no locked instruction. */
#pragma once

#include "watch/metrics/metrics.h"

#include <stdatomic.h>

enum {
    TIME_BUCKETS = 16,       /* metrics_time_bounds, and one more above them */
    CONFIDENCE_BUCKETS = 11, /* metrics_confidence_bounds likewise */
    STATUS_COUNT = 22,       /* metrics_statuses, the last: any other */
    STAGE_SLOTS = 32,
    MODEL_SLOTS = 16,
    STEP_SLOTS = 8,
    LABEL_SIZE = 96,
    SOURCES_MAX = 32,
    WRITERS_MAX = 8
};

extern const uint32_t metrics_time_bounds[TIME_BUCKETS - 1]; /* us, inclusive */
extern const float metrics_confidence_bounds[CONFIDENCE_BUCKETS - 1];
extern const int metrics_statuses[STATUS_COUNT];

typedef _Atomic uint64_t counter;

static inline uint64_t counter_read(const counter *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void counter_add(counter *c, uint64_t n) {
    atomic_store_explicit(c, counter_read(c) + n, memory_order_relaxed);
}

struct time_histogram {
    counter buckets[TIME_BUCKETS]; /* not cumulative */
    counter sum_us;
};

/* Slots are filled in order by the loop; `count` is published after a slot's name is complete. */
struct stage_slots {
    atomic_uint count;
    const char *names[STAGE_SLOTS]; /* constants */
    struct time_histogram seconds[STAGE_SLOTS];
};

/* Of language models; metrics_language.c knows their bounds. */
enum language_histogram {
    LANGUAGE_DURATION,
    LANGUAGE_INPUT,
    LANGUAGE_OUTPUT,
    LANGUAGE_FIRST_TOKEN,
    LANGUAGE_PER_TOKEN,
    LANGUAGE_OVERHEAD,
    LANGUAGE_HISTOGRAMS
};
enum {
    LANGUAGE_BUCKETS = 17, /* at most 16 bounds, and one above them */
    LANGUAGE_ERRORS = 6    /* kinds told apart, the last: any other */
};

struct language_counts {
    struct language_histogram_counts {
        counter buckets[LANGUAGE_BUCKETS]; /* not cumulative */
        counter sum;                       /* us, or tokens */
    } histograms[LANGUAGE_HISTOGRAMS];
    /* Durations of what ended in an error, which `histograms` has not; filled in order. */
    struct language_error_counts {
        _Atomic(const char *) type; /* a constant; NULL: not used yet */
        struct language_histogram_counts durations;
    } errors[LANGUAGE_ERRORS];
    counter nanodollars;
    counter unpriced;                          /* requests */
    _Atomic(const char *) operation, provider; /* of its first one */
};

struct model_slots {
    atomic_uint count;
    struct model_counts {
        char name[LABEL_SIZE];
        counter decisions[DECISION_COUNT];
        counter us[DECISION_COUNT]; /* that the requests took, by decision */
        counter inferred, infer_us; /* requests that asked a model, and what that took */
        counter last_ms;            /* arrival of the last one, since 1970 */
        counter confidence[CONFIDENCE_BUCKETS];
        counter confidence_sum; /* millionths */
        struct language_counts language;
    } slots[MODEL_SLOTS];
};

struct step_slots {
    atomic_uint count;
    struct step_counts {
        char name[LABEL_SIZE];
        counter taken;
    } slots[STEP_SLOTS];
};

struct endpoint_counts {
    counter statuses[STATUS_COUNT];
    struct time_histogram seconds;
    counter cache[CACHE_STATES];
    counter scans[SCAN_FOUND + 1];
    counter errors[ERR_COUNT];
    counter refused[ERR_COUNT]; /* of them: without an event */
    counter rate_limited;
    counter rules_failed[METRICS_RULE_COUNT];
    counter answers_checked[METRICS_VERDICTS];
    counter vectors_asked[METRICS_VECTORS];
    struct model_slots models;
    struct step_slots steps;
    struct stage_slots stages;
};

struct metrics_shard {
    _Atomic(struct endpoint_counts *) endpoints[METRICS_ENDPOINTS_MAX];
};

struct metrics {
    unsigned loops;
    struct metrics_shard **shards;
    atomic_uint endpoint_count;
    char names[METRICS_ENDPOINTS_MAX][LABEL_SIZE];
    struct metrics_source sources[SOURCES_MAX];
    unsigned source_count;
    struct {
        void (*write)(struct buf *out, void *ctx);
        void *ctx;
    } writers[WRITERS_MAX];
    unsigned writer_count;
    struct recorder *recorder;
    const char *version;
    int64_t started; /* wall ns */
};
