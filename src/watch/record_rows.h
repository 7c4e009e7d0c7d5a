/* Records as the first schema kept them: a row of the table `events` each. Nothing is written there any more;
 * what a store has of them stays readable until its time is over. Private to records.c. */
#pragma once

#include "watch/records.h"

/* Newest first, but for those that look for a request's ID. */
enum record_way { RECORDS_BY_TIME, RECORDS_BY_ENDPOINT, RECORDS_BY_ID_TIME, RECORDS_BY_ID_TABLE };

struct record_rows {
    struct store *store;
    const char *const *stage_names; /* by ID; NULL: unknown */
    size_t stage_name_count;
    void (*visit)(const struct record *r, void *ctx);
    void *ctx;
    unsigned left; /* visits allowed */
    const struct record_filter *wanted;
    int64_t deadline; /* monotonic; 0: none */
    int64_t next;     /* where the search broke off; 0: it did not */
};

bool record_is_wanted(const struct record_filter *filter, const struct event *e);

/* `key`: the endpoint or the request's ID. Keys from `from` to before `to`. */
bool record_rows_visit(struct record_rows *v, enum record_way way, struct str key, int64_t from, int64_t to,
                       struct error *err) MUST_USE;
