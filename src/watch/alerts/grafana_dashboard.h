/* A dashboard for Grafana over the families of GET /metrics, with the monitors and classes of
 * watch/alerts/alert_rules.h. Any thread. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* JSON, as Grafana imports it (schema 39, Grafana 10 and newer). */
void grafana_dashboard_write(const struct config *config, struct buf *out);
