/* The delivery thread: takes messages out of the outbox to their receivers, side by side over receivers, each
 * incident's in their order, again and again until they are taken or given up (`alerts.give_up`).
 *
 * What holds: a message is in the store before anything is tried, so none is lost by a crash. It is marked
 * delivered after the receiver took it, so a crash between the two sends it again, with the same ID:
 * receivers that look at it (PagerDuty's dedup_key, Alertmanager's fingerprint, our JSON's idempotency-key,
 * mail's Message-ID) see it once; Slack has no such key and may show it twice. */
#pragma once

#include "base/buf.h"
#include "config/config.h"
#include "watch/alerts/pager.h"

struct delivery;

/* Opens its own connection to the store. The configuration's reference is taken by itself. Main thread. */
bool delivery_begin(struct delivery **out, const char *store_path, const struct config *config,
                    struct error *err) MUST_USE;
void delivery_end(struct delivery *d); /* what is on its way is given up and tried at the next start; NULL */

/* Another configuration from now on. Any thread. */
void delivery_configure(struct delivery *d, const struct config *config);
/* There is something in the outbox. Any thread. */
void delivery_wake(struct delivery *d);

/* Tells everybody who is told at once, without the store. Any thread. */
void delivery_page(struct delivery *d, const struct page *page);

struct delivery_state {
    uint64_t waiting; /* messages */
    uint64_t given_up;
    bool healthy; /* the outbox can be read and written */
    struct delivery_lane {
        char receiver[64];
        uint64_t delivered, failed; /* tries */
        unsigned waiting;
        int64_t stuck_ns;  /* since its oldest waiting message was first tried; 0: nothing is stuck */
        char problem[200]; /* of the last try, "" when it was good */
    } lanes[CONFIG_RECEIVERS_MAX];
    unsigned lane_count;
};
void delivery_state(struct delivery *d, struct delivery_state *out); /* any thread */

/* Families for /metrics. */
void delivery_metrics(struct buf *out, void *delivery);

/* When it is tried again after so many tries: with jitter, ns. And the time that so many tries take at most.
 */
int64_t delivery_pause(unsigned tries, double random);
int64_t delivery_span(unsigned tries);
