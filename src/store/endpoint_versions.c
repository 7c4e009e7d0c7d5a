#include "store/endpoint_versions.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdio.h>

/* The number of that configuration, 0: it is new; and the newest one's. */
static bool look_up(struct store *s, const char *endpoint, const char *hash, unsigned *version,
                    unsigned *newest, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT coalesce(max(version), 0),"
                                    " coalesce(max(CASE WHEN hash = ?2 THEN version ELSE 0 END), 0)"
                                    " FROM endpoint_versions WHERE endpoint = ?1",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_str(q, 2, str_from(hash));
    if (!sql_step(s, q, &row, err))
        return false;
    *newest = row ? (unsigned)sql_int_at(q, 0) : 0;
    *version = row ? (unsigned)sql_int_at(q, 1) : 0;
    if (row)
        sql_end(q);
    return true;
}

static bool insert(struct store *s, const char *endpoint, unsigned version, const char *hash, struct str body,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO endpoint_versions (endpoint, version, hash, created, body)"
                                    " VALUES (?, ?, ?, ?, ?)",
                                    err);
    char object[300];
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_int(q, 2, version);
    sql_bind_str(q, 3, str_from(hash));
    sql_bind_int(q, 4, clock_wall());
    sql_bind_str(q, 5, body);
    snprintf(object, sizeof object, "%s@%u", endpoint, version);
    return sql_run(s, q, err) && history_note(s, "endpoint.configured", object, err);
}

bool endpoint_versions_keep(struct store *s, const char *endpoint, struct str body, unsigned *version,
                            struct error *err) {
    unsigned char digest[SHA256_SIZE];
    char hash[SHA256_HEX_SIZE];
    unsigned newest;
    sha256(body, digest);
    sha256_hex(digest, hash);
    if (!look_up(s, endpoint, hash, version, &newest, err))
        return false;
    if (*version)
        return true;
    *version = newest + 1;
    return insert(s, endpoint, *version, hash, body, err);
}

static void read_columns(sqlite3_stmt *q, struct endpoint_version *v) {
    *v = (struct endpoint_version){.endpoint = (const char *)sqlite3_column_text(q, 0),
                                   .version = (unsigned)sql_int_at(q, 1),
                                   .created = sql_int_at(q, 3),
                                   .body = (const char *)sqlite3_column_text(q, 4)};
    str_put(sql_str_at(q, 2), v->hash, sizeof v->hash);
}

bool endpoint_versions_find(struct store *s, const char *endpoint, unsigned version, bool *found,
                            void (*visit)(const struct endpoint_version *v, void *ctx), void *ctx,
                            struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT endpoint, version, hash, created, body FROM endpoint_versions"
                                    " WHERE endpoint = ?1 AND (?2 = 0 OR version = ?2)"
                                    " ORDER BY version DESC LIMIT 1",
                                    err);
    struct endpoint_version v;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_int(q, 2, version);
    if (!sql_step(s, q, found, err))
        return false;
    if (*found) {
        read_columns(q, &v);
        visit(&v, ctx);
        sql_end(q);
    }
    return true;
}

bool endpoint_versions_list(struct store *s, const char *endpoint,
                            void (*visit)(const struct endpoint_version *v, void *ctx), void *ctx,
                            struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT endpoint, version, hash, created, '' FROM endpoint_versions"
                                    " WHERE ?1 = '' OR endpoint = ?1 ORDER BY endpoint, version DESC",
                                    err);
    struct endpoint_version v;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &v);
        visit(&v, ctx);
    }
    return false;
}
