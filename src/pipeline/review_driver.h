/* Looks after the review queues once a second: mixes gold in (review/gold.h), forecasts whether people keep
 * up (review/capacity.h) and, where they do not and the endpoint says what gives, writes that down
 * (store/endpoint_states.h), from where the next snapshot takes it. One thread, the store's; the metrics any.
 */
#pragma once

#include "base/buf.h"
#include "pipeline/snapshot.h"

struct review_driver;
struct review_driver *review_driver_new(struct store *store) MUST_USE; /* NULL: no memory */
void review_driver_free(struct review_driver *d);                      /* NULL is fine */

void review_driver_tick(struct review_driver *d, const struct snapshot *now_serving);
/* For metrics_add_writer. Any thread. */
void review_driver_metrics(struct buf *out, void *driver);
