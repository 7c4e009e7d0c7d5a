/* The monitors' readings for the alerts. Errors, fallbacks and latency of all together are left to
 * watch/service_readings.h, which sees them within seconds instead of at the end of the minute. */
#pragma once

#include "watch/alerts/alerting.h"
#include "watch/monitors/monitors.h"

struct reading_source monitor_source(struct monitors *m);
