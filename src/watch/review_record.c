#include "watch/review_record.h"

#include "store/sql.h"

#include <math.h>

bool review_insert(struct store *s, const struct event *e, int64_t row, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO review_items (id, request_id, endpoint, model, created, reason,"
                      " detail, prediction, confidence, labels, event, input_hash)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    sql_bind_str(q, 8, e->prediction);
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
    return sql_run(s, q, err);
}
