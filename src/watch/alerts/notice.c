#include "watch/alerts/notice.h"

#include "base/clock.h"
#include "watch/alerts/alert_rules.h"

#include <math.h>
#include <string.h>

enum { SUBJECT_MAX = 200 };

const char *receiver_kind_name(enum receiver_kind kind) {
    static const char *const names[] = {"slack", "pagerduty", "alertmanager", "webhook", "email"};
    return (size_t)kind < ARRAY_COUNT(names) ? names[kind] : "unknown";
}

/* ---- pieces ---- */

void notice_value(struct buf *out, double value, const char *unit) {
    if (!isfinite(value))
        buf_add_str(out, STR("nothing"));
    else if (strcmp(unit, "share") == 0)
        buf_printf(out, "%.3g %%", 100 * value);
    else if (strcmp(unit, "usd") == 0)
        buf_printf(out, "$%.4g", value);
    else if (!unit[0] || strcmp(unit, "count") == 0)
        buf_printf(out, "%.10g", value);
    else
        buf_printf(out, "%.4g %s", value, unit);
}

void notice_runbook(const struct config_alerts *c, const char *monitor, struct buf *out) {
    const char *pattern = c->runbooks, *place = pattern ? strstr(pattern, "{monitor}") : NULL;
    if (place)
        buf_printf(out, "%.*s%s%s", (int)(place - pattern), pattern, monitor, place + strlen("{monitor}"));
    else if (pattern)
        buf_add_str(out, str_from(pattern));
    else if (c->public_url)
        buf_printf(out, "%s/v1/runbooks/%s", c->public_url, monitor);
    else
        buf_printf(out, "docs/runbooks/%s.md", monitor);
}

void notice_link(const struct notice_facts *f, struct buf *out) {
    if (f->config->public_url)
        buf_printf(out, "%s/console#/incidents/%s", f->config->public_url, f->incident->id);
}

static void add_sight(const struct alert_record *a, struct buf *out) {
    if (a->progress.sight == SIGHT_NO_DATA || a->progress.sight == SIGHT_VOID ||
        a->progress.sight == SIGHT_GONE)
        buf_printf(out, " (that was the last; now: %s)", alert_sight_name(a->progress.sight));
}

void notice_alert_text(const struct alert_record *a, struct buf *out) {
    char time[CLOCK_TEXT_SIZE];
    buf_add_str(out, str_from(alert_rule_of(a->monitor)->title));
    buf_printf(out, " (%s%s%s): ", a->monitor, a->part[0] ? ", " : "", a->part);
    notice_value(out, a->value, a->unit);
    add_sight(a, out);
    if (isfinite(a->expected)) {
        buf_add_str(out, STR(", expected "));
        notice_value(out, a->expected, a->unit);
    }
    if (isfinite(a->limit)) {
        buf_add_str(out, STR(", limit "));
        notice_value(out, a->limit, a->unit);
    }
    clock_format(a->began, time);
    buf_printf(out, ", since %s", time);
    if (a->progress.state == ALERT_RESOLVED) {
        clock_format(a->ended, time);
        buf_printf(out, ", resolved %s", time);
    }
    if (a->detail[0])
        buf_printf(out, ". %s", a->detail);
}

static const char *subject_words(enum notice what) {
    static const char *const words[NOTICE_COUNT] = {
        [NOTICE_OPENED] = "",
        [NOTICE_CHANGED] = "changed: ",
        [NOTICE_REPEATED] = "still: ",
        [NOTICE_ESCALATED] = "nobody has acknowledged: ",
        [NOTICE_RESOLVED] = "resolved: ",
        [NOTICE_TEST] = "test: ",
    };
    return words[what] ? words[what] : "";
}

static void write_subject(const struct notice_facts *f, struct buf *out) {
    const struct incident_record *i = f->incident;
    buf_printf(out, "[%s %s] %s%s: ", alert_class_name(i->class), alert_class_meaning(i->class),
               subject_words(f->what), i->endpoint[0] ? i->endpoint : "the server");
    if (f->count)
        buf_add_str(out, str_from(alert_rule_of(f->alerts[0].monitor)->title));
    else
        buf_add_str(out, str_from(i->summary));
    if (f->count > 1)
        buf_printf(out, ", and %zu more", f->count - 1);
    if (out->n > SUBJECT_MAX)
        out->n = SUBJECT_MAX;
}

/* ---- mail, and whatever wants plain text ---- */

static void add_line(struct buf *out, const char *name, const char *value) {
    if (value[0])
        buf_printf(out, "%-10s %s\n", name, value);
}

void notice_write_text(const struct notice_facts *f, struct buf *out) {
    const struct incident_record *i = f->incident;
    char opened[CLOCK_TEXT_SIZE];
    clock_format(i->opened, opened);
    buf_printf(out, "%-10s %s, %s\n", "Class:", alert_class_name(i->class), alert_class_meaning(i->class));
    add_line(out, "Endpoint:", i->endpoint[0] ? i->endpoint : "the whole server");
    add_line(out, "Owner:", i->owner[0] ? i->owner : "nobody is named (endpoints.NAME.owner)");
    add_line(out, "State:", incident_state_name(i->progress.state));
    add_line(out, "Since:", opened);
    add_line(out, "Incident:", i->id);
    if (f->config->public_url) {
        buf_printf(out, "%-10s ", "Console:");
        notice_link(f, out);
        buf_add_char(out, '\n');
    }
    for (size_t k = 0; k < f->count; k++) {
        buf_add_str(out, STR("\n- "));
        notice_alert_text(&f->alerts[k], out);
        buf_add_str(out, STR("\n  Runbook: "));
        notice_runbook(f->config, f->alerts[k].monitor, out);
        buf_add_char(out, '\n');
    }
    if (f->what != NOTICE_RESOLVED && f->what != NOTICE_TEST)
        buf_printf(out, "\nTo take it on: penstock incidents ack %s\n", i->id);
}

void notice_write(enum receiver_kind kind, const struct notice_facts *f, struct buf *subject,
                  struct buf *body) {
    struct json_writer w = JSON_WRITER(body);
    write_subject(f, subject);
    struct str title = buf_str(subject);
    switch (kind) {
    case RECEIVER_SLACK: notice_write_slack(f, title, &w); break;
    case RECEIVER_PAGERDUTY: notice_write_pagerduty(f, title, &w); break;
    case RECEIVER_ALERTMANAGER: notice_write_alertmanager(f, &w); break;
    case RECEIVER_WEBHOOK: notice_write_webhook(f, title, &w); break;
    case RECEIVER_EMAIL: notice_write_text(f, body); break;
    }
}
