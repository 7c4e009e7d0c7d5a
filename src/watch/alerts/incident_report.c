#include "watch/alerts/incident_report.h"

#include "base/clock.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/notice.h"

#include <string.h>

enum { ALERTS_SHOWN = 200 };

/* ---- for programs ---- */

static void alert_json(const struct alert_record *a, void *ctx) {
    alert_record_json(a, ctx);
}

static void event_json(const struct incident_event *e, void *ctx) {
    struct json_writer *w = ctx;
    json_object(w);
    alert_time_json(w, "at", e->at);
    json_field_text(w, "what", e->what);
    json_field_text(w, "who", e->who);
    json_field_text(w, "text", e->text);
    json_object_end(w);
}

bool incident_report_json(struct store *s, const struct incident_record *i, struct buf *out,
                          struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    struct alert_filter filter = {.incident = str_from(i->id), .limit = ALERTS_SHOWN};
    json_object(&w);
    json_key(&w, "incident");
    incident_record_json(i, &w);
    json_key(&w, "alerts");
    json_array(&w);
    bool good = alerts_list(s, &filter, alert_json, &w, err);
    json_array_end(&w);
    json_key(&w, "timeline");
    json_array(&w);
    good = good && incident_events(s, i->id, event_json, &w, err);
    json_array_end(&w);
    json_object_end(&w);
    return good;
}

/* ---- for people ---- */

/* Foreign text stays text: nothing in it starts a table's cell, a tag or a line. */
static void add_plain(struct buf *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|<>`*_[]\\", *text))
            buf_add_char(out, '\\');
        buf_add_char(out, (unsigned char)*text < 0x20 ? ' ' : *text);
    }
}

static void add_time(struct buf *out, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    buf_add_str(out, wall_ns ? str_from(time) : STR("–"));
}

static void add_length(struct buf *out, int64_t from, int64_t to) {
    int64_t seconds = from && to ? (to - from) / NS_PER_SECOND : -1;
    if (seconds < 0)
        buf_add_str(out, STR("–"));
    else if (seconds < 120)
        buf_printf(out, "%lld s", (long long)seconds);
    else
        buf_printf(out, "%lld min", (long long)(seconds / 60));
}

struct first {
    int64_t began;
};

static void find_first(const struct alert_record *a, void *ctx) {
    struct first *f = ctx;
    if (!f->began || a->began < f->began)
        f->began = a->began;
}

static void alert_row(const struct alert_record *a, void *ctx) {
    struct buf *out = ctx;
    buf_printf(out, "| %s%s", a->monitor, a->part[0] ? ", " : "");
    add_plain(out, a->part);
    buf_add_str(out, STR(" | "));
    add_time(out, a->began);
    buf_add_str(out, STR(" | "));
    add_time(out, a->ended);
    buf_add_str(out, STR(" | "));
    notice_value(out, a->worst, a->unit);
    buf_add_str(out, STR(" | "));
    notice_value(out, a->expected, a->unit);
    buf_add_str(out, STR(" | "));
    notice_value(out, a->limit, a->unit);
    buf_printf(out, " | [%s](docs/runbooks/%s.md) |\n", a->monitor, a->monitor);
}

static void event_row(const struct incident_event *e, void *ctx) {
    struct buf *out = ctx;
    buf_add_str(out, STR("| "));
    add_time(out, e->at);
    buf_printf(out, " | %s | ", e->what);
    add_plain(out, e->who);
    buf_add_str(out, STR(" | "));
    add_plain(out, e->text);
    buf_add_str(out, STR(" |\n"));
}

static void write_head(const struct incident_record *i, int64_t began, struct buf *out) {
    buf_add_str(out, STR("# Post-mortem: "));
    add_plain(out, i->endpoint[0] ? i->endpoint : "the server");
    buf_printf(
        out,
        ", %s %s\n\nA draft, made from the record of incident %s. What stands in brackets is for people.\n\n",
        alert_class_name(i->class), alert_class_meaning(i->class), i->id);
    buf_add_str(out, STR("| | |\n|---|---|\n| Owner | "));
    add_plain(out, i->owner[0] ? i->owner : "nobody is named");
    buf_printf(out, " |\n| State | %s |\n| Began | ", incident_state_name(i->progress.state));
    add_time(out, began);
    buf_add_str(out, STR(" |\n| Noticed (opened) | "));
    add_time(out, i->opened);
    buf_add_str(out, STR(", after "));
    add_length(out, began, i->opened);
    buf_add_str(out, STR(" |\n| Acknowledged | "));
    add_time(out, i->acknowledged);
    if (i->acknowledged) {
        buf_add_str(out, STR(" by "));
        add_plain(out, i->acknowledged_by);
        buf_add_str(out, STR(", after "));
        add_length(out, i->opened, i->acknowledged);
    }
    buf_add_str(out, STR(" |\n| Resolved | "));
    add_time(out, i->resolved);
    if (i->resolved) {
        buf_add_str(out, STR(" by "));
        add_plain(out, i->resolved_by);
        buf_add_str(out, STR(", after "));
        add_length(out, i->opened, i->resolved);
    }
    buf_add_str(out, STR(" |\n\n## What happened\n\n"));
    add_plain(out, i->summary);
    buf_add_str(out, STR("\n\n[What users felt, and how many: …]\n\n[The cause: …]\n\n"));
}

bool incident_report_markdown(struct store *s, const struct incident_record *i, struct buf *out,
                              struct error *err) {
    struct first first = {0};
    struct alert_filter filter = {.incident = str_from(i->id), .limit = ALERTS_SHOWN};
    if (!alerts_list(s, &filter, find_first, &first, err))
        return false;
    write_head(i, first.began, out);
    buf_add_str(out, STR("## Alerts\n\n| monitor | since | until | worst | expected | limit | runbook |\n"
                         "|---|---|---|---|---|---|---|\n"));
    if (!alerts_list(s, &filter, alert_row, out, err))
        return false;
    buf_add_str(out, STR("\n## Timeline\n\n| when | what | who | |\n|---|---|---|---|\n"));
    if (!incident_events(s, i->id, event_row, out, err))
        return false;
    buf_add_str(out, STR("\n## What went well, what did not\n\n[…]\n\n## What is to be done\n\n"
                         "| action | owner | until |\n|---|---|---|\n| […] | | |\n"));
    return true;
}
