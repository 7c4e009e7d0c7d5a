#include "watch/alerts/silences.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"

#include <string.h>

enum { LONGEST_DAYS = 366 };

/* ---- rows ---- */

static bool note(struct store *s, const struct silence *silence, const char *what, const char *who,
                 struct error *err) {
    AUTO_BUF after = BUF_INIT(16384);
    struct json_writer w = JSON_WRITER(&after);
    silence_json(silence, &w);
    struct change c = {.endpoint = silence->endpoint,
                       .what = what,
                       .who = who,
                       .why = silence->why,
                       .before = "",
                       .after = buf_terminated(&after)};
    return c.after ? history_add(s, &c, err)
                   : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

static bool insert(struct store *s, const struct silence *silence, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO silences (id, endpoint, monitor, part, who, why, starts, ends,"
                      " created, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                      err);
    if (!q)
        return false;
    const char *const texts[] = {silence->id,   silence->endpoint, silence->monitor,
                                 silence->part, silence->who,      silence->why};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        sql_bind_str(q, (int)i + 1, str_from(texts[i]));
    sql_bind_int(q, 7, silence->starts);
    sql_bind_int(q, 8, silence->ends);
    sql_bind_int(q, 9, silence->created);
    return sql_run(s, q, err);
}

static bool is_sensible(const struct silence *silence, struct error *err) {
    if (!silence->who[0] || !silence->why[0])
        return fail_at(err, ERR_INVALID_FIELD, "why", "Say who silences and why: others will wonder.");
    if (silence->ends <= silence->starts || silence->ends <= silence->created)
        return fail_at(err, ERR_INVALID_FIELD, "until",
                       "A silence ends after it starts, and not before now.");
    if (silence->ends - silence->created > INT64_C(86400) * LONGEST_DAYS * NS_PER_SECOND)
        return fail_at(err, ERR_INVALID_FIELD, "until",
                       "A silence lasts at most %d days; what never matters is switched off in the "
                       "configuration (alerts.monitors).",
                       LONGEST_DAYS);
    return true;
}

bool silence_add(struct store *s, struct silence *silence, struct error *err) {
    silence->created = clock_wall();
    if (!silence->starts)
        silence->starts = silence->created;
    id_make(silence->created, silence->id);
    if (!is_sensible(silence, err) || !store_begin(s, true, err))
        return false;
    if (insert(s, silence, err) && note(s, silence, "silence.added", silence->who, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

static void read_columns(sqlite3_stmt *q, struct silence *silence) {
    *silence = (struct silence){.starts = sql_int_at(q, 6),
                                .ends = sql_int_at(q, 7),
                                .created = sql_int_at(q, 8),
                                .ended = sql_int_at(q, 9)};
    str_put(sql_str_at(q, 0), silence->id, sizeof silence->id);
    str_put(sql_str_at(q, 1), silence->endpoint, sizeof silence->endpoint);
    str_put(sql_str_at(q, 2), silence->monitor, sizeof silence->monitor);
    str_put(sql_str_at(q, 3), silence->part, sizeof silence->part);
    str_put(sql_str_at(q, 4), silence->who, sizeof silence->who);
    str_put(sql_str_at(q, 5), silence->why, sizeof silence->why);
}

bool silences_list(struct store *s, int64_t now, bool over,
                   void (*visit)(const struct silence *silence, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT id, endpoint, monitor, part, who, why, starts, ends, created, ended"
                      " FROM silences WHERE ?1 = 1 OR (ended = 0 AND ends > ?2) ORDER BY ends",
                      err);
    struct silence silence;
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, over);
    sql_bind_int(q, 2, now);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &silence);
        visit(&silence, ctx);
    }
    return false;
}

struct wanted {
    struct str id;
    bool found;
    struct silence silence;
};

static void look_for(const struct silence *silence, void *ctx) {
    struct wanted *w = ctx;
    if (!str_eq(w->id, str_from(silence->id)))
        return;
    w->found = true;
    w->silence = *silence;
}

static bool end(struct store *s, struct str id, const char *who, struct error *err) {
    struct wanted w = {.id = id};
    if (!silences_list(s, clock_wall(), false, look_for, &w, err))
        return false;
    if (!w.found)
        return fail(err, ERR_NOT_FOUND, "There is no silence \"%.*s\" that has not ended.",
                    STR_ARG(str_slice(id, 0, 40)));
    sqlite3_stmt *q = sql_statement(s, "UPDATE silences SET ended = ? WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, clock_wall());
    sql_bind_str(q, 2, id);
    return sql_run(s, q, err) && note(s, &w.silence, "silence.ended", who, err);
}

bool silence_end(struct store *s, struct str id, const char *who, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    if (end(s, id, who, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

/* ---- what they cover ---- */

static bool fits(const char *wanted, const char *has) {
    return !wanted[0] || strcmp(wanted, has) == 0;
}

bool silence_matches(const struct silence *silence, const struct alert_record *a, int64_t now) {
    return !silence->ended && now >= silence->starts && now < silence->ends &&
           fits(silence->endpoint, a->endpoint) && fits(silence->monitor, a->monitor) &&
           fits(silence->part, a->part);
}

bool names_have(const char *names, const char *name) {
    struct str rest = str_from(names);
    if (!names)
        return true;
    while (rest.n)
        if (str_eq(str_trim(str_split(&rest, ',')), str_from(name)))
            return true;
    return false;
}

/* 1970-01-01 was a Thursday; sunday is 0. One that began some days ago may still last. */
bool maintenance_covers(const struct config_maintenance *m, const char *endpoint, int64_t wall_ns) {
    const int64_t day_ns = INT64_C(86400) * NS_PER_SECOND;
    int64_t today = wall_ns / day_ns;
    if (!names_have(m->endpoints, endpoint))
        return false;
    for (int64_t day = today; day >= today - m->lasts / day_ns - 1 && day >= 0; day--) {
        int64_t from = day * day_ns + m->minute * 60 * NS_PER_SECOND;
        bool begins = m->days & 1u << (day + 4) % 7;
        if (begins && wall_ns >= from && wall_ns < from + m->lasts)
            return true;
    }
    return false;
}

void silence_json(const struct silence *silence, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", silence->id);
    json_field_text(w, "endpoint", silence->endpoint[0] ? silence->endpoint : NULL);
    json_field_text(w, "monitor", silence->monitor[0] ? silence->monitor : NULL);
    json_field_text(w, "part", silence->part[0] ? silence->part : NULL);
    alert_time_json(w, "from", silence->starts);
    alert_time_json(w, "until", silence->ends);
    alert_time_json(w, "created", silence->created);
    alert_time_json(w, "ended", silence->ended);
    json_field_text(w, "who", silence->who);
    json_field_text(w, "why", silence->why);
    json_object_end(w);
}
