/* The embedded store: one SQLite database (WAL) in a folder, beside content-addressed blobs. A struct
 * store is one connection and belongs to one thread; open one per thread. SQL is kept to the subset
 * that PostgreSQL takes too. Schema changes are numbered steps, applied at open. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct store;

/* Creates folder and database where they are missing. A database made by a newer program is refused. */
bool store_open(struct store **out, const char *folder, struct error *err) MUST_USE;
void store_close(struct store *s); /* NULL is fine */
const char *store_folder(const struct store *s);

/* Changes made through other connections since this was last asked? Cheap (PRAGMA data_version). */
bool store_changed(struct store *s);

/* Transactions. store_begin takes the write lock at once (waits at most 5 s). durable: the commit
 * survives power loss too (synchronous=FULL), not only a killed process. */
bool store_begin(struct store *s, bool durable, struct error *err) MUST_USE;
bool store_commit(struct store *s, struct error *err) MUST_USE;
void store_rollback(struct store *s);
