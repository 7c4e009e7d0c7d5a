/* How the queue and its people do. Same threads as the store that is passed. */
#pragma once

#include "base/buf.h"
#include "review/capacity.h"
#include "store/store.h"

/* What the forecast needs, of the last 24 hours or of as long as there have been items. */
bool review_seen(struct store *s, struct str endpoint, int64_t now, struct capacity_seen *out,
                 struct error *err) MUST_USE;

/* Writes {"endpoint", "open", "waiting", "audits", "oldest_s", "arrivals_per_hour", "resolved_per_hour",
 * "people", "forecast": {depth_24h, wait_24h_s}, "audit": {labelled, accuracy, low, high},
 * "overflow": {gives, since, why}}; of `who` ("": of nobody) "you": labels of the last hour, day and week,
 * and gold; and, for who runs the system, "gold" and "reviewers": labels, skips, and of gold items and second
 * opinions how many were judged otherwise, with 95 % intervals. Its own errors on gold a person is told in
 * tens, so that they do not tell which items are gold. */
bool review_stats(struct store *s, struct str endpoint, struct str who, bool admin, int64_t now,
                  struct buf *out, struct error *err) MUST_USE;
