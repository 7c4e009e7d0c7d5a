#include "watch/feedback.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/sql.h"
#include "watch/records.h"

/* ---- adding ---- */

struct adding {
    struct store *store;
    const struct feedback *f;
    struct buf *out;
    struct error *err;
    bool found, good;
};

static void write_row(struct buf *out, const struct feedback *f, const struct event *e, int correct) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "request_id", f->request_id);
    json_field_str(&w, "endpoint", e->endpoint);
    json_field_str(&w, "model", e->model);
    json_key(&w, "label");
    f->label.n ? json_str(&w, f->label) : json_null(&w);
    json_key(&w, "correct");
    correct < 0 ? json_null(&w) : json_bool(&w, correct != 0);
    json_key(&w, "score");
    f->score < 0 ? json_null(&w) : json_double(&w, f->score);
    json_object_end(&w);
}

/* *same: this speaker said exactly this before. */
static bool said_before(struct store *s, const struct feedback *f, int correct, bool *same,
                        struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT label, correct, score FROM feedback WHERE request_id = ? AND who = ?", err);
    bool row;
    *same = false;
    if (!q)
        return false;
    sql_bind_str(q, 1, f->request_id);
    sql_bind_str(q, 2, f->who);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    double score = sql_null_at(q, 2) ? -1 : sqlite3_column_double(q, 2);
    *same = str_eq(sql_str_at(q, 0), f->label) && sql_int_at(q, 1) == correct &&
            (score < 0 ? f->score < 0 : score == f->score);
    sql_end(q);
    return *same || fail(err, ERR_CONFLICT, "\"%.*s\" said something else about request \"%.*s\" before.",
                         STR_ARG(str_slice(f->who, 0, 60)), STR_ARG(str_slice(f->request_id, 0, 80)));
}

static bool insert(struct store *s, const struct feedback *f, const struct event *e, int correct,
                   struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO feedback (request_id, who, at, endpoint, model, label, correct, score)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, f->request_id);
    sql_bind_str(q, 2, f->who);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, e->endpoint);
    sql_bind_str(q, 5, e->model);
    sql_bind_str(q, 6, f->label);
    sql_bind_int(q, 7, correct);
    if (f->score < 0)
        sql_bind_null(q, 8);
    else
        sql_bind_double(q, 8, f->score);
    return sql_run(s, q, err);
}

static void add(const struct record *record, void *ctx) {
    struct adding *a = ctx;
    const struct feedback *f = a->f;
    const struct event *e = record->event;
    bool same;
    if (f->tenant.n && !str_eq(f->tenant, e->client))
        return;
    a->found = true;
    int correct = f->label.n && e->prediction.n ? str_eq(f->label, e->prediction) : f->correct;
    a->good =
        said_before(a->store, f, correct, &same, a->err) && (same || insert(a->store, f, e, correct, a->err));
    if (a->good)
        write_row(a->out, f, e, correct);
}

bool feedback_add(struct store *s, const struct feedback *f, struct buf *out, struct error *err) {
    struct adding a = {.store = s, .f = f, .out = out, .err = err};
    struct record_filter filter = {.request_id = f->request_id, .limit = 1};
    if (!records_visit(s, &filter, add, &a, err))
        return false;
    return a.found ? a.good
                   : fail(err, ERR_NOT_FOUND, "No request \"%.*s\" of yours is recorded.",
                          STR_ARG(str_slice(f->request_id, 0, 80)));
}

/* ---- reading ---- */

bool feedback_visit(struct store *s, const char *endpoint, int64_t from, int64_t to,
                    void (*visit)(const struct feedback_row *row, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT model, label, correct, score, request_id FROM feedback WHERE endpoint = ? AND at > ?"
        " AND at <= ?",
        err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct feedback_row one = {.model = sql_str_at(q, 0),
                                   .label = sql_str_at(q, 1),
                                   .correct = (int)sql_int_at(q, 2),
                                   .score = sql_null_at(q, 3) ? -1 : sqlite3_column_double(q, 3),
                                   .request_id = sql_str_at(q, 4)};
        visit(&one, ctx);
    }
    return false;
}
