/* Where the monitors' windows are kept, so that charts and comparisons survive a restart, and what they ask
 * the store for. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "store/store.h"
#include "watch/monitors/monitors.h"

/* How long windows are kept: minutes two days, hours ten weeks, days five years. */
bool monitor_rows_write(struct store *s, const struct monitor_row *rows, struct error *err) MUST_USE;
/* Deletes those whose time is over. */
bool monitor_rows_expire(struct store *s, int64_t now, struct error *err) MUST_USE;

struct monitor_kept {
    struct str endpoint;
    int64_t span, at; /* s; wall ns */
    struct str window, readings;
};
/* Of the endpoint ("": all) and span, begun within [from, to], in order of time; views are good during the
 * call. */
bool monitor_rows_visit(struct store *s, struct str endpoint, int64_t span, int64_t from, int64_t to,
                        void (*visit)(const struct monitor_kept *row, void *ctx), void *ctx,
                        struct error *err) MUST_USE;
/* Of each endpoint (or the one) its newest minute since `from` that has readings. */
bool monitor_rows_newest(struct store *s, struct str endpoint, int64_t from,
                         void (*visit)(const struct monitor_kept *row, void *ctx), void *ctx,
                         struct error *err) MUST_USE;

/* Gives m the references that are made of first requests; the endpoints are there already, the versions not
 * yet. */
bool monitors_load_references(struct monitors *m, struct store *s, struct error *err) MUST_USE;
/* Gives m what the last run kept; the endpoints are there already. */
bool monitors_load(struct monitors *m, struct store *s, int64_t now, struct error *err) MUST_USE;

/* What the store knows for the readings. Endpoints' names lead into it. */
struct monitor_known {
    struct monitor_queue *queues;
    size_t queue_count;
    struct monitor_labels *labels;
    size_t label_count;
    struct monitor_scores *scores;
    size_t score_count;
};
bool monitor_known_read(struct monitor_known *out, struct store *s, int64_t now, struct error *err) MUST_USE;
void monitor_known_free(struct monitor_known *k);
