/* What the overview and an endpoint's page say of an endpoint. Private to this floor. On the thread of a job
 * (jobs.h). */
#pragma once

#include "api/jobs.h"
#include "base/json.h"
#include "watch/metrics/metrics_sums.h"

/* How things stand at one look. */
struct admin_look {
    const struct snapshot *snapshot;
    const struct engine_parts *parts;
    struct store *store;
    struct recorder_state recorder;
    uint64_t *open; /* review items by endpoint, in the snapshot's order */
    int64_t now;    /* monotonic */
};
bool admin_look_begin(struct admin_look *l, const struct api_job *job, struct store *store,
                      struct error *err) MUST_USE;
void admin_look_end(struct admin_look *l);

/* The fields of an object that is open: name, kind, description, owner, health, reasons, serving, rollout,
 * shadow, window_seconds, requests, errors, client_errors, fallbacks, p50_ms, p95_ms, decisions,
 * reviews_open. `recent` receives the counts of the window. */
bool admin_write_line(const struct admin_look *l, const struct endpoint *e, struct metrics_sums *recent,
                      struct json_writer *w, struct error *err) MUST_USE;

/* Milliseconds of microseconds; below 0: null. */
void admin_write_ms(struct json_writer *w, const char *key, double us);
