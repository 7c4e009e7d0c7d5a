/* What connects the monitors (watch/monitors/monitors.h) with the rest of the server: which endpoints and
 * versions a snapshot has, what store and upstreams know, which requests could not be recorded, and the
 * windows' way into the store. Main thread,
 * whose store it is given. */
#pragma once

#include "pipeline/engine.h"
#include "watch/monitors/monitors.h"

struct monitoring;
/* NULL when memory is out. */
struct monitoring *monitoring_new(struct monitors *m, const struct metrics *counts, struct recorder *r,
                                  struct store *s) MUST_USE;
/* Keeps what was counted since the last minute. After the loops have ended, before the recorder stops. */
void monitoring_end(struct monitoring *g, const struct snapshot *s);
void monitoring_free(struct monitoring *g); /* after the recorder has stopped; NULL is fine */

/* The endpoints and versions of a snapshot are watched from now on; the first one brings what the last run
 * kept. */
void monitoring_adopt(struct monitoring *g, const struct snapshot *s);
/* Some times a second. True: there are new readings. */
bool monitoring_tick(struct monitoring *g, const struct snapshot *s);
