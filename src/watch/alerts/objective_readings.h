/* Readings about what an endpoint's users are promised (`objectives`): how fast errors and slow replies use
 * up what may go wrong (watch/alerts/burn_rate.h), from the counters behind /metrics. One thread. */
#pragma once

#include "store/store.h"
#include "watch/alerts/alerting.h"
#include "watch/metrics/metrics.h"
#include "watch/recorder.h"

struct objective_readings;

/* Goes on with what the store has of an earlier run; `store` is used here only. What is counted is kept
 * through the recorder once a minute and at the end; NULL: it is not. NULL: no memory. */
struct objective_readings *objective_readings_new(struct metrics *m, struct recorder *r,
                                                  struct store *store) MUST_USE;
void objective_readings_free(struct objective_readings *o); /* before the recorder ends; NULL is fine */

struct reading_source objective_readings_source(struct objective_readings *o);
