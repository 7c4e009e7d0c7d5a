#include "watch/review_record.h"

#include "review/kinds.h"
#include "store/sql.h"

#include <math.h>

/* How it stands in the queue (review/claims.h). */
static void bind_terms(sqlite3_stmt *q, const struct review_draft *draft, int64_t created) {
    sql_bind_int(q, 13, draft->kind);
    sql_bind_int(q, 14, review_rank(created, draft->due, draft->risk));
    sql_bind_double(q, 15, draft->risk);
    sql_bind_int(q, 16, draft->due);
    sql_bind_int(q, 17, draft->lease);
    sql_bind_int(q, 18, draft->opinions ? (int64_t)draft->opinions : 1);
    if (draft->kind == REVIEW_AUDIT)
        sql_bind_double(q, 19, draft->share);
    else
        sql_bind_null(q, 19);
    sql_bind_str(q, 20, draft->action);
}

/* Beside the file, and gone with it. */
static bool keep_text(struct store *s, const struct review_draft *draft, int64_t row, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "UPDATE kept_inputs SET text = ? WHERE event = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, draft->text);
    sql_bind_int(q, 2, row);
    return sql_run(s, q, err);
}

bool review_insert(struct store *s, const struct event *e, int64_t row, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO review_items (id, request_id, endpoint, model, created, reason,"
                      " detail, prediction, confidence, labels, event, input_hash, kind, rank, risk, due,"
                      " lease, wanted, share, action, client)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    const struct review_draft *draft = e->review;
    sql_bind_str(q, 1, str_from(draft->id));
    sql_bind_str(q, 2, e->request_id);
    sql_bind_str(q, 3, e->endpoint);
    sql_bind_str(q, 4, e->model);
    sql_bind_int(q, 5, e->wall_ns);
    sql_bind_str(q, 6, draft->reason);
    sql_bind_str(q, 7, draft->detail);
    sql_bind_str(q, 8, draft->said.n ? draft->said : e->prediction);
    if (e->confidence >= 0)
        sql_bind_double(q, 9, round((double)e->confidence * 1e6) / 1e6);
    else
        sql_bind_null(q, 9);
    sql_bind_str(q, 10, draft->labels);
    sql_bind_int(q, 11, row);
    if (e->has_input)
        sql_bind_blob(q, 12, e->input_hash, sizeof e->input_hash);
    else
        sql_bind_null(q, 12);
    bind_terms(q, draft, e->wall_ns);
    sql_bind_str(q, 21, e->client);
    return sql_run(s, q, err) && (draft->text.n == 0 || e->input.n == 0 || keep_text(s, draft, row, err));
}
