#include "watch/shadows.h"

#include "store/sql.h"

enum { FORGET_AT_ONCE = 500 };

#define COLUMNS "rollout, request_id, at, label, confidence, latency, cost, error, same"

bool shadows_add(struct store *s, const struct shadow_answer *a, struct error *err) {
    const struct arm_answer *c = &a->candidate;
    enum arm_finding same = c->agrees ? c->agrees : c->same_words;
    sqlite3_stmt *q =
        sql_statement(s, "INSERT INTO shadow_answers (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(a->rollout));
    sql_bind_str(q, 2, str_from(a->request_id));
    sql_bind_int(q, 3, a->at);
    sql_bind_str(q, 4, str_from(a->label));
    if (c->confidence < 0)
        sql_bind_null(q, 5);
    else
        sql_bind_double(q, 5, c->confidence);
    sql_bind_int(q, 6, c->latency_us);
    sql_bind_int(q, 7, c->cost < 0 ? -1 : (int64_t)c->cost);
    sql_bind_str(q, 8, str_from(a->error));
    sql_bind_int(q, 9, same == ARM_UNKNOWN ? -1 : same == ARM_YES);
    return sql_run(s, q, err);
}

bool shadows_forget(struct store *s, int64_t before, bool *more, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "DELETE FROM shadow_answers WHERE id IN"
                                    " (SELECT id FROM shadow_answers WHERE at < ? ORDER BY at LIMIT ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, FORGET_AT_ONCE);
    if (!sql_run(s, q, err))
        return false;
    *more = sql_changed_rows(s) == FORGET_AT_ONCE;
    return true;
}

static void read_columns(sqlite3_stmt *q, struct shadow_answer *a) {
    *a = (struct shadow_answer){.at = sql_int_at(q, 2)};
    str_put(sql_str_at(q, 0), a->rollout, sizeof a->rollout);
    str_put(sql_str_at(q, 1), a->request_id, sizeof a->request_id);
    str_put(sql_str_at(q, 3), a->label, sizeof a->label);
    str_put(sql_str_at(q, 7), a->error, sizeof a->error);
    int64_t same = sql_int_at(q, 8);
    a->candidate = (struct arm_answer){.failed = a->error[0] != '\0',
                                       .confidence = sql_null_at(q, 4) ? -1 : sqlite3_column_double(q, 4),
                                       .latency_us = (uint32_t)sql_int_at(q, 5),
                                       .cost = (double)sql_int_at(q, 6),
                                       .agrees = same < 0 ? ARM_UNKNOWN
                                                 : same   ? ARM_YES
                                                          : ARM_NO};
}

bool shadows_find(struct store *s, const char *rollout, struct str request_id, bool *found,
                  struct shadow_answer *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT " COLUMNS " FROM shadow_answers WHERE rollout = ? AND request_id = ? LIMIT 1", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(rollout));
    sql_bind_str(q, 2, request_id);
    if (!sql_step(s, q, found, err))
        return false;
    if (*found) {
        read_columns(q, out);
        sql_end(q);
    }
    return true;
}

bool shadows_spent(struct store *s, const char *rollout, int64_t from, int64_t *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT coalesce(sum(cost), 0) FROM shadow_answers WHERE rollout = ? AND at >= ? AND cost > 0",
        err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(rollout));
    sql_bind_int(q, 2, from);
    if (!sql_step(s, q, &row, err))
        return false;
    *out = row ? sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return true;
}

bool shadows_list(struct store *s, const char *rollout, unsigned limit,
                  void (*visit)(const struct shadow_answer *a, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT " COLUMNS " FROM shadow_answers WHERE rollout = ? ORDER BY id DESC LIMIT ?", err);
    struct shadow_answer a;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(rollout));
    sql_bind_int(q, 2, limit);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &a);
        visit(&a, ctx);
    }
    return false;
}
