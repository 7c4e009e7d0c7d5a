/* A review item as JSON, as far as its viewer may see it. Same threads as the store that is passed. */
#pragma once

#include "base/json.h"
#include "review/review.h"
#include "store/sql.h"

/* The beginning of every query that yields items, as item_write expects them: item alias r. The input is the
 * event's: what retention removed is gone here too. */
#define REVIEW_ITEMS                                                                                         \
    "SELECT r.id, r.request_id, r.endpoint, r.model, r.created, r.reason, r.detail, r.prediction,"           \
    " r.confidence, r.labels, r.label, r.reviewer, r.resolved, r.input_hash, k.blob, k.type, k.size,"        \
    " k.keep_until, k.text, r.kind, r.risk, r.due, r.wanted, r.share, r.action, r.fields, r.note,"           \
    " r.claimed_by, r.claim_tab, r.claimed_until, r.gold,"                                                   \
    " (SELECT count(*) FROM review_opinions o WHERE o.item = r.id),"                                         \
    " (SELECT count(*) FROM review_skips p WHERE p.item = r.id),"                                            \
    " EXISTS (SELECT 1 FROM review_gold g WHERE g.endpoint = r.endpoint)"                                    \
    " FROM review_items r LEFT JOIN kept_inputs k ON k.event = r.event"

/* The current row of such a query. */
void item_write(struct store *s, sqlite3_stmt *q, const struct reviewer *viewer, int64_t now,
                struct json_writer *w);
