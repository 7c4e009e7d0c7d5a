/* Alerting rules for Prometheus, for those who have its Alertmanager: made from the table of the alerts
 * (watch/alerts/alert_rules.h), the windows of the burn rates (watch/alerts/burn_rate.h) and the endpoints'
 * objectives, over the families of GET /metrics. Any thread. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* YAML. Without endpoints in the configuration one rule holds for all of them, with the standard objectives.
 */
void prometheus_rules_write(const struct config *config, struct buf *out);
