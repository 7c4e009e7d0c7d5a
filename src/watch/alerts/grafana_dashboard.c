#include "watch/alerts/grafana_dashboard.h"

#include "base/json.h"
#include "watch/alerts/alert_rules.h"

#include <string.h>

enum { SCHEMA = 39, WIDTH = 24, HEIGHT = 8, QUERIES_MAX = 3 };

struct panel {
    const char *title, *type, *unit;
    unsigned width;
    struct {
        const char *expression, *legend;
    } queries[QUERIES_MAX];
};

#define OF "{endpoint=~\"$endpoint\"}"

static const struct panel panels[] = {
    {"Incidents", "stat", "none", 6, {{"sum by (class) (penstock_incidents_open)", "{{class}}"}}},
    {"Alerts", "stat", "none", 6, {{"penstock_alerts", "{{state}}"}}},
    {"Review queue", "stat", "none", 6, {{"penstock_review_open", "waits"}}},
    {"Store and alerts work",
     "stat",
     "bool_yes_no",
     6,
     {{"penstock_recorder_healthy", "store"}, {"penstock_alerting_healthy", "alerts"}}},
    {"What is over its limit",
     "table",
     "none",
     24,
     {{"penstock_monitor_breached" OF " == 1", "{{endpoint}} {{monitor}} {{part}}"}}},
    {"Requests",
     "timeseries",
     "reqps",
     12,
     {{"sum by (status) (rate(penstock_requests_total" OF "[5m]))", "{{status}}"}}},
    {"Failed requests",
     "timeseries",
     "percentunit",
     12,
     {{"sum by (endpoint) (rate(penstock_requests_total{endpoint=~\"$endpoint\",status=~\"5..\"}[5m])) / sum "
       "by "
       "(endpoint) (rate(penstock_requests_total" OF "[5m]))",
       "{{endpoint}}"}}},
    {"Latency",
     "timeseries",
     "s",
     12,
     {{"histogram_quantile(0.5, sum by (le) (rate(penstock_request_seconds_bucket" OF "[5m])))", "p50"},
      {"histogram_quantile(0.95, sum by (le) (rate(penstock_request_seconds_bucket" OF "[5m])))", "p95"},
      {"histogram_quantile(0.99, sum by (le) (rate(penstock_request_seconds_bucket" OF "[5m])))", "p99"}}},
    {"Time per stage",
     "timeseries",
     "s",
     12,
     {{"sum by (stage) (rate(penstock_stage_seconds_sum" OF "[5m])) / sum by (stage) "
       "(rate(penstock_stage_seconds_count" OF "[5m]))",
       "{{stage}}"}}},
    {"Decisions",
     "timeseries",
     "reqps",
     12,
     {{"sum by (decision) (rate(penstock_decisions_total" OF "[5m]))", "{{decision}}"}}},
    {"Fallbacks",
     "timeseries",
     "reqps",
     12,
     {{"sum by (step) (rate(penstock_fallbacks_total" OF "[5m]))", "{{step}}"}}},
    {"Confidence",
     "timeseries",
     "percentunit",
     12,
     {{"sum by (model) (rate(penstock_confidence_sum" OF
       "[1h])) / sum by (model) (rate(penstock_confidence_count" OF "[1h]))",
       "{{model}}"}}},
    {"Drift",
     "timeseries",
     "none",
     12,
     {{"max by (monitor, part) (penstock_monitor_value{endpoint=~\"$endpoint\",monitor=~\".*_drift\"})",
       "{{monitor}} {{part}}"}}},
    {"Accuracy",
     "timeseries",
     "percentunit",
     12,
     {{"penstock_monitor_value{endpoint=~\"$endpoint\",monitor=~\"accuracy|estimated_accuracy\"}",
       "{{endpoint}} {{monitor}}"}}},
    {"Cost of the day",
     "timeseries",
     "currencyUSD",
     12,
     {{"penstock_monitor_value{endpoint=~\"$endpoint\",monitor=\"cost\"}", "{{endpoint}}"},
      {"penstock_monitor_limit{endpoint=~\"$endpoint\",monitor=\"cost\"}", "{{endpoint}} limit"}}},
    {"Cache",
     "timeseries",
     "reqps",
     12,
     {{"sum by (result) (rate(penstock_cache_requests_total" OF "[5m]))", "{{result}}"}}},
    {"Upstreams left alone", "timeseries", "none", 12, {{"penstock_upstream_left_alone", "{{upstream}}"}}},
    {"Recorder", "timeseries", "s", 12, {{"penstock_recorder_lag_seconds", "oldest event"}}},
    {"Messages about alerts",
     "timeseries",
     "none",
     12,
     {{"sum by (receiver, result) (increase(penstock_alert_messages_total[1h]))", "{{receiver}} {{result}}"},
      {"penstock_alert_messages_waiting", "wait"}}},
    {"Processor", "timeseries", "none", 12, {{"rate(process_cpu_seconds_total[5m])", "cores"}}},
    {"Memory", "timeseries", "bytes", 12, {{"process_resident_memory_bytes", "resident"}}},
};

static void write_source(struct json_writer *w) {
    json_key(w, "datasource");
    json_object(w);
    json_field_text(w, "type", "prometheus");
    json_field_text(w, "uid", "${datasource}");
    json_object_end(w);
}

static void write_queries(const struct panel *p, struct json_writer *w) {
    json_key(w, "targets");
    json_array(w);
    for (unsigned i = 0; i < QUERIES_MAX && p->queries[i].expression; i++) {
        json_object(w);
        write_source(w);
        json_field_str(w, "refId", (struct str){&"ABC"[i], 1});
        json_field_text(w, "expr", p->queries[i].expression);
        json_field_text(w, "legendFormat", p->queries[i].legend);
        if (strcmp(p->type, "timeseries") != 0)
            json_field_bool(w, "instant", true);
        if (strcmp(p->type, "table") == 0)
            json_field_text(w, "format", "table");
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_panel(const struct panel *p, unsigned id, unsigned x, unsigned y, struct json_writer *w) {
    json_object(w);
    json_field_int(w, "id", id);
    json_field_text(w, "title", p->title);
    json_field_text(w, "type", p->type);
    write_source(w);
    json_key(w, "gridPos");
    json_object(w);
    json_field_int(w, "x", x);
    json_field_int(w, "y", y);
    json_field_int(w, "w", p->width);
    json_field_int(w, "h", HEIGHT);
    json_object_end(w);
    json_key(w, "fieldConfig");
    json_object(w);
    json_key(w, "defaults");
    json_object(w);
    json_field_text(w, "unit", p->unit);
    json_object_end(w);
    json_key(w, "overrides");
    json_array(w);
    json_array_end(w);
    json_object_end(w);
    write_queries(p, w);
    json_object_end(w);
}

static void write_panels(struct json_writer *w) {
    unsigned x = 0, y = 0;
    json_key(w, "panels");
    json_array(w);
    for (unsigned i = 0; i < ARRAY_COUNT(panels); i++) {
        if (x + panels[i].width > WIDTH) {
            x = 0;
            y += HEIGHT;
        }
        write_panel(&panels[i], i + 1, x, y, w);
        x += panels[i].width;
    }
    json_array_end(w);
}

static void write_variable(struct json_writer *w, const char *name, const char *type, const char *query) {
    bool of_label = strcmp(type, "query") == 0;
    json_object(w);
    json_field_text(w, "name", name);
    json_field_text(w, "type", type);
    json_field_text(w, "query", query);
    if (of_label) {
        write_source(w);
        json_field_bool(w, "includeAll", true);
        json_field_bool(w, "multi", true);
        json_field_text(w, "allValue", ".*");
        json_field_int(w, "refresh", 2);
        json_key(w, "current");
        json_object(w);
        json_field_text(w, "text", "All");
        json_field_text(w, "value", "$__all");
        json_object_end(w);
    }
    json_object_end(w);
}

void grafana_dashboard_write(const struct config *config, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "title", "Penstock");
    json_field_text(&w, "uid", "penstock");
    json_field_int(&w, "schemaVersion", SCHEMA);
    json_field_text(&w, "refresh", "30s");
    json_field_bool(&w, "editable", true);
    json_key(&w, "tags");
    json_array(&w);
    json_text(&w, "penstock");
    json_array_end(&w);
    json_key(&w, "time");
    json_object(&w);
    json_field_text(&w, "from", "now-6h");
    json_field_text(&w, "to", "now");
    json_object_end(&w);
    json_key(&w, "templating");
    json_object(&w);
    json_key(&w, "list");
    json_array(&w);
    write_variable(&w, "datasource", "datasource", "prometheus");
    write_variable(&w, "endpoint", "query", "label_values(penstock_requests_total, endpoint)");
    json_array_end(&w);
    json_object_end(&w);
    if (config->alerts.public_url) {
        json_key(&w, "links");
        json_array(&w);
        json_object(&w);
        json_field_text(&w, "title", "Penstock's console");
        json_field_text(&w, "type", "link");
        AUTO_BUF url = BUF_INIT(4096);
        buf_printf(&url, "%s/console", config->alerts.public_url);
        json_field_str(&w, "url", buf_str(&url));
        json_object_end(&w);
        json_array_end(&w);
    }
    write_panels(&w);
    json_object_end(&w);
    buf_add_char(out, '\n');
}
