/* The counters and histograms behind GET /metrics, in Prometheus' text format 0.0.4. Each loop has a
 * shard that only its own thread writes (plain loads and stores, relaxed, no cache line shared); a
 * scrape sums them. Names that become labels come from the configuration and the registry, never from a
 * caller, and are bounded in number: what exceeds that is counted as "other". */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "watch/event.h"

struct metrics;
struct metrics_shard;
struct recorder;

enum { METRICS_ENDPOINTS_MAX = 64, METRICS_NO_ENDPOINT = 0 };

/* NULL when memory is out. */
struct metrics *metrics_new(unsigned loops) MUST_USE;
void metrics_free(struct metrics *m); /* NULL is fine; after the loops have ended */

/* The shard that loop writes. Any thread. */
struct metrics_shard *metrics_shard(struct metrics *m, unsigned loop);

/* The handle of an endpoint: the same for the same name, so that counters live through reloads. When the
 * configuration is built, any one thread at a time. Beyond METRICS_ENDPOINTS_MAX, or without memory, it is
 * METRICS_NO_ENDPOINT, which counts as "none". */
unsigned metrics_endpoint(struct metrics *m, const char *name);

/* Counts an ended request by its event, before it goes to the recorder. The shard's loop. */
void metrics_request(struct metrics_shard *s, unsigned endpoint, const struct event *e);
/* Counts a request that was refused before it became an event: a status, a category of error. */
void metrics_refused(struct metrics_shard *s, unsigned endpoint, enum error_code code);
/* How many were refused so since the process began. Any thread. */
uint64_t metrics_refusals(const struct metrics *m, unsigned endpoint, enum error_code code);
void metrics_rate_limited(struct metrics_shard *s, unsigned endpoint);
/* Counts a script over a chat that failed. */
enum metrics_rule { METRICS_RULE_ROUTE, METRICS_RULE_ANSWER, METRICS_RULE_SEGMENT, METRICS_RULE_COUNT };
void metrics_rule_failed(struct metrics_shard *s, unsigned endpoint, enum metrics_rule rule);

/* Counts a model's answer that was held to a schema. */
enum metrics_verdict {
    METRICS_ANSWER_VALID,
    METRICS_ANSWER_REPAIRED,
    METRICS_ANSWER_INVALID,
    METRICS_VERDICTS
};
void metrics_answer_checked(struct metrics_shard *s, unsigned endpoint, enum metrics_verdict verdict);

/* Counts a question whose vector was to be had for the semantic cache. */
enum metrics_vector {
    METRICS_VECTOR_FETCHED,
    METRICS_VECTOR_LATE,
    METRICS_VECTOR_FAILED,     /* the upstream */
    METRICS_VECTOR_UNFIT,      /* it gave none that could be used */
    METRICS_VECTOR_LEFT_ALONE, /* it was not asked, since it failed lately */
    METRICS_VECTORS
};
void metrics_vector_asked(struct metrics_shard *s, unsigned endpoint, enum metrics_vector result);

/* A value that others own, read at each scrape. `name` and `help` live as long as m. Before the first
 * scrape. At most 32. */
enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };
struct metrics_source {
    const char *name;
    const char *help;
    enum metrics_type type;
    double (*read)(void *ctx);
    void *ctx;
};
void metrics_add_source(struct metrics *m, const struct metrics_source *source);
/* Families with labels that others own: `write` appends them at each scrape, by the two below it. Before the
 * first scrape. At most 8. */
void metrics_add_writer(struct metrics *m, void (*write)(struct buf *out, void *ctx), void *ctx);
void metrics_family(struct buf *out, const char *name, enum metrics_type type, const char *help);
/* `labels`: names and values by turns, then NULL. */
void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value);
/* The recorder's families, and penstock_review_open. */
void metrics_set_recorder(struct metrics *m, struct recorder *r);
void metrics_set_version(struct metrics *m, const char *version);
const char *metrics_version(const struct metrics *m);
int64_t metrics_started(const struct metrics *m); /* wall ns */
/* Handles are below it. */
unsigned metrics_endpoint_count(const struct metrics *m);

/* What a model ("tickets@2"; "": all together, failed requests too) did for an endpoint since the process
 * began. Any thread. */
struct metrics_totals {
    uint64_t requests[DECISION_COUNT], us[DECISION_COUNT]; /* those that were recorded */
    uint64_t inferred, infer_us; /* requests that asked a model, and its stage's time */
    uint64_t last_ms;            /* arrival of the last one since 1970; 0: none yet */
};
void metrics_total(const struct metrics *m, unsigned endpoint, struct str model, struct metrics_totals *out);

/* Appends everything. One thread at a time, beside the loops; some 100 us an endpoint. */
bool metrics_write(struct metrics *m, struct buf *out, struct error *err) MUST_USE;
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
