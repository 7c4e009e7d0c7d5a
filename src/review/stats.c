#include "review/stats.h"

#include "base/clock.h"
#include "base/json.h"
#include "review/audit.h"
#include "store/endpoint_states.h"
#include "store/sql.h"

#include <string.h>

#define HOUR_NS (INT64_C(3600) * 1000000000)

/* ---- the queue ---- */

struct queue {
    int64_t open, waiting, audits, oldest, first;
};

static bool read_queue(struct store *s, struct str endpoint, struct queue *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT count(*), coalesce(sum(kind <> 1 AND gold IS NULL), 0), coalesce(sum(kind = 1), 0),"
        " coalesce(min(CASE WHEN kind <> 1 AND gold IS NULL THEN created END), 0),"
        " coalesce((SELECT min(created) FROM review_items WHERE endpoint = ?1), 0)"
        " FROM review_items WHERE endpoint = ?1 AND resolved IS NULL",
        err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    if (!sql_step(s, q, &row, err))
        return false;
    *out = (struct queue){sql_int_at(q, 0), sql_int_at(q, 1), sql_int_at(q, 2), sql_int_at(q, 3),
                          sql_int_at(q, 4)};
    sql_end(q);
    return true;
}

static bool count(struct store *s, const char *text, struct str endpoint, int64_t from, int64_t *a,
                  int64_t *b, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, text, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    sql_bind_int(q, 2, from);
    if (!sql_step(s, q, &row, err))
        return false;
    *a = sql_int_at(q, 0);
    if (b)
        *b = sql_int_at(q, 1);
    sql_end(q);
    return true;
}

/* Gold and audits take people's time as the others do. */
bool review_seen(struct store *s, struct str endpoint, int64_t now, struct capacity_seen *out,
                 struct error *err) {
    static const char arrived[] = "SELECT count(*) FROM review_items WHERE endpoint = ? AND created > ?";
    static const char resolved[] = "SELECT count(*), count(DISTINCT reviewer) FROM review_items"
                                   " WHERE endpoint = ? AND resolved > ? AND resolved IS NOT NULL";
    struct queue queue;
    int64_t in, done, people, from = now - 24 * HOUR_NS;
    if (!read_queue(s, endpoint, &queue, err))
        return false;
    if (queue.first > from)
        from = queue.first < now - HOUR_NS ? queue.first : now - HOUR_NS;
    if (!count(s, arrived, endpoint, from, &in, NULL, err) ||
        !count(s, resolved, endpoint, from, &done, &people, err))
        return false;
    *out = (struct capacity_seen){.hours = (double)(now - from) / (double)HOUR_NS,
                                  .arrived = (uint64_t)in,
                                  .resolved = (uint64_t)done,
                                  .depth = (uint64_t)queue.open,
                                  .people = (unsigned)people,
                                  .oldest_ns = queue.oldest ? now - queue.oldest : 0};
    return true;
}

/* ---- the people ---- */

static void write_share(struct json_writer *w, const char *key, int64_t of, int64_t n) {
    struct review_estimate e = {0};
    for (int64_t i = 0; i < of; i++)
        review_estimate_add(&e, i < n, 1);
    review_estimate_end(&e);
    json_key(w, key);
    json_object(w);
    json_field_int(w, "judged", of);
    json_field_int(w, "wrong", n);
    json_key(w, "share");
    of ? json_fixed(w, e.value, 4) : json_null(w);
    json_field_fixed(w, "low", e.low, 4);
    json_field_fixed(w, "high", e.high, 4);
    json_object_end(w);
}

/* Of each: labels, skips, gold judged and wrong, items with several opinions and how often it did not stay.
 */
static const char people[] =
    "SELECT o.reviewer, count(*),"
    " (SELECT count(*) FROM review_skips p JOIN review_items i ON i.id = p.item"
    " WHERE p.reviewer = o.reviewer AND i.endpoint = ?1),"
    " coalesce(sum(r.gold IS NOT NULL), 0), coalesce(sum(r.gold IS NOT NULL AND o.label <> g.label), 0),"
    " coalesce(sum(r.wanted > 1 AND r.resolved IS NOT NULL), 0),"
    " coalesce(sum(r.wanted > 1 AND r.resolved IS NOT NULL AND o.label <> r.label), 0)"
    " FROM review_items r JOIN review_opinions o ON o.item = r.id LEFT JOIN review_gold g ON g.id = r.gold"
    " WHERE r.endpoint = ?1 GROUP BY o.reviewer ORDER BY o.reviewer";

static bool write_people(struct store *s, struct str endpoint, struct json_writer *w, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, people, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    json_key(w, "reviewers");
    json_array(w);
    while (sql_step(s, q, &row, err)) {
        if (!row) {
            json_array_end(w);
            return true;
        }
        json_object(w);
        json_field_str(w, "reviewer", sql_str_at(q, 0));
        json_field_int(w, "labels", sql_int_at(q, 1));
        json_field_int(w, "skips", sql_int_at(q, 2));
        write_share(w, "gold", sql_int_at(q, 3), sql_int_at(q, 4));
        write_share(w, "opinions", sql_int_at(q, 5), sql_int_at(q, 6));
        json_object_end(w);
    }
    return false;
}

/* Of one person: labels of an hour, a day and a week, and of the week's gold the first tens. */
static const char own[] =
    "WITH mine AS (SELECT o.at AS at, r.gold AS gold, o.label <> coalesce(g.label, '') AS wrong"
    " FROM review_opinions o JOIN review_items r ON r.id = o.item LEFT JOIN review_gold g ON g.id = r.gold"
    " WHERE r.endpoint = ?1 AND o.reviewer = ?2 AND o.at > ?5),"
    " told AS (SELECT wrong FROM mine WHERE gold IS NOT NULL ORDER BY at"
    " LIMIT (SELECT count(*) / 10 * 10 FROM mine WHERE gold IS NOT NULL))"
    " SELECT (SELECT count(*) FROM mine WHERE at > ?3), (SELECT count(*) FROM mine WHERE at > ?4),"
    " (SELECT count(*) FROM mine), (SELECT count(*) FROM told), (SELECT coalesce(sum(wrong), 0) FROM told)";

static bool write_own(struct store *s, struct str endpoint, struct str who, int64_t now,
                      struct json_writer *w, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, own, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    sql_bind_str(q, 2, who);
    sql_bind_int(q, 3, now - HOUR_NS);
    sql_bind_int(q, 4, now - 24 * HOUR_NS);
    sql_bind_int(q, 5, now - 7 * 24 * HOUR_NS);
    if (!sql_step(s, q, &row, err))
        return false;
    json_key(w, "you");
    json_object(w);
    json_field_int(w, "last_hour", sql_int_at(q, 0));
    json_field_int(w, "last_day", sql_int_at(q, 1));
    json_field_int(w, "last_week", sql_int_at(q, 2));
    write_share(w, "gold", sql_int_at(q, 3), sql_int_at(q, 4));
    json_object_end(w);
    sql_end(q);
    return true;
}

static bool write_gold(struct store *s, struct str endpoint, struct json_writer *w, struct error *err) {
    static const char text[] =
        "SELECT count(*) FROM review_gold WHERE endpoint = ? AND retired IS NULL AND ?2 = ?2";
    int64_t n;
    if (!count(s, text, endpoint, 0, &n, NULL, err))
        return false;
    json_field_int(w, "gold", n);
    return true;
}

/* ---- all ---- */

static void write_forecast(struct json_writer *w, const struct capacity_seen *seen) {
    struct capacity c = capacity_forecast(seen);
    json_field_fixed(w, "arrivals_per_hour", c.arrivals, 3);
    json_field_fixed(w, "resolved_per_hour", c.resolved, 3);
    json_field_int(w, "people", seen->people);
    json_key(w, "forecast");
    json_object(w);
    json_field_fixed(w, "depth_24h", c.depth_day, 1);
    json_key(w, "wait_24h_s");
    c.wait_day_ns < 0 ? json_null(w) : json_fixed(w, c.wait_day_ns / 1e9, 0);
    json_object_end(w);
}

static void write_audit(struct json_writer *w, const struct review_estimate *e) {
    json_key(w, "audit");
    json_object(w);
    json_field_int(w, "labelled", (int64_t)e->rows);
    json_key(w, "accuracy");
    e->rows ? json_fixed(w, e->value, 4) : json_null(w);
    json_field_fixed(w, "low", e->low, 4);
    json_field_fixed(w, "high", e->high, 4);
    json_object_end(w);
}

/* What gives at the moment, and by which certified row, as the store has it. */
static bool write_overflow(struct store *s, struct str endpoint, struct json_writer *w, struct error *err) {
    struct endpoint_state state;
    char name[256], since[CLOCK_TEXT_SIZE];
    str_put(endpoint, name, sizeof name);
    if (!endpoint_state_get(s, name, ENDPOINT_OVERFLOW, &state, err))
        return false;
    bool active = state.value[0] && strcmp(state.value, "none") != 0;
    json_key(w, "overflow");
    json_object(w);
    json_field_text(w, "gives", active ? state.value : "none");
    if (active) {
        clock_format(state.at, since);
        json_field_text(w, "since", since);
        json_field_text(w, "why", state.why);
    }
    json_object_end(w);
    return true;
}

bool review_stats(struct store *s, struct str endpoint, struct str who, bool admin, int64_t now,
                  struct buf *out, struct error *err) {
    struct queue queue;
    struct capacity_seen seen;
    struct review_estimate audit;
    struct json_writer w = JSON_WRITER(out);
    if (!read_queue(s, endpoint, &queue, err) || !review_seen(s, endpoint, now, &seen, err) ||
        !review_audit_accuracy(s, endpoint, 0, now, &audit, err))
        return false;
    json_object(&w);
    json_field_str(&w, "endpoint", endpoint);
    json_field_int(&w, "open", queue.open);
    json_field_int(&w, "audits", queue.audits);
    json_field_fixed(&w, "oldest_s", (double)seen.oldest_ns / 1e9, 0);
    write_forecast(&w, &seen);
    write_audit(&w, &audit);
    if (!write_overflow(s, endpoint, &w, err) || (who.n && !write_own(s, endpoint, who, now, &w, err)))
        return false;
    if (admin) {
        json_field_int(&w, "waiting", queue.waiting);
        if (!write_gold(s, endpoint, &w, err) || !write_people(s, endpoint, &w, err))
            return false;
    }
    json_object_end(&w);
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for the figures of the queue.");
}
