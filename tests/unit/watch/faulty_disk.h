/* A disk that fails on command: from faulty_disk_install on, SQLite's writes and syncs answer with the
 * code that is set. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>

static atomic_int faulty_code; /* SQLITE_OK: works */
static atomic_uint faulty_writes;
static sqlite3_vfs *faulty_real, faulty_vfs;
static const sqlite3_io_methods *faulty_real_methods;
static sqlite3_io_methods faulty_methods;

static int faulty_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at) {
    int code = atomic_load(&faulty_code);
    atomic_fetch_add(&faulty_writes, 1);
    return code ? code : faulty_real_methods->xWrite(f, bytes, n, at);
}

static int faulty_sync(sqlite3_file *f, int flags) {
    int code = atomic_load(&faulty_code);
    return code ? code : faulty_real_methods->xSync(f, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
    int code = faulty_real->xOpen(faulty_real, name, f, flags, out);
    if (code == SQLITE_OK && f->pMethods == faulty_real_methods)
        f->pMethods = &faulty_methods;
    return code;
}

/* Before any thread that uses SQLite. */
static inline void faulty_disk_install(void) {
    faulty_real = sqlite3_vfs_find(NULL);
    faulty_vfs = *faulty_real;
    faulty_vfs.zName = "faulty";
    faulty_vfs.xOpen = faulty_open;
    /* The methods that ordinary files get are known after one was opened. */
    sqlite3 *db;
    sqlite3_file *file = NULL;
    if (sqlite3_open("/tmp/penstock-faulty-probe", &db) != SQLITE_OK)
        abort();
    sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    faulty_real_methods = file->pMethods;
    faulty_methods = *faulty_real_methods;
    faulty_methods.xWrite = faulty_write;
    faulty_methods.xSync = faulty_sync;
    sqlite3_close(db);
    unlink("/tmp/penstock-faulty-probe");
    sqlite3_vfs_register(&faulty_vfs, 1);
}
