#include "watch/monitors/monitor_store.h"

#include "store/sql.h"
#include "watch/monitors/monitored.h"

#include <stdlib.h>

static const struct {
    int64_t span, keep_ns;
} spans[] = {{60, 2 * DAY_NS}, {3600, 70 * DAY_NS}, {86400, 1826 * DAY_NS}};

/* What is there stays: a reference is made once. */
static bool write_reference(struct store *s, const struct monitor_row *row, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO monitor_references (endpoint, version, at, profile)"
                                    " VALUES (?, ?, ?, ?) ON CONFLICT (endpoint, version) DO NOTHING",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(row->endpoint));
    sql_bind_str(q, 2, str_from(row->version));
    sql_bind_int(q, 3, row->at);
    sql_bind_str(q, 4, buf_str(&row->window));
    return sql_run(s, q, err);
}

static void know(struct monitors *m, sqlite3_stmt *q) {
    char endpoint[WINDOW_NAME_SIZE], version[WINDOW_NAME_SIZE];
    struct str name = sql_str_at(q, 0), of = sql_str_at(q, 1);
    if (name.n >= sizeof endpoint || of.n >= sizeof version)
        return;
    str_put(name, endpoint, sizeof endpoint);
    str_put(of, version, sizeof version);
    monitors_know(m, monitors_find(m, endpoint), version, sql_str_at(q, 2));
}

bool monitors_load_references(struct monitors *m, struct store *s, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT endpoint, version, profile FROM monitor_references ORDER BY endpoint", err);
    bool row;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        know(m, q);
    }
    return false;
}

bool monitor_rows_write(struct store *s, const struct monitor_row *rows, struct error *err) {
    for (; rows; rows = rows->next) {
        if (rows->version[0]) {
            if (!write_reference(s, rows, err))
                return false;
            continue;
        }
        sqlite3_stmt *q =
            sql_statement(s,
                          "INSERT INTO monitor_windows (endpoint, span, at, counts, readings)"
                          " VALUES (?, ?, ?, ?, ?) ON CONFLICT (endpoint, span, at) DO UPDATE SET"
                          " counts = excluded.counts, readings = excluded.readings",
                          err);
        if (!q)
            return false;
        sql_bind_str(q, 1, str_from(rows->endpoint));
        sql_bind_int(q, 2, rows->span);
        sql_bind_int(q, 3, rows->at);
        sql_bind_blob(q, 4, rows->window.p ? rows->window.p : "", rows->window.n);
        sql_bind_blob(q, 5, rows->readings.p ? rows->readings.p : "", rows->readings.n);
        if (!sql_run(s, q, err))
            return false;
    }
    return true;
}

bool monitor_rows_expire(struct store *s, int64_t now, struct error *err) {
    for (size_t i = 0; i < ARRAY_COUNT(spans); i++) {
        sqlite3_stmt *q = sql_statement(s, "DELETE FROM monitor_windows WHERE span = ? AND at < ?", err);
        if (!q)
            return false;
        sql_bind_int(q, 1, spans[i].span);
        sql_bind_int(q, 2, now - spans[i].keep_ns);
        if (!sql_run(s, q, err))
            return false;
    }
    return true;
}

static bool visit_rows(struct store *s, sqlite3_stmt *q, int64_t span,
                       void (*visit)(const struct monitor_kept *row, void *ctx), void *ctx,
                       struct error *err) {
    bool row;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        visit(&(struct monitor_kept){.endpoint = sql_str_at(q, 0),
                                     .span = span,
                                     .at = sql_int_at(q, 1),
                                     .window = sql_blob_at(q, 2),
                                     .readings = sql_blob_at(q, 3)},
              ctx);
    }
    return false;
}

bool monitor_rows_visit(struct store *s, struct str endpoint, int64_t span, int64_t from, int64_t to,
                        void (*visit)(const struct monitor_kept *row, void *ctx), void *ctx,
                        struct error *err) {
    sqlite3_stmt *q =
        endpoint.n ? sql_statement(s,
                                   "SELECT endpoint, at, counts, readings FROM monitor_windows"
                                   " WHERE span = ? AND at >= ? AND at <= ? AND endpoint = ? ORDER BY at",
                                   err)
                   : sql_statement(s,
                                   "SELECT endpoint, at, counts, readings FROM monitor_windows"
                                   " WHERE span = ? AND at >= ? AND at <= ? ORDER BY at",
                                   err);
    if (!q)
        return false;
    sql_bind_int(q, 1, span);
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    if (endpoint.n)
        sql_bind_str(q, 4, endpoint);
    return visit_rows(s, q, span, visit, ctx, err);
}

bool monitor_rows_newest(struct store *s, struct str endpoint, int64_t from,
                         void (*visit)(const struct monitor_kept *row, void *ctx), void *ctx,
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT endpoint, max(at), counts, readings FROM monitor_windows"
                                    " WHERE span = 60 AND at >= ? AND length(readings) > 0"
                                    " AND (? = '' OR endpoint = ?) GROUP BY endpoint ORDER BY endpoint",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, from);
    sql_bind_str(q, 2, endpoint);
    sql_bind_str(q, 3, endpoint);
    return visit_rows(s, q, 60, visit, ctx, err);
}

static void restore(const struct monitor_kept *row, void *ctx) {
    struct monitors *m = ctx;
    char name[WINDOW_NAME_SIZE];
    if (row->endpoint.n >= sizeof name)
        return;
    memcpy(name, row->endpoint.p, row->endpoint.n);
    name[row->endpoint.n] = '\0';
    monitors_restore(m, monitors_find(m, name), row->span, row->at, row->window);
}

bool monitors_load(struct monitors *m, struct store *s, int64_t now, struct error *err) {
    return monitor_rows_visit(s, STR(""), 3600, now - HOURS_KEPT * HOUR_NS, INT64_MAX, restore, m, err) &&
           monitor_rows_visit(s, STR(""), 86400, now - HOURS_KEPT * HOUR_NS, INT64_MAX, restore, m, err) &&
           monitor_rows_visit(s, STR(""), 60, now - MINUTES_KEPT * MINUTE_NS, INT64_MAX, restore, m, err);
}

/* ---- queues ---- */

static bool add_queue(struct monitor_known *k, struct str endpoint, uint64_t open, int64_t oldest,
                      struct error *err) {
    struct monitor_queue *more = realloc(k->queues, (k->queue_count + 1) * sizeof *more);
    char *name = more ? str_dup(endpoint) : NULL;
    if (more)
        k->queues = more;
    if (!name)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
    k->queues[k->queue_count++] = (struct monitor_queue){str_from(name), open, oldest};
    return true;
}

static bool read_queues(struct monitor_known *k, struct store *s, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT endpoint, count(*), min(created) FROM review_items"
                      " WHERE resolved IS NULL AND kind <> 1 AND gold IS NULL GROUP BY endpoint",
                      err);
    bool row;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        if (!add_queue(k, sql_str_at(q, 0), (uint64_t)sql_int_at(q, 1), sql_int_at(q, 2), err)) {
            sql_end(q);
            return false;
        }
    }
    return false;
}

/* ---- labels ---- */

static struct monitor_labels *labels_of(struct monitor_known *k, struct str endpoint) {
    for (size_t i = 0; i < k->label_count; i++)
        if (str_eq(k->labels[i].endpoint, endpoint))
            return &k->labels[i];
    struct monitor_labels *more = realloc(k->labels, (k->label_count + 1) * sizeof *more);
    char *name = more ? str_dup(endpoint) : NULL;
    if (more)
        k->labels = more;
    if (!name)
        return NULL;
    k->labels[k->label_count] = (struct monitor_labels){.endpoint = str_from(name)};
    return &k->labels[k->label_count++];
}

static void take_decided(sqlite3_stmt *q, struct monitor_labels *l) {
    if (sql_int_at(q, 1) == 0) {
        l->reviewed = (uint64_t)sql_int_at(q, 2);
        l->reviewed_right = (uint64_t)sql_int_at(q, 3);
        return;
    }
    l->audited = (uint64_t)sql_int_at(q, 2);
    l->audit_weight = sqlite3_column_double(q, 4);
    l->audit_weight_right = sqlite3_column_double(q, 5);
}

static void take_spoken_of(sqlite3_stmt *q, struct monitor_labels *l) {
    l->spoken_of = (uint64_t)sql_int_at(q, 1);
    l->spoken_of_right = sqlite3_column_double(q, 2);
    l->checked = (uint64_t)sql_int_at(q, 3);
    l->agreed = (uint64_t)sql_int_at(q, 4);
}

/* ?1: since when, ?2: until when; the first column is the endpoint. */
static bool read_said(struct monitor_known *k, struct store *s, int64_t now, const char *sql,
                      void (*take)(sqlite3_stmt *q, struct monitor_labels *l), struct error *err) {
    sqlite3_stmt *q = sql_statement(s, sql, err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, now - 7 * DAY_NS);
    sql_bind_int(q, 2, now);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct monitor_labels *l = labels_of(k, sql_str_at(q, 0));
        if (!l) {
            sql_end(q);
            return fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
        }
        take(q, l);
    }
    return false;
}

/* Planted items say how good the reviewers are, not the model. What feedback spoke of is known, so that an
 * audit of it stands for nothing else. */
static const char decided[] =
    "SELECT endpoint, kind, count(*), sum(label = prediction), sum(1 / share),"
    " sum((label = prediction) / share) FROM review_items AS r WHERE resolved > ?1 AND resolved <= ?2"
    " AND gold IS NULL AND (kind = 0 OR (kind = 1 AND NOT EXISTS (SELECT 1 FROM feedback AS f"
    " WHERE f.request_id = r.request_id AND f.correct >= 0 AND f.at > ?1 AND f.at <= ?2)))"
    " GROUP BY endpoint, kind";
/* What was sent to people is theirs to decide. Of an audited one the audit's word counts. */
static const char spoken_of[] =
    "SELECT s.endpoint, count(*), sum(coalesce(r.label = r.prediction, s.correct)), count(r.label),"
    " sum((r.label = r.prediction) = s.correct) FROM (SELECT endpoint, request_id, avg(correct) AS correct"
    " FROM feedback WHERE at > ?1 AND at <= ?2 AND correct >= 0 GROUP BY endpoint, request_id) AS s"
    " LEFT JOIN review_items AS r ON r.request_id = s.request_id AND r.kind = 1 AND r.gold IS NULL"
    " WHERE NOT EXISTS (SELECT 1 FROM review_items AS p WHERE p.request_id = s.request_id AND p.kind <> 1"
    " AND p.gold IS NULL) GROUP BY s.endpoint";

static bool read_labels(struct monitor_known *k, struct store *s, int64_t now, struct error *err) {
    return read_said(k, s, now, decided, take_decided, err) &&
           read_said(k, s, now, spoken_of, take_spoken_of, err);
}

/* ---- scores ---- */

static struct monitor_scores *scores_of(struct monitor_known *k, struct str endpoint) {
    if (k->score_count && str_eq(k->scores[k->score_count - 1].endpoint, endpoint))
        return &k->scores[k->score_count - 1];
    struct monitor_scores *more = realloc(k->scores, (k->score_count + 1) * sizeof *more);
    char *name = more ? str_dup(endpoint) : NULL;
    if (more)
        k->scores = more;
    if (!name)
        return NULL;
    k->scores[k->score_count] = (struct monitor_scores){.endpoint = str_from(name)};
    return &k->scores[k->score_count++];
}

static bool read_scores(struct monitor_known *k, struct store *s, int64_t now, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT endpoint, at > ?, count(*), sum(score), sum(score * score)"
                                    " FROM feedback WHERE at > ? AND at <= ? AND score IS NOT NULL"
                                    " GROUP BY 1, 2 ORDER BY 1",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, now - 7 * DAY_NS);
    sql_bind_int(q, 2, now - 14 * DAY_NS);
    sql_bind_int(q, 3, now);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct monitor_scores *of = scores_of(k, sql_str_at(q, 0));
        if (!of) {
            sql_end(q);
            return fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
        }
        *(sql_int_at(q, 1) ? &of->last : &of->before) = (struct monitor_score_sums){
            (uint64_t)sql_int_at(q, 2), sqlite3_column_double(q, 3), sqlite3_column_double(q, 4)};
    }
    return false;
}

bool monitor_known_read(struct monitor_known *out, struct store *s, int64_t now, struct error *err) {
    *out = (struct monitor_known){0};
    if (read_queues(out, s, err) && read_labels(out, s, now, err) && read_scores(out, s, now, err))
        return true;
    monitor_known_free(out);
    return false;
}

void monitor_known_free(struct monitor_known *k) {
    for (size_t i = 0; i < k->queue_count; i++)
        free((char *)(uintptr_t)k->queues[i].endpoint.p);
    free(k->queues);
    for (size_t i = 0; i < k->label_count; i++)
        free((char *)(uintptr_t)k->labels[i].endpoint.p);
    free(k->labels);
    for (size_t i = 0; i < k->score_count; i++)
        free((char *)(uintptr_t)k->scores[i].endpoint.p);
    free(k->scores);
    *k = (struct monitor_known){0};
}
