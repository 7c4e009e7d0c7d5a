/* Readings of what the counters behind /metrics show at once: errors, fallbacks, latency. The monitors
 * (watch/monitors.h) give the others, and these by category and stage. One thread. */
#pragma once

#include "watch/alerting.h"
#include "watch/metrics_window.h"

struct service_readings;

/* NULL: no memory. What is passed outlives it. */
struct service_readings *service_readings_new(struct metrics *m, struct metrics_window *w) MUST_USE;
void service_readings_free(struct service_readings *s); /* NULL is fine */
struct reading_source service_readings_source(struct service_readings *s);
