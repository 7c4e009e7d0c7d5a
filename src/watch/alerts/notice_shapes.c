/* The shapes of webhooks: Slack's blocks, PagerDuty's Events API v2, Alertmanager's webhook version 4, our
 * own. */
#include "watch/alerts/notice.h"

#include "base/clock.h"
#include "watch/alerts/alert_rules.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 8192, SLACK_ALERTS_MAX = 20, SLACK_TEXT_MAX = 2900, PAGERDUTY_ALERTS_MAX = 50 };

static bool is_over(const struct notice_facts *f) {
    return f->what == NOTICE_RESOLVED;
}

static void field_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, key, time);
}

static void field_runbook(struct json_writer *w, const char *key, const struct notice_facts *f,
                          const char *monitor) {
    AUTO_BUF link = BUF_INIT(TEXT_MAX);
    notice_runbook(f->config, monitor, &link);
    json_field_str(w, key, buf_str(&link));
}

static void field_alert_text(struct json_writer *w, const char *key, const struct alert_record *a) {
    AUTO_BUF text = BUF_INIT(TEXT_MAX);
    notice_alert_text(a, &text);
    json_field_str(w, key, buf_str(&text));
}

static void field_link(struct json_writer *w, const char *key, const struct notice_facts *f) {
    AUTO_BUF link = BUF_INIT(TEXT_MAX);
    notice_link(f, &link);
    json_key(w, key);
    if (link.n)
        json_str(w, buf_str(&link));
    else
        json_null(w);
}

/* ---- our own ---- */

void notice_write_webhook(const struct notice_facts *f, struct str subject, struct json_writer *w) {
    json_object(w);
    json_field_int(w, "version", 1);
    json_field_text(w, "notice", notice_name(f->what));
    json_field_str(w, "subject", subject);
    field_link(w, "console_url", f);
    json_key(w, "incident");
    incident_record_json(f->incident, w);
    json_key(w, "alerts");
    json_array(w);
    for (size_t i = 0; i < f->count; i++) {
        json_object(w);
        field_alert_text(w, "text", &f->alerts[i]);
        field_runbook(w, "runbook", f, f->alerts[i].monitor);
        json_key(w, "alert");
        alert_record_json(&f->alerts[i], w);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

/* ---- Slack: https://api.slack.com/messaging/webhooks, blocks ---- */

/* Only these three are special; https://api.slack.com/reference/surfaces/formatting#escaping */
static void add_escaped(struct buf *out, struct str s) {
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&': buf_add_str(out, STR("&amp;")); break;
        case '<': buf_add_str(out, STR("&lt;")); break;
        case '>': buf_add_str(out, STR("&gt;")); break;
        default: buf_add_char(out, s.p[i]);
        }
}

static void slack_block(struct json_writer *w, const char *type, const char *text_type, struct str text) {
    json_object(w);
    json_field_text(w, "type", type);
    json_key(w, "text");
    json_object(w);
    json_field_text(w, "type", text_type);
    json_field_str(w, "text", text);
    json_object_end(w);
    json_object_end(w);
}

static void slack_alert(const struct notice_facts *f, const struct alert_record *a, struct json_writer *w) {
    AUTO_BUF plain = BUF_INIT(TEXT_MAX);
    AUTO_BUF text = BUF_INIT(TEXT_MAX * 5);
    AUTO_BUF link = BUF_INIT(TEXT_MAX);
    notice_alert_text(a, &plain);
    add_escaped(&text, str_slice(buf_str(&plain), 0, SLACK_TEXT_MAX / 5));
    notice_runbook(f->config, a->monitor, &link);
    bool is_link = str_starts(buf_str(&link), STR("http"));
    buf_add_str(&text, is_link ? STR("\n<") : STR("\nRunbook: "));
    add_escaped(&text, buf_str(&link));
    buf_add_str(&text, is_link ? STR("|Runbook>") : STR(""));
    slack_block(w, "section", "mrkdwn", buf_str(&text));
}

static void slack_context(const struct notice_facts *f, struct json_writer *w) {
    const struct incident_record *i = f->incident;
    AUTO_BUF text = BUF_INIT(TEXT_MAX);
    buf_add_str(&text, STR("Owner: "));
    add_escaped(&text, i->owner[0] ? str_from(i->owner) : STR("nobody is named"));
    buf_printf(&text, " · incident %s, %s", i->id, incident_state_name(i->progress.state));
    if (f->config->public_url) {
        buf_add_str(&text, STR(" · <"));
        notice_link(f, &text);
        buf_add_str(&text, STR("|Console>"));
    }
    slack_block(w, "section", "mrkdwn", buf_str(&text));
}

void notice_write_slack(const struct notice_facts *f, struct str subject, struct json_writer *w) {
    AUTO_BUF fallback = BUF_INIT(TEXT_MAX);
    add_escaped(&fallback, subject);
    json_object(w);
    json_field_str(w, "text", buf_str(&fallback));
    json_key(w, "blocks");
    json_array(w);
    slack_block(w, "header", "plain_text", str_slice(subject, 0, 150));
    for (size_t i = 0; i < f->count && i < SLACK_ALERTS_MAX; i++)
        slack_alert(f, &f->alerts[i], w);
    slack_context(f, w);
    json_array_end(w);
    json_object_end(w);
}

/* ---- PagerDuty: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ ---- */

static const char *pagerduty_severity(enum alert_class class) {
    static const char *const names[] = {"critical", "error", "warning", "warning"};
    return names[class];
}

static void pagerduty_payload(const struct notice_facts *f, struct str subject, struct json_writer *w) {
    const struct incident_record *i = f->incident;
    json_object(w);
    json_field_str(w, "summary", str_slice(subject, 0, 1024));
    json_field_text(w, "source", i->endpoint[0] ? i->endpoint : "penstock");
    json_field_text(w, "severity", pagerduty_severity(i->class));
    field_time(w, "timestamp", i->opened);
    json_field_text(w, "component", i->endpoint[0] ? i->endpoint : "server");
    json_field_text(w, "class", f->count ? f->alerts[0].monitor : "incident");
    json_key(w, "custom_details");
    json_object(w);
    json_field_text(w, "owner", i->owner[0] ? i->owner : NULL);
    json_field_text(w, "class", alert_class_meaning(i->class));
    json_field_text(w, "incident", i->id);
    json_key(w, "alerts");
    json_array(w);
    for (size_t k = 0; k < f->count && k < PAGERDUTY_ALERTS_MAX; k++) {
        AUTO_BUF text = BUF_INIT(TEXT_MAX);
        notice_alert_text(&f->alerts[k], &text);
        json_str(w, buf_str(&text));
    }
    json_array_end(w);
    if (f->count)
        field_runbook(w, "runbook", f, f->alerts[0].monitor);
    json_object_end(w);
    json_object_end(w);
}

/* The routing key goes in front when it is sent. */
void notice_write_pagerduty(const struct notice_facts *f, struct str subject, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "event_action", is_over(f) ? "resolve" : "trigger");
    json_field_text(w, "dedup_key", f->incident->id);
    json_key(w, "payload");
    pagerduty_payload(f, subject, w);
    if (f->config->public_url) {
        json_field_text(w, "client", "Penstock");
        field_link(w, "client_url", f);
    }
    json_object_end(w);
}

/* ---- Alertmanager: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config ---- */

static void alertmanager_labels(const struct notice_facts *f, const struct alert_record *a,
                                struct json_writer *w) {
    json_object(w);
    if (a)
        json_field_text(w, "alertname", a->monitor);
    json_field_text(w, "endpoint", f->incident->endpoint);
    if (a && a->part[0])
        json_field_text(w, "part", a->part);
    if (a)
        json_field_text(w, "severity", alert_class_name(a->class));
    if (a && f->incident->owner[0])
        json_field_text(w, "owner", f->incident->owner);
    json_object_end(w);
}

static void alertmanager_alert(const struct notice_facts *f, const struct alert_record *a,
                               struct json_writer *w) {
    bool over = is_over(f) || a->progress.state == ALERT_RESOLVED;
    json_object(w);
    json_field_text(w, "status", over ? "resolved" : "firing");
    json_key(w, "labels");
    alertmanager_labels(f, a, w);
    json_key(w, "annotations");
    json_object(w);
    json_field_text(w, "summary", alert_rule_of(a->monitor)->title);
    field_alert_text(w, "description", a);
    field_runbook(w, "runbook_url", f, a->monitor);
    json_object_end(w);
    field_time(w, "startsAt", a->began);
    if (over)
        field_time(w, "endsAt", a->ended ? a->ended : clock_wall());
    else
        json_field_text(w, "endsAt", "0001-01-01T00:00:00Z");
    json_key(w, "generatorURL");
    AUTO_BUF link = BUF_INIT(TEXT_MAX);
    notice_link(f, &link);
    json_str(w, buf_str(&link));
    json_field_text(w, "fingerprint", a->id);
    json_object_end(w);
}

void notice_write_alertmanager(const struct notice_facts *f, struct json_writer *w) {
    char group[ALERT_NAME_SIZE + 32];
    snprintf(group, sizeof group, "{}:{endpoint=\"%s\"}", f->incident->endpoint);
    json_object(w);
    json_field_text(w, "version", "4");
    json_field_text(w, "groupKey", group);
    json_field_int(w, "truncatedAlerts", 0);
    json_field_text(w, "status", is_over(f) ? "resolved" : "firing");
    json_field_text(w, "receiver", f->receiver);
    json_key(w, "groupLabels");
    alertmanager_labels(f, NULL, w);
    json_key(w, "commonLabels");
    alertmanager_labels(f, NULL, w);
    json_key(w, "commonAnnotations");
    json_object(w);
    json_object_end(w);
    json_field_text(w, "externalURL", f->config->public_url ? f->config->public_url : "");
    json_key(w, "alerts");
    json_array(w);
    for (size_t i = 0; i < f->count; i++)
        alertmanager_alert(f, &f->alerts[i], w);
    json_array_end(w);
    json_object_end(w);
}
