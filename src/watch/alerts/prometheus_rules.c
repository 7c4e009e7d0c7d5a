#include "watch/alerts/prometheus_rules.h"

#include "base/clock.h"
#include "base/json.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/burn_rate.h"
#include "watch/metrics/metrics_shard.h"
#include "watch/alerts/notice.h"

#include <ctype.h>
#include <string.h>

enum { EXPRESSION_MAX = 4096 };
#define STANDARD_AVAILABILITY 0.999

/* ---- pieces ---- */

/* JSON's strings are YAML's, between double quotes. */
static void add_quoted(struct buf *out, struct str text) {
    struct json_writer w = JSON_WRITER(out);
    json_str(&w, text);
}

/* "latency_p95": "PenstockLatencyP95". */
static void add_name(struct buf *out, const char *monitor) {
    bool up = true;
    buf_add_str(out, STR("Penstock"));
    for (; *monitor; monitor++) {
        if (*monitor != '_')
            buf_add_char(out, (char)(up ? toupper((unsigned char)*monitor) : *monitor));
        up = *monitor == '_';
    }
}

/* Prometheus takes whole units only. */
static void add_duration(struct buf *out, int64_t ns) {
    int64_t seconds = ns / NS_PER_SECOND;
    if (seconds % 60 == 0 && seconds)
        buf_printf(out, "%lldm", (long long)(seconds / 60));
    else
        buf_printf(out, "%llds", (long long)seconds);
}

static void add_minutes(struct buf *out, unsigned minutes) {
    if (minutes % (24 * 60) == 0)
        buf_printf(out, "%ud", minutes / (24 * 60));
    else if (minutes % 60 == 0)
        buf_printf(out, "%uh", minutes / 60);
    else
        buf_printf(out, "%um", minutes);
}

struct rule {
    const char *monitor;
    struct buf expression;
    const char *value; /* how the value reads in a sentence */
};

static void write_rule(struct buf *out, const struct config *config, struct rule *r) {
    const struct alert_rule *known = alert_rule_of(r->monitor);
    struct alert_judging judging = alert_judging_of(&config->alerts, r->monitor);
    AUTO_BUF runbook = BUF_INIT(EXPRESSION_MAX);
    if (judging.enabled) {
        buf_add_str(out, STR("      - alert: "));
        add_name(out, r->monitor);
        buf_add_str(out, STR("\n        expr: "));
        add_quoted(out, buf_str(&r->expression));
        buf_add_str(out, STR("\n        for: "));
        add_duration(out, judging.timing.hold_ns);
        buf_printf(out,
                   "\n        labels:\n          severity: %s\n          monitor: %s\n        annotations:\n",
                   alert_class_name(judging.class), r->monitor);
        buf_add_str(out, STR("          summary: "));
        AUTO_BUF summary = BUF_INIT(EXPRESSION_MAX);
        buf_printf(&summary, "{{ $labels.endpoint }}: %s", known->title);
        add_quoted(out, buf_str(&summary));
        buf_add_str(out, STR("\n          description: "));
        add_quoted(out, str_from(r->value));
        buf_add_str(out, STR("\n          runbook_url: "));
        notice_runbook(&config->alerts, r->monitor, &runbook);
        add_quoted(out, buf_str(&runbook));
        buf_add_char(out, '\n');
    }
    buf_free(&r->expression);
}

/* ---- what the monitors say ---- */

/* Those that have a reading of their own at /metrics; the others follow. */
static bool is_monitor(const char *monitor) {
    static const char *const others[] = {"availability_fast", "availability_slow", "quick_fast", "quick_slow",
                                         "delivery",          "alerting",          "recording"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        if (strcmp(monitor, others[i]) == 0)
            return false;
    return true;
}

static void write_monitors(struct buf *out, const struct config *config) {
    buf_add_str(out, STR("  - name: penstock-monitors\n    rules:\n"));
    for (unsigned i = 0; i < alert_rule_count; i++) {
        const char *monitor = alert_rules[i].monitor;
        struct rule r = {.monitor = monitor,
                         .expression = BUF_INIT(EXPRESSION_MAX),
                         .value = "{{ $labels.part }} of {{ $labels.endpoint }} is over its limit; "
                                  "penstock_monitor_value and penstock_monitor_limit tell by how much."};
        if (!is_monitor(monitor))
            continue;
        buf_printf(&r.expression, "penstock_monitor_breached{monitor=\"%s\"} == 1", monitor);
        write_rule(out, config, &r);
    }
}

static void write_server(struct buf *out, const struct config *config) {
    buf_add_str(out, STR("  - name: penstock-server\n    rules:\n"));
    struct rule recording = {.monitor = "recording",
                             .expression = BUF_INIT(EXPRESSION_MAX),
                             .value = "The store cannot be written: requests get 503."};
    buf_add_str(&recording.expression, STR("penstock_recorder_healthy == 0"));
    write_rule(out, config, &recording);
    struct rule alerting = {.monitor = "alerting",
                            .expression = BUF_INIT(EXPRESSION_MAX),
                            .value = "The store cannot be written: alerts are not judged."};
    buf_add_str(&alerting.expression, STR("penstock_alerting_healthy == 0"));
    write_rule(out, config, &alerting);
    struct rule delivery = {.monitor = "delivery",
                            .expression = BUF_INIT(EXPRESSION_MAX),
                            .value = "Receiver {{ $labels.receiver }} did not take messages about alerts."};
    buf_add_str(&delivery.expression,
                STR("sum by (receiver) (increase(penstock_alert_messages_total{result=\"failed\"}[10m])) > 2 "
                    "unless sum by "
                    "(receiver) (increase(penstock_alert_messages_total{result=\"delivered\"}[10m])) > 0"));
    write_rule(out, config, &delivery);
    buf_add_str(out,
                STR("      - alert: PenstockAbsent\n        expr: \"absent(penstock_build_info)\"\n"
                    "        for: 1m\n        labels:\n          severity: P1\n          monitor: absent\n"
                    "        annotations:\n          summary: \"No Penstock is scraped.\"\n"));
}

/* ---- the error budgets ---- */

/* The share of bad requests in one window, per endpoint. `le`: those within it are the good ones; NULL: those
 * without status 5xx. */
static void add_bad_share(struct buf *out, const char *matcher, unsigned minutes, const char *le) {
    const char *comma = matcher[0] ? "," : "";
    if (le) {
        buf_printf(out, "1 - sum by (endpoint) (rate(penstock_request_seconds_bucket{%s%sle=\"%s\"}[",
                   matcher, comma, le);
        add_minutes(out, minutes);
        buf_printf(out, "])) / sum by (endpoint) (rate(penstock_request_seconds_count{%s}[", matcher);
    } else {
        buf_printf(out, "sum by (endpoint) (rate(penstock_requests_total{%s%sstatus=~\"5..\"}[", matcher,
                   comma);
        add_minutes(out, minutes);
        buf_printf(out, "])) / sum by (endpoint) (rate(penstock_requests_total{%s}[", matcher);
    }
    add_minutes(out, minutes);
    buf_add_str(out, STR("]))"));
}

static void write_burn(struct buf *out, const struct config *config, const char *monitor, const char *matcher,
                       double objective, enum burn_speed speed, const char *le) {
    unsigned count;
    const struct burn_windows *w = burn_windows_of(speed, &count);
    struct rule r = {.monitor = monitor,
                     .expression = BUF_INIT(EXPRESSION_MAX),
                     .value = "{{ $value | humanizePercentage }} of its requests are bad."};
    for (unsigned i = 0; i < count; i++) {
        double limit = w[i].limit * (1 - objective);
        buf_add_str(&r.expression, i ? STR(" or (") : STR("("));
        add_bad_share(&r.expression, matcher, w[i].long_minutes, le);
        buf_printf(&r.expression, " > %.6g and ", limit);
        add_bad_share(&r.expression, matcher, w[i].short_minutes, le);
        buf_printf(&r.expression, " > %.6g)", limit);
    }
    write_rule(out, config, &r);
}

/* The bound of the histogram that is at most that. */
static void le_of(int64_t latency, char *out, size_t size) {
    unsigned at = 0;
    for (unsigned i = 0; i + 1 < TIME_BUCKETS; i++)
        if (metrics_time_bounds[i] <= latency / 1000)
            at = i;
    snprintf(out, size, "%g", (double)metrics_time_bounds[at] / 1e6);
}

static void write_objectives(struct buf *out, const struct config *config, const char *name,
                             const struct config_objectives *o) {
    char matcher[300] = "", le[32];
    if (name)
        snprintf(matcher, sizeof matcher, "endpoint=\"%s\"", name);
    if (o->availability > 0 && o->availability < 1) {
        write_burn(out, config, "availability_fast", matcher, o->availability, BURN_FAST, NULL);
        write_burn(out, config, "availability_slow", matcher, o->availability, BURN_SLOW, NULL);
    }
    if (o->quick > 0 && o->quick < 1) {
        le_of(o->latency, le, sizeof le);
        write_burn(out, config, "quick_fast", matcher, o->quick, BURN_FAST, le);
        write_burn(out, config, "quick_slow", matcher, o->quick, BURN_SLOW, le);
    }
}

void prometheus_rules_write(const struct config *config, struct buf *out) {
    static const struct config_objectives standard = {.availability = STANDARD_AVAILABILITY};
    buf_add_str(out, STR("# Made by \"penstock export prometheus-rules\"; make it again instead of changing "
                         "it.\ngroups:\n"));
    write_server(out, config);
    write_monitors(out, config);
    buf_add_str(out, STR("  - name: penstock-objectives\n    rules:\n"));
    if (config->endpoint_count == 0)
        write_objectives(out, config, NULL, &standard);
    for (size_t i = 0; i < config->endpoint_count; i++)
        write_objectives(out, config, config->endpoints[i].name, &config->endpoints[i].objectives);
}
