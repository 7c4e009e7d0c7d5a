/* Prepared statements on a store's connection, for the floors above that keep tables of their own
 * (recorder, review, learn). Every SQL text is a constant: the connection keeps the compiled statement
 * by the text's address. A statement is bound, stepped to its end and reset before it is taken again.
 * Same thread as the store. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

#include <sqlite3.h>

/* NULL and *err when it does not compile or the database cannot be read. */
sqlite3_stmt *sql_statement(struct store *s, const char *constant_sql, struct error *err) MUST_USE;

/* Binding, positions from 1. The bytes must stay until sql_end. */
void sql_bind_str(sqlite3_stmt *q, int at, struct str value);
void sql_bind_str_or_null(sqlite3_stmt *q, int at, struct str value); /* "" becomes NULL */
void sql_bind_blob(sqlite3_stmt *q, int at, const void *bytes, size_t n);
void sql_bind_int(sqlite3_stmt *q, int at, int64_t value);
void sql_bind_double(sqlite3_stmt *q, int at, double value);
void sql_bind_null(sqlite3_stmt *q, int at);

/* One step. *row tells whether there is a row to read; without one, or on failure, the statement has
 * been reset. */
bool sql_step(struct store *s, sqlite3_stmt *q, bool *row, struct error *err) MUST_USE;
/* For statements without rows: steps to the end and resets. */
bool sql_run(struct store *s, sqlite3_stmt *q, struct error *err) MUST_USE;
/* Resets; needed after sql_step gave a row and no more are wanted. */
void sql_end(sqlite3_stmt *q);

/* Columns from 0; views are good until the next step. NULL reads as "" or 0. */
struct str sql_str_at(sqlite3_stmt *q, int column);
struct str sql_blob_at(sqlite3_stmt *q, int column);
int64_t sql_int_at(sqlite3_stmt *q, int column);
bool sql_null_at(sqlite3_stmt *q, int column);

/* Runs SQL that yields nothing and is not worth keeping compiled (schema, pragmas). */
bool sql_exec(struct store *s, const char *sql, struct error *err) MUST_USE;
/* One number; 0 when there is no row. */
bool sql_number(struct store *s, const char *constant_sql, int64_t *out, struct error *err) MUST_USE;
int64_t sql_changed_rows(struct store *s); /* by the last INSERT, UPDATE or DELETE */
