/* A disk that fails on command: from faulty_disk_install on, SQLite's writes and syncs answer with the
 * code that is set. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAULTY_DEATH = 9 }; /* the exit code */

static atomic_int faulty_code;             /* SQLITE_OK: works */
static atomic_int faulty_writes_left = -1; /* this process ends at the write behind so many; below 0: never */
static sqlite3_vfs *faulty_real, faulty_vfs;

/* SQLite's kinds of files (database, log) have methods of their own. */
enum { FAULTY_KINDS = 4 };
static struct faulty_kind {
    sqlite3_io_methods methods; /* first: a file's pMethods leads here */
    const sqlite3_io_methods *real;
} faulty_kinds[FAULTY_KINDS];
static pthread_mutex_t faulty_lock = PTHREAD_MUTEX_INITIALIZER;

static const sqlite3_io_methods *faulty_real_of(sqlite3_file *f) {
    return ((const struct faulty_kind *)(const void *)f->pMethods)->real;
}

static int faulty_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at) {
    if (atomic_load(&faulty_writes_left) >= 0 && atomic_fetch_sub(&faulty_writes_left, 1) == 0)
        _exit(FAULTY_DEATH);
    int code = atomic_load(&faulty_code);
    return code ? code : faulty_real_of(f)->xWrite(f, bytes, n, at);
}

static int faulty_sync(sqlite3_file *f, int flags) {
    int code = atomic_load(&faulty_code);
    return code ? code : faulty_real_of(f)->xSync(f, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
    int code = faulty_real->xOpen(faulty_real, name, f, flags, out);
    if (code != SQLITE_OK || !f->pMethods)
        return code;
    pthread_mutex_lock(&faulty_lock);
    int kind = 0;
    while (faulty_kinds[kind].real && faulty_kinds[kind].real != f->pMethods)
        if (++kind == FAULTY_KINDS)
            abort();
    if (!faulty_kinds[kind].real) {
        faulty_kinds[kind].methods = *f->pMethods;
        faulty_kinds[kind].methods.xWrite = faulty_write;
        faulty_kinds[kind].methods.xSync = faulty_sync;
        faulty_kinds[kind].real = f->pMethods;
    }
    pthread_mutex_unlock(&faulty_lock);
    f->pMethods = &faulty_kinds[kind].methods;
    return code;
}

/* Before any thread that uses SQLite. */
static inline void faulty_disk_install(void) {
    faulty_real = sqlite3_vfs_find(NULL);
    faulty_vfs = *faulty_real;
    faulty_vfs.zName = "faulty";
    faulty_vfs.xOpen = faulty_open;
    sqlite3_vfs_register(&faulty_vfs, 1);
}
