#include "store/conversations.h"

#include "store/sql.h"

static bool not_found(struct str id, struct error *err) {
    return fail_at(err, ERR_NOT_FOUND, "conversation", "There is no conversation \"%.*s\".",
                   STR_ARG(str_slice(id, 0, 80)));
}

bool conversations_create(struct store *s, const struct response_record *first, struct str metadata,
                          struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO conversations (tenant, id, last, created, expires, metadata)"
                                    " VALUES (?, ?, ?, ?, ?, ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, first->tenant);
    sql_bind_str(q, 2, first->id);
    sql_bind_str(q, 3, first->id);
    sql_bind_int(q, 4, first->created);
    sql_bind_int(q, 5, first->expires);
    sql_bind_str(q, 6, metadata);
    return sql_run(s, q, err) && responses_keep(s, first, err);
}

bool conversations_find(struct store *s, struct str tenant, struct str id, int64_t now,
                        struct conversation_record *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT last, metadata, created FROM conversations"
                                    " WHERE tenant = ? AND id = ? AND expires > ?",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, id);
    sql_bind_int(q, 3, now);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return not_found(id, err);
    buf_add_str(&out->last, sql_str_at(q, 0));
    buf_add_str(&out->metadata, sql_str_at(q, 1));
    out->created = sql_int_at(q, 2);
    sql_end(q);
    return (!out->last.failed && !out->metadata.failed) ||
           fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation.");
}

bool conversations_advance(struct store *s, struct str tenant, struct str id, struct str from, struct str to,
                           int64_t expires, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "UPDATE conversations SET last = ?, expires = ?"
                                    " WHERE tenant = ? AND id = ? AND last = ?",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, to);
    sql_bind_int(q, 2, expires);
    sql_bind_str(q, 3, tenant);
    sql_bind_str(q, 4, id);
    sql_bind_str(q, 5, from);
    if (!sql_run(s, q, err))
        return false;
    return sql_changed_rows(s) > 0 || fail_at(err, ERR_CONFLICT, "conversation",
                                              "Another request went on with the conversation \"%.*s\" "
                                              "meanwhile, or it was deleted; ask again.",
                                              STR_ARG(str_slice(id, 0, 80)));
}

bool conversations_delete(struct store *s, struct str tenant, struct str id, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM conversations WHERE tenant = ? AND id = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, id);
    if (!sql_run(s, q, err))
        return false;
    return sql_changed_rows(s) > 0 || not_found(id, err);
}

bool conversations_expire(struct store *s, int64_t now, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM conversations WHERE expires <= ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, now);
    return sql_run(s, q, err);
}
