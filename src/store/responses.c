#include "store/responses.h"

#include "store/sql.h"
#include "store/subject.h"

#include <stdlib.h>
#include <string.h>

static bool not_found(struct str id, struct error *err) {
    return fail_at(err, ERR_NOT_FOUND, "previous_response_id", "There is no response \"%.*s\".",
                   STR_ARG(str_slice(id, 0, 80)));
}

static bool bind_subject(struct store *s, sqlite3_stmt *q, int at, const struct response_record *r,
                         unsigned char hash[SUBJECT_SIZE], struct error *err) {
    unsigned char secret[SUBJECT_SECRET_SIZE];
    if (r->user.n == 0 && !r->subject) {
        sql_bind_null(q, at);
        return true;
    }
    if (r->user.n == 0) {
        sql_bind_blob(q, at, r->subject, SUBJECT_SIZE);
        return true;
    }
    if (!subject_secret(s, secret, err))
        return false;
    subject_hash(secret, r->user, hash);
    sql_bind_blob(q, at, hash, SUBJECT_SIZE);
    return true;
}

bool responses_keep(struct store *s, const struct response_record *r, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO responses (tenant, id, previous, endpoint, created, expires,"
                                    " input, output, body, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                    " ON CONFLICT (tenant, id) DO UPDATE SET previous = excluded.previous,"
                                    " endpoint = excluded.endpoint, created = excluded.created,"
                                    " expires = excluded.expires, input = excluded.input,"
                                    " output = excluded.output, body = excluded.body,"
                                    " subject = excluded.subject",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, r->tenant);
    sql_bind_str(q, 2, r->id);
    sql_bind_str_or_null(q, 3, r->previous);
    sql_bind_str(q, 4, r->endpoint);
    sql_bind_int(q, 5, r->created);
    sql_bind_int(q, 6, r->expires);
    sql_bind_str(q, 7, r->input);
    sql_bind_str(q, 8, r->output);
    sql_bind_str(q, 9, r->body);
    unsigned char subject[SUBJECT_SIZE];
    return bind_subject(s, q, 10, r, subject, err) && sql_run(s, q, err);
}

bool responses_keep_item(struct store *s, struct str tenant, struct str response, struct str item,
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO response_items (tenant, item, response) VALUES (?, ?, ?)"
                                    " ON CONFLICT (tenant, item) DO UPDATE SET response = excluded.response",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, item);
    sql_bind_str(q, 3, response);
    return sql_run(s, q, err);
}

bool responses_subject(struct store *s, struct str tenant, struct str id, bool *found,
                       unsigned char out[SUBJECT_SIZE], struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT subject FROM responses WHERE tenant = ? AND id = ?", err);
    bool row;
    *found = false;
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    struct str subject = sql_blob_at(q, 0);
    *found = subject.n == SUBJECT_SIZE;
    if (*found)
        memcpy(out, subject.p, SUBJECT_SIZE);
    sql_end(q);
    return true;
}

/* One row of a tenant's, by a query whose first column is wanted. */
static bool show(struct store *s, const char *constant_sql, struct str tenant, struct str id, int64_t now,
                 struct buf *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
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
    buf_add_str(out, sql_str_at(q, 0));
    sql_end(q);
    return true;
}

bool responses_show(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                    struct error *err) {
    return show(s, "SELECT body FROM responses WHERE tenant = ? AND id = ? AND expires > ?", tenant, id, now,
                out, err);
}

bool responses_show_input(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                          struct error *err) {
    return show(s, "SELECT input FROM responses WHERE tenant = ? AND id = ? AND expires > ?", tenant, id, now,
                out, err);
}

bool responses_find_item(struct store *s, struct str tenant, struct str item, int64_t now, struct buf *out,
                         struct error *err) {
    return show(s,
                "SELECT output FROM response_items i JOIN responses r"
                " ON r.tenant = i.tenant AND r.id = i.response"
                " WHERE i.tenant = ? AND i.item = ? AND r.expires > ?",
                tenant, item, now, out, err);
}

static bool delete_by(struct store *s, const char *constant_sql, struct str tenant, struct str id,
                      struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, id);
    return sql_run(s, q, err);
}

bool responses_delete(struct store *s, struct str tenant, struct str id, struct error *err) {
    if (!delete_by(s, "DELETE FROM response_items WHERE tenant = ? AND response = ?", tenant, id, err) ||
        !delete_by(s, "DELETE FROM responses WHERE tenant = ? AND id = ?", tenant, id, err))
        return false;
    return sql_changed_rows(s) > 0 || not_found(id, err);
}

/* ---- a conversation ---- */

/* Read from its end, said from its beginning. */
struct chain {
    char *parts[2 * RESPONSES_DEPTH_MAX]; /* output, input, output, input … */
    size_t count, bytes;
};

static bool add_part(struct chain *c, struct str text, struct error *err) {
    if (c->count == ARRAY_COUNT(c->parts) || c->bytes + text.n > RESPONSES_BYTES_MAX)
        return fail_at(err, ERR_CONTEXT_LENGTH, "previous_response_id",
                       "The conversation has more than %d responses or %d MB; begin a new one.",
                       RESPONSES_DEPTH_MAX, RESPONSES_BYTES_MAX >> 20);
    c->parts[c->count] = str_dup(text);
    if (!c->parts[c->count])
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation.");
    c->count++;
    c->bytes += text.n;
    return true;
}

/* *id becomes the one before, owned; NULL: there is none. */
static bool add_response(struct store *s, struct str tenant, char **id, int64_t now, struct chain *c,
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT previous, input, output FROM responses"
                                    " WHERE tenant = ? AND id = ? AND expires > ?",
                                    err);
    bool row, good;
    if (!q)
        return false;
    sql_bind_str(q, 1, tenant);
    sql_bind_str(q, 2, str_from(*id));
    sql_bind_int(q, 3, now);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return c->count > 0 || not_found(str_from(*id), err); /* its beginning was deleted, or is over */
    struct str previous = sql_str_at(q, 0);
    char *before = previous.n ? str_dup(previous) : NULL;
    good = (before || previous.n == 0 ||
            fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation.")) &&
           add_part(c, sql_str_at(q, 2), err) && add_part(c, sql_str_at(q, 1), err);
    sql_end(q);
    free(*id);
    *id = before;
    return good;
}

static bool read_chain(struct store *s, struct str tenant, struct str id, int64_t now, struct chain *c,
                       struct error *err) {
    char *at = str_dup(id);
    bool good = at || fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation.");
    for (size_t before = 1; good && at && before != c->count;) {
        before = c->count;
        good = add_response(s, tenant, &at, now, c, err);
    }
    free(at);
    return good;
}

bool responses_history(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                       struct error *err) {
    struct chain *c = calloc(1, sizeof *c);
    if (!c)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation.");
    bool good = read_chain(s, tenant, id, now, c, err);
    for (size_t i = c->count; good && i-- > 0;)
        buf_add_str(out, str_from(c->parts[i]));
    for (size_t i = 0; i < c->count; i++)
        free(c->parts[i]);
    free(c);
    return good && (!out->failed || fail(err, ERR_NO_MEMORY, "Out of memory while reading a conversation."));
}

static bool expire(struct store *s, const char *constant_sql, int64_t now, unsigned most, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    sql_bind_int(q, 1, now);
    sql_bind_int(q, 2, most);
    return sql_run(s, q, err);
}

bool responses_expire(struct store *s, int64_t now, unsigned most, struct error *err) {
    return expire(s,
                  "DELETE FROM response_items WHERE (tenant, response) IN"
                  " (SELECT tenant, id FROM responses WHERE expires <= ? ORDER BY expires LIMIT ?)",
                  now, most, err) &&
           expire(s,
                  "DELETE FROM responses WHERE (tenant, id) IN"
                  " (SELECT tenant, id FROM responses WHERE expires <= ? ORDER BY expires LIMIT ?)",
                  now, most, err);
}
