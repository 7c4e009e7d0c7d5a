#include "watch/alerts/alert_records.h"

#include "base/clock.h"
#include "store/sql.h"
#include "watch/alerts/alert_rules.h"

#include <math.h>
#include <string.h>

#define COLUMNS                                                                                              \
    "id, endpoint, monitor, part, state, class, sight, above, held, cleared, unseen, told_unseen, began, "   \
    "fired, ended, value, worst, expected, bound, unit, samples, window_from, window_to, detail, muted, "    \
    "incident"

/* ---- from readings ---- */

void alert_record_read(struct alert_record *a, const struct reading *r) {
    bool further = isfinite(r->value) &&
                   (!isfinite(a->worst) || (a->progress.above ? r->value > a->worst : r->value < a->worst));
    a->value = r->value;
    if (further && r->state == READING_BREACHED)
        a->worst = r->value;
    a->expected = r->expected;
    a->limit = r->limit;
    a->samples = r->samples;
    a->from = r->from;
    a->to = r->to;
    str_put(str_from(r->unit), a->unit, sizeof a->unit);
    str_put(str_from(r->detail), a->detail, sizeof a->detail);
}

void alert_record_begin(struct alert_record *a, const struct reading *r, int64_t wall_ns) {
    *a = (struct alert_record){.began = wall_ns, .worst = NAN};
    id_make(wall_ns, a->id);
    str_put(str_from(r->endpoint), a->endpoint, sizeof a->endpoint);
    str_put(str_from(r->monitor), a->monitor, sizeof a->monitor);
    str_put(str_from(r->part), a->part, sizeof a->part);
}

/* ---- rows ---- */

static void bind_number(sqlite3_stmt *q, int at, double value) {
    if (isfinite(value))
        sql_bind_double(q, at, value);
    else
        sql_bind_null(q, at);
}

static double number_at(sqlite3_stmt *q, int column) {
    return sql_null_at(q, column) ? NAN : sqlite3_column_double(q, column);
}

static void bind_progress(sqlite3_stmt *q, const struct alert_record *a) {
    const struct alert_progress *p = &a->progress;
    const int64_t numbers[] = {p->state,    p->sight,      a->class, p->above, p->held_ns, p->cleared_ns,
                               p->blind_ns, p->told_blind, a->began, a->fired, a->ended};
    static const int places[] = {5, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        sql_bind_int(q, places[i], numbers[i]);
}

bool alerts_put(struct store *s, const struct alert_record *a, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO alerts (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                      " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)"
                      " ON CONFLICT (id) DO UPDATE SET state = ?5, class = ?6, sight = ?7, above = ?8,"
                      " held = ?9, cleared = ?10, unseen = ?11, told_unseen = ?12, fired = ?14, ended = ?15,"
                      " value = ?16, worst = ?17, expected = ?18, bound = ?19, unit = ?20, samples = ?21,"
                      " window_from = ?22, window_to = ?23, detail = ?24, muted = ?25, incident = ?26",
                      err);
    if (!q)
        return false;
    const char *const names[] = {a->id, a->endpoint, a->monitor, a->part};
    for (int i = 0; i < 4; i++)
        sql_bind_str(q, i + 1, str_from(names[i]));
    bind_progress(q, a);
    bind_number(q, 16, a->value);
    bind_number(q, 17, a->worst);
    bind_number(q, 18, a->expected);
    bind_number(q, 19, a->limit);
    sql_bind_str(q, 20, str_from(a->unit));
    sql_bind_int(q, 21, (int64_t)a->samples);
    sql_bind_int(q, 22, a->from);
    sql_bind_int(q, 23, a->to);
    sql_bind_str(q, 24, str_from(a->detail));
    sql_bind_str(q, 25, str_from(a->muted));
    sql_bind_str(q, 26, str_from(a->incident));
    return sql_run(s, q, err);
}

bool alerts_delete(struct store *s, const char *id, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM alerts WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(id));
    return sql_run(s, q, err);
}

static void read_columns(sqlite3_stmt *q, struct alert_record *a) {
    *a = (struct alert_record){
        .class = (enum alert_class)sql_int_at(q, 5),
        .progress = {.state = (enum alert_state)sql_int_at(q, 4),
                     .sight = (enum alert_sight)sql_int_at(q, 6),
                     .above = sql_int_at(q, 7) != 0,
                     .held_ns = sql_int_at(q, 8),
                     .cleared_ns = sql_int_at(q, 9),
                     .blind_ns = sql_int_at(q, 10),
                     .told_blind = sql_int_at(q, 11) != 0},
        .began = sql_int_at(q, 12),
        .fired = sql_int_at(q, 13),
        .ended = sql_int_at(q, 14),
        .value = number_at(q, 15),
        .worst = number_at(q, 16),
        .expected = number_at(q, 17),
        .limit = number_at(q, 18),
        .samples = (uint64_t)sql_int_at(q, 20),
        .from = sql_int_at(q, 21),
        .to = sql_int_at(q, 22),
    };
    str_put(sql_str_at(q, 0), a->id, sizeof a->id);
    str_put(sql_str_at(q, 1), a->endpoint, sizeof a->endpoint);
    str_put(sql_str_at(q, 2), a->monitor, sizeof a->monitor);
    str_put(sql_str_at(q, 3), a->part, sizeof a->part);
    str_put(sql_str_at(q, 19), a->unit, sizeof a->unit);
    str_put(sql_str_at(q, 23), a->detail, sizeof a->detail);
    str_put(sql_str_at(q, 24), a->muted, sizeof a->muted);
    str_put(sql_str_at(q, 25), a->incident, sizeof a->incident);
}

bool alerts_list(struct store *s, const struct alert_filter *filter,
                 void (*visit)(const struct alert_record *a, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT " COLUMNS " FROM alerts WHERE (?1 = '' OR endpoint = ?1)"
                                    " AND (?2 = '' OR incident = ?2) AND (?3 = '' OR id = ?3)"
                                    " AND (?4 = 0 OR state < 3)"
                                    " ORDER BY state = 2 DESC, id DESC LIMIT ?5",
                                    err);
    struct alert_record a;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, filter->endpoint);
    sql_bind_str(q, 2, filter->incident);
    sql_bind_str(q, 3, filter->id);
    sql_bind_int(q, 4, filter->active);
    sql_bind_int(q, 5, filter->limit ? (int64_t)filter->limit : -1);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &a);
        visit(&a, ctx);
    }
    return false;
}

bool alerts_prune(struct store *s, int64_t before, unsigned most, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE state = 3"
                                    " AND ended < ? ORDER BY id LIMIT ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, most);
    return sql_run(s, q, err);
}

/* ---- for people and programs ---- */

void alert_number_json(struct json_writer *w, const char *key, double value) {
    json_key(w, key);
    json_double(w, value);
}

void alert_time_json(struct json_writer *w, const char *key, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, key, wall_ns ? time : NULL);
}

void alert_record_json(const struct alert_record *a, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", a->id);
    json_field_text(w, "endpoint", a->endpoint);
    json_field_text(w, "monitor", a->monitor);
    json_field_text(w, "part", a->part);
    json_field_text(w, "title", alert_rule_of(a->monitor)->title);
    json_field_text(w, "state", alert_state_name(a->progress.state));
    json_field_text(w, "class", alert_class_name(a->class));
    json_field_text(w, "sight", alert_sight_name(a->progress.sight));
    alert_number_json(w, "value", a->value);
    alert_number_json(w, "worst", a->worst);
    alert_number_json(w, "expected", a->expected);
    alert_number_json(w, "limit", a->limit);
    json_field_text(w, "unit", a->unit);
    json_field_int(w, "samples", (int64_t)a->samples);
    alert_time_json(w, "window_from", a->from);
    alert_time_json(w, "window_to", a->to);
    alert_time_json(w, "began", a->began);
    alert_time_json(w, "fired", a->fired);
    alert_time_json(w, "ended", a->ended);
    json_field_text(w, "detail", a->detail);
    json_field_text(w, "muted", a->muted[0] ? a->muted : NULL);
    json_field_text(w, "incident", a->incident[0] ? a->incident : NULL);
    json_object_end(w);
}
