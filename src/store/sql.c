#include "store/sql.h"

/* A binding fails only for a wrong position or a value over SQLite's own limit; the statement's step
 * then works with NULL, which the schema's NOT NULL refuses. */

void sql_bind_str(sqlite3_stmt *q, int at, struct str value) {
    sqlite3_bind_text64(q, at, value.p ? value.p : "", value.n, SQLITE_STATIC, SQLITE_UTF8);
}

void sql_bind_str_or_null(sqlite3_stmt *q, int at, struct str value) {
    if (value.n)
        sql_bind_str(q, at, value);
    else
        sqlite3_bind_null(q, at);
}

void sql_bind_blob(sqlite3_stmt *q, int at, const void *bytes, size_t n) {
    sqlite3_bind_blob64(q, at, n ? bytes : "", n, SQLITE_STATIC);
}

void sql_bind_int(sqlite3_stmt *q, int at, int64_t value) {
    sqlite3_bind_int64(q, at, value);
}

void sql_bind_double(sqlite3_stmt *q, int at, double value) {
    sqlite3_bind_double(q, at, value);
}

void sql_bind_null(sqlite3_stmt *q, int at) {
    sqlite3_bind_null(q, at);
}

bool sql_run(struct store *s, sqlite3_stmt *q, struct error *err) {
    bool row;
    do {
        if (!sql_step(s, q, &row, err))
            return false;
    } while (row);
    return true;
}

void sql_end(sqlite3_stmt *q) {
    sqlite3_reset(q);
}

struct str sql_str_at(sqlite3_stmt *q, int column) {
    const unsigned char *text = sqlite3_column_text(q, column);
    return text ? (struct str){(const char *)text, (size_t)sqlite3_column_bytes(q, column)} : STR("");
}

struct str sql_blob_at(sqlite3_stmt *q, int column) {
    const void *bytes = sqlite3_column_blob(q, column);
    return bytes ? (struct str){bytes, (size_t)sqlite3_column_bytes(q, column)} : STR("");
}

int64_t sql_int_at(sqlite3_stmt *q, int column) {
    return sqlite3_column_int64(q, column);
}

bool sql_null_at(sqlite3_stmt *q, int column) {
    return sqlite3_column_type(q, column) == SQLITE_NULL;
}

bool sql_number(struct store *s, const char *constant_sql, int64_t *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    bool row;
    if (!q || !sql_step(s, q, &row, err))
        return false;
    *out = row ? sql_int_at(q, 0) : 0;
    sql_end(q);
    return true;
}
