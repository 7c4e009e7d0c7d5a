/* Readings about what an endpoint's users are promised (`objectives`): how fast errors and slow replies use
 * up what may go wrong (watch/burn_rate.h), from the counters behind /metrics. One thread. */
#pragma once

#include "store/store.h"
#include "watch/alerting.h"
#include "watch/metrics.h"
#include "watch/recorder.h"

struct objective_readings;

struct objective_readings *objective_readings_new(struct metrics *m,
                                                  struct recorder *r) MUST_USE; /* NULL: no memory */
void objective_readings_free(struct objective_readings *o);                     /* NULL is fine */

struct reading_source objective_readings_source(struct objective_readings *o);
