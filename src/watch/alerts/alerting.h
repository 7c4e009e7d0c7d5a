/* The thread that judges alerts (watch/alerts/alert_engine.h) every `alerts.interval`, and the one that
 * delivers their messages (watch/alerts/delivery.h). Of several servers on one store one does both, whoever
 * holds the lock of its folder; another takes over when it ends. Readings come from sources that are asked in
 * turn. Main thread unless it says otherwise. */
#pragma once

#include "base/buf.h"
#include "config/config.h"
#include "watch/alerts/alert_engine.h"

struct alerting;
struct recorder;

/* `read` gives each reading to `take`; on the alerting's thread, once an interval. */
struct reading_source {
    void (*read)(void *ctx, const struct config *config, int64_t elapsed_ns,
                 void (*take)(void *take_ctx, const struct reading *r), void *take_ctx);
    void *ctx;
};

enum { READING_SOURCES_MAX = 4 };

struct alerting_options {
    const char *store_path;
    const struct config *config; /* a reference is taken */
    struct reading_source sources[READING_SOURCES_MAX];
    unsigned source_count;
    struct recorder *recorder; /* whose health is told without the store; NULL: nobody's */
};

bool alerting_start(struct alerting **out, const struct alerting_options *options,
                    struct error *err) MUST_USE;
void alerting_stop(struct alerting *a); /* NULL is fine */
void alerting_configure(struct alerting *a, const struct config *config);

/* Families for /metrics. Any thread. */
void alerting_metrics(struct buf *out, void *alerting);
