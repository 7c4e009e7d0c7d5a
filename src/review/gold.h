/* Gold: items whose answer is known, mixed into the queue to learn how often people are wrong. To a reviewer
 * they are items as any other: the same terms, the same place in the queue, and wherever an endpoint has
 * gold, reviewers are shown of no item what could tell (review/item.h). They never become labels to learn
 * from, and do not count as waiting. Their inputs are kept as long as they are gold. Same threads as the
 * store that is passed. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* Makes gold of resolved items on which at least `opinions` people agreed (2 or more; 1: of whatever one
 * person said), whose input is kept, newest first, at most `most` of them. *made: how many. */
bool gold_from_resolved(struct store *s, struct str endpoint, unsigned opinions, unsigned most,
                        unsigned *made, struct error *err) MUST_USE;
/* Retired gold is planted no more, and what was not yet judged of it leaves the queue. */
bool gold_retire(struct store *s, struct str endpoint, unsigned *retired, struct error *err) MUST_USE;

struct gold_terms {
    double share;            /* of what arrives, so many are mixed in */
    int64_t deadline, lease; /* ns, as the endpoint's other items have */
};
/* For each item that arrived after `from` until `to` (wall ns), one is mixed in with that share: the one that
 * was so longest ago. `chance` is asked once for each arrival: evenly from 0 to below 1. *planted: how many.
 */
bool gold_plant(struct store *s, const char *endpoint, const struct gold_terms *terms, int64_t from,
                int64_t to, double (*chance)(void *ctx), void *ctx, unsigned *planted,
                struct error *err) MUST_USE;
