/* The embedded store: one SQLite database (WAL) in a folder, beside content-addressed blobs. A struct
 * store is one connection and belongs to one thread; open one per thread. SQL is kept to the subset
 * that PostgreSQL takes too. Schema changes are numbered steps, applied at open (store/schema.h). */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct store;

/* The param of errors that say: the disk is full. */
#define STORE_DISK_FULL "disk"

/* Creates folder (0700) and database (0600) where they are missing. A database made by a newer program,
 * another program's, or a damaged one is refused. */
bool store_open(struct store **out, const char *folder, struct error *err) MUST_USE;
void store_close(struct store *s); /* NULL is fine */

/* Who makes the changes through this connection, for the history (store/history.h); "penstock" unless set.
 * Cut at 63 bytes. */
void store_set_actor(struct store *s, const char *actor);
const char *store_actor(const struct store *s);
const char *store_folder(const struct store *s);
/* Where blobs of kept inputs live: apart from artefacts, so that their retention can never touch one. */
const char *store_inputs_folder(const struct store *s);

/* Were keys, models or versions changed since this was last asked (or since the store was opened), by
 * whatever connection or program? Cheap (PRAGMA data_version, then one number). */
bool store_changed(struct store *s);
/* To be called in the transaction that makes such a change. */
bool store_note_change(struct store *s, struct error *err) MUST_USE;

/* How long another writer is waited for; 5 s unless set. */
void store_set_patience(struct store *s, unsigned ms);

/* The write-ahead log holds what was committed until it is copied into the database. A connection does that
 * by itself at a commit that finds STORE_LOG_PAGES in it; somebody else may do it sooner. */
enum { STORE_LOG_PAGES = 16000 /* 64 MB */ };
/* Each commit of this connection says how many pages the log has. On the connection's thread; must not use
 * the store. */
void store_watch_log(struct store *s, void (*committed)(void *ctx, int pages), void *ctx);
/* Copies what no reader still needs in the log, and waits for nobody. *left: pages that stay to be copied. */
bool store_copy_log(struct store *s, int *left, struct error *err) MUST_USE;

/* Transactions. store_begin takes the write lock at once (waits for another's). durable: the commit
 * survives power loss too (synchronous=FULL), not only a killed process. Within a transaction a further
 * one is a savepoint: its rollback undoes only itself, and it is as durable as the outermost. */
bool store_begin(struct store *s, bool durable, struct error *err) MUST_USE;
bool store_commit(struct store *s, struct error *err) MUST_USE; /* rolls back when it fails */
void store_rollback(struct store *s);
/* Is the transaction still whole? SQLite undoes all of it by itself when, say, the disk is full. */
bool store_in_transaction(const struct store *s);

/* Several reads see the store as it was at the first of them. Within a transaction nothing is needed and
 * nothing happens. Not nested; ended in any case. */
bool store_view_begin(struct store *s, struct error *err) MUST_USE;
void store_view_end(struct store *s);
