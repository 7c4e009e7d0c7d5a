#include "store/store.h"

#include "base/check.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATEMENTS_MAX = 128, BUSY_MS = 5000 };

struct store {
    sqlite3 *db;
    char *folder;
    char *inputs_folder;
    char actor[64];
    bool synchronous_full;
    int depth; /* of transactions */
    int64_t data_version, revision;
    struct {
        void (*committed)(void *ctx, int pages);
        void *ctx;
    } watcher;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } statements[STATEMENTS_MAX];
    unsigned next_victim;
};

/* What SQLite said, in the words of somebody who can act on it. */
static bool store_fail(struct store *s, int code, struct error *err) {
    const char *detail = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    int system = s->db ? sqlite3_system_errno(s->db) : 0;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return fail_at(err, ERR_STORE, STORE_DISK_FULL,
                       "The disk of %s is full; free some space, nothing else is needed.", s->folder);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(err, ERR_STORE, "%s/store.db was locked by another program for over %d s; try again.",
                    s->folder, BUSY_MS / 1000);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail(err, ERR_STORE,
                    "%s/store.db is damaged or no database (%s); put a backup in its place, or move it away "
                    "to start anew.",
                    s->folder, detail);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return fail(err, ERR_STORE, "%s/store.db cannot be opened for writing: %s.", s->folder,
                    system ? strerror(system) : detail);
    case SQLITE_IOERR:
        return fail(err, ERR_STORE, "Reading or writing %s/store.db failed: %s (SQLite %d).", s->folder,
                    system ? strerror(system) : detail, code);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return fail(err, ERR_DATA, "A value does not fit %s/store.db: %s.", s->folder, detail);
    case SQLITE_NOMEM: return fail(err, ERR_NO_MEMORY, "Out of memory while using %s/store.db.", s->folder);
    default: return fail(err, ERR_STORE, "%s/store.db: %s (SQLite %d).", s->folder, detail, code);
    }
}

static void configure_sqlite(void) {
    /* Its allocation statistics cost a lock per allocation and nobody reads them. Refused, and then
     * harmless, when SQLite is already in use. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool make_folder(const char *path, struct error *err) {
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part - 16)
        return fail(err, ERR_STORE, "The store's folder needs a name of 1 to %zu bytes.", sizeof part - 17);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return fail(err, ERR_STORE, "Cannot make the folder %s: %s.", part, strerror(errno));
        part[i] = path[i];
    }
    return true;
}

static char *join(const char *folder, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* SQLite gives -wal and -shm the database's own mode, so making it first settles all three. One that is
 * there is not even opened: POSIX locks belong to the process, and closing any descriptor of the file would
 * drop those of this process's other connections (SQLite, "How To Corrupt An SQLite Database File", 2.2). */
static bool make_private_file(const char *path, struct error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST || fail(err, ERR_STORE, "Cannot make %s: %s.", path, strerror(errno));
    close(fd);
    return true;
}

static bool open_database(struct store *s, struct error *err) {
    char *path = join(s->folder, "store.db");
    if (!path)
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening the store.");
    bool ok = make_private_file(path, err);
    if (ok) {
        /* NOMUTEX: a connection belongs to one thread. */
        int code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        ok = code == SQLITE_OK || store_fail(s, code, err);
    }
    free(path);
    if (!ok)
        return false;
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_wal_autocheckpoint(s->db, STORE_LOG_PAGES);
    return sql_exec(s,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                    "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864",
                    err);
}

bool store_open(struct store **out, const char *folder, struct error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_sqlite);
    if (!make_folder(folder, err))
        return false;
    struct store *s = calloc(1, sizeof *s);
    if (!s || !(s->folder = strdup(folder)) || !(s->inputs_folder = join(folder, "inputs"))) {
        store_close(s);
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening the store.");
    }
    if (!open_database(s, err) || !schema_apply(s, err)) {
        store_close(s);
        return false;
    }
    (void)store_changed(s);
    *out = s;
    return true;
}

void store_close(struct store *s) {
    if (!s)
        return;
    for (unsigned i = 0; i < STATEMENTS_MAX; i++)
        sqlite3_finalize(s->statements[i].statement);
    sqlite3_close(s->db);
    free(s->folder);
    free(s->inputs_folder);
    free(s);
}

const char *store_folder(const struct store *s) {
    return s->folder;
}

const char *store_inputs_folder(const struct store *s) {
    return s->inputs_folder;
}

void store_set_patience(struct store *s, unsigned ms) {
    sqlite3_busy_timeout(s->db, (int)ms);
}

static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages) {
    struct store *s = ctx;
    s->watcher.committed(s->watcher.ctx, pages);
    /* What sqlite3_wal_autocheckpoint does, whose place this takes. */
    if (pages >= STORE_LOG_PAGES)
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

void store_watch_log(struct store *s, void (*committed)(void *ctx, int pages), void *ctx) {
    s->watcher.committed = committed;
    s->watcher.ctx = ctx;
    sqlite3_wal_hook(s->db, on_commit, s);
}

bool store_copy_log(struct store *s, int *left, struct error *err) {
    int pages, copied;
    int code = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (code != SQLITE_OK && code != SQLITE_BUSY) /* busy: another connection is at it */
        return store_fail(s, code, err);
    *left = code == SQLITE_OK ? pages - copied : 0;
    return true;
}

bool store_changed(struct store *s) {
    int64_t data_version, revision;
    if (!sql_number(s, "PRAGMA data_version", &data_version, NULL))
        return false;
    /* Our own commits do not move data_version, and need not: whoever makes a change knows of it. */
    if (data_version == s->data_version)
        return false;
    if (!sql_number(s, "SELECT number FROM revision", &revision, NULL))
        return false;
    bool changed = revision != s->revision;
    s->data_version = data_version;
    s->revision = revision;
    return changed;
}

void store_set_actor(struct store *s, const char *actor) {
    str_put(str_from(actor), s->actor, sizeof s->actor);
}

const char *store_actor(const struct store *s) {
    return s->actor[0] ? s->actor : "penstock";
}

bool store_note_change(struct store *s, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "UPDATE revision SET number = number + 1", err);
    return q && sql_run(s, q, err);
}

static bool set_synchronous(struct store *s, bool full, struct error *err) {
    if (s->synchronous_full == full)
        return true;
    if (!sql_exec(s, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err))
        return false;
    s->synchronous_full = full;
    return true;
}

/* Savepoints of the same name nest: the innermost is meant. */
#define SAVEPOINT "SAVEPOINT nested"
#define RELEASE   "RELEASE nested"

static bool run_constant(struct store *s, const char *sql, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, sql, err);
    return q && sql_run(s, q, err);
}

/* What an end for which memory was out left behind. */
static bool leave_view(struct store *s, struct error *err) {
    return s->depth > 0 || sqlite3_get_autocommit(s->db) || run_constant(s, "ROLLBACK", err);
}

bool store_begin(struct store *s, bool durable, struct error *err) {
    if (s->depth == 0) {
        if (!leave_view(s, err) || !set_synchronous(s, durable, err) ||
            !run_constant(s, "BEGIN IMMEDIATE", err))
            return false;
    } else if (!store_in_transaction(s)) {
        return fail(err, ERR_STORE, "The transaction on %s/store.db was undone by an earlier failure.",
                    s->folder);
    } else if (!run_constant(s, SAVEPOINT, err)) {
        return false;
    }
    s->depth++;
    return true;
}

bool store_in_transaction(const struct store *s) {
    return s->depth > 0 && !sqlite3_get_autocommit(s->db);
}

bool store_view_begin(struct store *s, struct error *err) {
    return leave_view(s, err) && (s->depth > 0 || run_constant(s, "BEGIN", err));
}

void store_view_end(struct store *s) {
    (void)leave_view(s, NULL);
}

bool store_commit(struct store *s, struct error *err) {
    CHECK(s->depth > 0);
    bool ok = store_in_transaction(s)
                  ? run_constant(s, s->depth == 1 ? "COMMIT" : RELEASE, err)
                  : fail(err, ERR_STORE, "The transaction on %s/store.db was undone by an earlier failure.",
                         s->folder);
    if (!ok) {
        store_rollback(s);
        return false;
    }
    s->depth--;
    return true;
}

void store_rollback(struct store *s) {
    CHECK(s->depth > 0);
    s->depth--;
    /* Without a transaction SQLite has already rolled back; a rollback that fails leaves none either. */
    if (sqlite3_get_autocommit(s->db))
        return;
    (void)run_constant(s, s->depth == 0 ? "ROLLBACK" : "ROLLBACK TO nested", NULL);
    if (s->depth > 0 && !sqlite3_get_autocommit(s->db))
        (void)run_constant(s, RELEASE, NULL);
}

sqlite3_stmt *sql_statement(struct store *s, const char *constant_sql, struct error *err) {
    unsigned slot = STATEMENTS_MAX;
    for (unsigned i = 0; i < STATEMENTS_MAX && s->statements[i].sql; i++)
        if (s->statements[i].sql == constant_sql)
            return s->statements[i].statement;
    for (unsigned i = 0; i < STATEMENTS_MAX && slot == STATEMENTS_MAX; i++)
        if (!s->statements[i].sql)
            slot = i;
    sqlite3_stmt *made = NULL;
    int code = sqlite3_prepare_v3(s->db, constant_sql, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL);
    if (code != SQLITE_OK) {
        store_fail(s, code, err);
        return NULL;
    }
    if (slot == STATEMENTS_MAX) {
        do /* one that somebody reads from must stay; there are far fewer of those */
            slot = s->next_victim++ % STATEMENTS_MAX;
        while (sqlite3_stmt_busy(s->statements[slot].statement));
        sqlite3_finalize(s->statements[slot].statement);
    }
    s->statements[slot].sql = constant_sql;
    s->statements[slot].statement = made;
    return made;
}

bool sql_step(struct store *s, sqlite3_stmt *q, bool *row, struct error *err) {
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        *row = true;
        return true;
    }
    if (code != SQLITE_DONE) {
        store_fail(s, code, err); /* before the reset, which could change the message */
        sqlite3_reset(q);
        return false;
    }
    sqlite3_reset(q);
    *row = false;
    return true;
}

bool sql_exec(struct store *s, const char *sql, struct error *err) {
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || store_fail(s, code, err);
}

int64_t sql_changed_rows(struct store *s) {
    return sqlite3_changes64(s->db);
}
