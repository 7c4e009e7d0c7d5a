#include "watch/alerts/incidents.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"
#include "watch/alerts/alert_rules.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                              \
    "id, endpoint, owner, class, state, opened, acknowledged, resolved, acknowledged_by, resolved_by, "      \
    "summary, notices, waited, quiet, untold, changed, escalated"

/* ---- rows ---- */

bool incidents_put(struct store *s, const struct incident_record *i, struct error *err) {
    const struct incident_progress *p = &i->progress;
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO incidents (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                      " ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
                      " ON CONFLICT (id) DO UPDATE SET owner = ?3, class = ?4, state = ?5, acknowledged = ?7,"
                      " resolved = ?8, acknowledged_by = ?9, resolved_by = ?10, summary = ?11, notices = ?12,"
                      " waited = ?13, quiet = ?14, untold = ?15, changed = ?16, escalated = ?17",
                      err);
    if (!q)
        return false;
    const struct {
        int at;
        const char *text;
    } texts[] = {{1, i->id},           {2, i->endpoint}, {3, i->owner}, {9, i->acknowledged_by},
                 {10, i->resolved_by}, {11, i->summary}};
    const struct {
        int at;
        int64_t number;
    } numbers[] = {{4, i->class},      {5, p->state},    {6, i->opened},       {7, i->acknowledged},
                   {8, i->resolved},   {12, p->notices}, {13, p->waited_ns},   {14, p->quiet_ns},
                   {15, p->untold_ns}, {16, p->changed}, {17, p->escalated_ns}};
    for (size_t k = 0; k < ARRAY_COUNT(texts); k++)
        sql_bind_str(q, texts[k].at, str_from(texts[k].text));
    for (size_t k = 0; k < ARRAY_COUNT(numbers); k++)
        sql_bind_int(q, numbers[k].at, numbers[k].number);
    return sql_run(s, q, err);
}

static void read_columns(sqlite3_stmt *q, struct incident_record *i) {
    *i = (struct incident_record){
        .class = (enum alert_class)sql_int_at(q, 3),
        .opened = sql_int_at(q, 5),
        .acknowledged = sql_int_at(q, 6),
        .resolved = sql_int_at(q, 7),
        .progress = {.state = (enum incident_state)sql_int_at(q, 4),
                     .notices = (unsigned)sql_int_at(q, 11),
                     .waited_ns = sql_int_at(q, 12),
                     .quiet_ns = sql_int_at(q, 13),
                     .untold_ns = sql_int_at(q, 14),
                     .changed = sql_int_at(q, 15) != 0,
                     .escalated_ns = sql_int_at(q, 16)},
    };
    str_put(sql_str_at(q, 0), i->id, sizeof i->id);
    str_put(sql_str_at(q, 1), i->endpoint, sizeof i->endpoint);
    str_put(sql_str_at(q, 2), i->owner, sizeof i->owner);
    str_put(sql_str_at(q, 8), i->acknowledged_by, sizeof i->acknowledged_by);
    str_put(sql_str_at(q, 9), i->resolved_by, sizeof i->resolved_by);
    str_put(sql_str_at(q, 10), i->summary, sizeof i->summary);
}

bool incidents_list(struct store *s, const struct incident_filter *filter,
                    void (*visit)(const struct incident_record *i, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT " COLUMNS " FROM incidents WHERE (?1 = 1 OR endpoint = ?2)"
                                    " AND (?3 = '' OR id = ?3) AND (?4 = 0 OR state < 2)"
                                    " ORDER BY id DESC LIMIT ?5",
                                    err);
    struct incident_record i;
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, filter->endpoint.p == NULL);
    sql_bind_str(q, 2, filter->endpoint);
    sql_bind_str(q, 3, filter->id);
    sql_bind_int(q, 4, filter->open);
    sql_bind_int(q, 5, filter->limit ? (int64_t)filter->limit : -1);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &i);
        visit(&i, ctx);
    }
    return false;
}

struct found {
    bool *found;
    struct incident_record *out;
};

static void take_one(const struct incident_record *i, void *ctx) {
    struct found *f = ctx;
    *f->found = true;
    *f->out = *i;
}

bool incidents_find(struct store *s, struct str id, bool *found, struct incident_record *out,
                    struct error *err) {
    struct found f = {found, out};
    *found = false;
    return id.n == 0 || incidents_list(s, &(struct incident_filter){.id = id, .limit = 1}, take_one, &f, err);
}

/* ---- the timeline ---- */

bool incident_event_add(struct store *s, const char *incident, const struct incident_event *e,
                        struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "INSERT INTO incident_events (incident, at, what, who, text) VALUES (?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(incident));
    sql_bind_int(q, 2, e->at);
    sql_bind_str(q, 3, str_from(e->what));
    sql_bind_str(q, 4, str_from(e->who));
    sql_bind_str(q, 5, str_from(e->text));
    return sql_run(s, q, err);
}

static const char *text_at(sqlite3_stmt *q, int column) {
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text ? text : "";
}

bool incident_events(struct store *s, const char *incident,
                     void (*visit)(const struct incident_event *e, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT at, what, who, text FROM incident_events WHERE incident = ? ORDER BY id", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(incident));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct incident_event e = {sql_int_at(q, 0), text_at(q, 1), text_at(q, 2), text_at(q, 3)};
        visit(&e, ctx);
    }
    return false;
}

/* ---- what people do ---- */

static void take_incident(const struct alert_record *a, void *ctx) {
    str_put(str_from(a->incident), ctx, ID_SIZE);
}

/* By its own ID or an alert's. */
static bool meant(struct store *s, struct str id, struct incident_record *out, struct error *err) {
    char of_alert[ID_SIZE] = "";
    bool found = false;
    if (id.n && !incidents_find(s, id, &found, out, err))
        return false;
    if (id.n && !found &&
        (!alerts_list(s, &(struct alert_filter){.id = id, .limit = 1}, take_incident, of_alert, err) ||
         !incidents_find(s, str_from(of_alert), &found, out, err)))
        return false;
    return found || fail(err, ERR_NOT_FOUND, "There is no incident \"%.*s\", and no alert with one.",
                         STR_ARG(str_slice(id, 0, 40)));
}

static bool note(struct store *s, const struct incident_record *i, const char *what, const char *who,
                 const char *text, struct error *err) {
    char kind[64];
    snprintf(kind, sizeof kind, "incident.%s", what);
    AUTO_BUF after = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&after);
    json_object(&w);
    json_field_text(&w, "incident", i->id);
    json_object_end(&w);
    struct incident_event e = {clock_wall(), what, who, text};
    struct change c = {
        .endpoint = i->endpoint, .what = kind, .who = who, .why = text, .before = "", .after = ""};
    if (!(c.after = buf_terminated(&after)))
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
    return incident_event_add(s, i->id, &e, err) && history_add(s, &c, err);
}

static bool still_open(const struct incident_record *i, struct error *err) {
    return i->progress.state != INCIDENT_RESOLVED ||
           fail(err, ERR_CONFLICT, "Incident %s was resolved by %s already.", i->id, i->resolved_by);
}

static bool acknowledge(struct store *s, struct incident_record *i, const char *who, const char *why,
                        struct error *err) {
    if (!still_open(i, err))
        return false;
    if (i->progress.state == INCIDENT_ACKNOWLEDGED)
        return fail(err, ERR_CONFLICT, "Incident %s was acknowledged by %s already.", i->id,
                    i->acknowledged_by);
    i->progress.state = INCIDENT_ACKNOWLEDGED;
    i->acknowledged = clock_wall();
    str_put(str_from(who), i->acknowledged_by, sizeof i->acknowledged_by);
    return incidents_put(s, i, err) && note(s, i, "acknowledged", who, why, err);
}

static void count_seen(const struct alert_record *a, void *ctx) {
    unsigned *seen = ctx;
    bool blind = a->progress.sight == SIGHT_NO_DATA || a->progress.sight == SIGHT_VOID ||
                 a->progress.sight == SIGHT_GONE;
    *seen += a->progress.state == ALERT_FIRING && !blind;
}

static void collect_blind(const struct alert_record *a, void *ctx) {
    struct alert_record *last = ctx;
    if (a->progress.state == ALERT_FIRING)
        *last = *a;
}

/* What fires without data would stay for ever: with the incident it ends. */
static bool end_blind(struct store *s, const struct incident_record *i, struct error *err) {
    for (;;) {
        struct alert_record a = {0};
        struct alert_filter filter = {.incident = str_from(i->id), .active = true, .limit = 1};
        if (!alerts_list(s, &filter, collect_blind, &a, err))
            return false;
        if (!a.id[0])
            return true;
        a.progress.state = ALERT_RESOLVED;
        a.ended = clock_wall();
        if (!alerts_put(s, &a, err))
            return false;
    }
}

static bool resolve(struct store *s, struct incident_record *i, const char *who, const char *why,
                    struct error *err) {
    unsigned seen = 0;
    struct alert_filter filter = {.incident = str_from(i->id), .active = true};
    if (!still_open(i, err) || !alerts_list(s, &filter, count_seen, &seen, err))
        return false;
    if (seen)
        return fail(
            err, ERR_CONFLICT,
            "%u of its alerts are still measured and not good; incident %s ends with them. \"penstock "
            "alerts silence\" keeps them quiet.",
            seen, i->id);
    str_put(str_from(who), i->resolved_by, sizeof i->resolved_by);
    return end_blind(s, i, err) && incidents_put(s, i, err) && note(s, i, "resolved", who, why, err);
}

/* It has waited for as long as any receiver's delay may be. */
static bool escalate(struct store *s, struct incident_record *i, const char *who, const char *why,
                     struct error *err) {
    if (!still_open(i, err))
        return false;
    i->progress.state = INCIDENT_OPEN;
    i->progress.waited_ns = INT64_MAX / 2;
    i->acknowledged = 0;
    i->acknowledged_by[0] = '\0';
    return incidents_put(s, i, err) && note(s, i, "escalated", who, why, err);
}

static bool comment(struct store *s, struct incident_record *i, const char *who, const char *text,
                    struct error *err) {
    return note(s, i, "comment", who, text, err);
}

static bool in_transaction(struct store *s, struct str id, const char *who, const char *text,
                           bool (*act)(struct store *, struct incident_record *, const char *, const char *,
                                       struct error *),
                           struct incident_record *out, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    if (meant(s, id, out, err) && act(s, out, who, text, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

bool incident_acknowledge(struct store *s, struct str id, const char *who, const char *why,
                          struct incident_record *out, struct error *err) {
    return in_transaction(s, id, who, why, acknowledge, out, err);
}

bool incident_resolve(struct store *s, struct str id, const char *who, const char *why,
                      struct incident_record *out, struct error *err) {
    return in_transaction(s, id, who, why, resolve, out, err);
}

bool incident_escalate(struct store *s, struct str id, const char *who, const char *why,
                       struct incident_record *out, struct error *err) {
    return in_transaction(s, id, who, why, escalate, out, err);
}

bool incident_comment(struct store *s, struct str id, const char *who, const char *text,
                      struct incident_record *out, struct error *err) {
    return in_transaction(s, id, who, text, comment, out, err);
}

void incident_record_json(const struct incident_record *i, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", i->id);
    json_field_text(w, "endpoint", i->endpoint);
    json_field_text(w, "owner", i->owner[0] ? i->owner : NULL);
    json_field_text(w, "class", alert_class_name(i->class));
    json_field_text(w, "meaning", alert_class_meaning(i->class));
    json_field_text(w, "state", incident_state_name(i->progress.state));
    json_field_text(w, "summary", i->summary);
    alert_time_json(w, "opened", i->opened);
    alert_time_json(w, "acknowledged", i->acknowledged);
    json_field_text(w, "acknowledged_by", i->acknowledged_by[0] ? i->acknowledged_by : NULL);
    alert_time_json(w, "resolved", i->resolved);
    json_field_text(w, "resolved_by", i->resolved_by[0] ? i->resolved_by : NULL);
    json_field_int(w, "notices", i->progress.notices);
    json_object_end(w);
}
