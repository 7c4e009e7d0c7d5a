/* What is known of each monitor beforehand: how bad its alert is, how long it must hold, what it is called in
 * a sentence. The monitors' names are those of readings (watch/monitors/reading.h), and of the pages in
 * docs/runbooks. Dashboards and rules for Prometheus are made from the same table
 * (watch/alerts/prometheus_rules.h, watch/alerts/grafana_dashboard.h). Constant; any thread. */
#pragma once

#include "config/config.h"
#include "watch/alerts/alert.h"

struct alert_rule {
    const char *monitor;
    const char *title; /* "latency, 95th percentile" */
    enum alert_class class;
    int64_t hold_ns, clear_ns;
};

extern const struct alert_rule alert_rules[];
extern const unsigned alert_rule_count;

/* Never NULL: of a monitor that is not in the table, what is sensible. */
const struct alert_rule *alert_rule_of(const char *monitor);
/* NULL: not known. */
const struct alert_rule *alert_rule_named(struct str monitor);

const char *alert_class_name(enum alert_class class);    /* "P1" */
const char *alert_class_meaning(enum alert_class class); /* "unavailable" */

/* What holds for a monitor under a configuration. */
struct alert_judging {
    bool enabled;
    enum alert_class class;
    struct alert_timing timing;
};
struct alert_judging alert_judging_of(const struct config_alerts *c, const char *monitor);
