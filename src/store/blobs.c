#include "store/blobs.h"

#include "base/clock.h"
#include "base/ids.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, ABANDONED_SECONDS = 3600 };

struct blob_path {
    char directory[PATH_SIZE]; /* folder/blobs/ab */
    char file[PATH_SIZE + SHA256_HEX_SIZE];
};

static bool path_of(const char *folder, const char *hex, struct blob_path *out, struct error *err) {
    unsigned char digest[SHA256_SIZE];
    if (!sha256_from_hex(str_from(hex), digest))
        return fail(err, ERR_ARTEFACT, "\"%.80s\" names no blob; expected 64 hexadecimal digits.", hex);
    char name[SHA256_HEX_SIZE];
    sha256_hex(digest, name);
    int n = snprintf(out->directory, sizeof out->directory, "%s/blobs/%.2s", folder, name);
    if (n < 0 || (size_t)n >= sizeof out->directory - SHA256_HEX_SIZE)
        return fail(err, ERR_STORE, "The path of the store's folder is longer than %d bytes.",
                    PATH_SIZE - 128);
    snprintf(out->file, sizeof out->file, "%s/%s", out->directory, name + 2);
    return true;
}

static bool io_fail(struct error *err, const char *doing, const char *path) {
    bool full = errno == ENOSPC || errno == EDQUOT;
    return fail_at(err, ERR_STORE, full ? STORE_DISK_FULL : "", "%s %s failed: %s.", doing, path,
                   strerror(errno));
}

static bool make_directories(const char *folder, const char *directory, struct error *err) {
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        return true;
    char parent[PATH_SIZE];
    snprintf(parent, sizeof parent, "%s/blobs", folder);
    if ((mkdir(folder, 0700) < 0 && errno != EEXIST) || (mkdir(parent, 0700) < 0 && errno != EEXIST) ||
        (mkdir(directory, 0700) < 0 && errno != EEXIST))
        return io_fail(err, "Making the folder", directory);
    return true;
}

static bool sync_directory(const char *directory, struct error *err) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_fail(err, "Opening", directory);
    bool ok = fsync(fd) == 0;
    if (!ok)
        io_fail(err, "Syncing", directory);
    close(fd);
    return ok;
}

static bool write_all(int fd, struct str bytes) {
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = str_slice(bytes, (size_t)n, bytes.n);
    }
    return true;
}

/* A new file beside the blob, for its bytes; below 0 and *err. */
static int make_temporary(const struct blob_path *path, char temporary[PATH_SIZE], struct error *err) {
    char id[ID_SIZE];
    id_make(clock_wall(), id);
    snprintf(temporary, PATH_SIZE, "%.*s/.new-%s", PATH_SIZE - 64, path->directory, id);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        io_fail(err, "Making", temporary);
    return fd;
}

static bool write_and_rename(const struct blob_path *path, struct str bytes, bool sync, struct error *err) {
    char temporary[PATH_SIZE];
    int fd = make_temporary(path, temporary, err);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, bytes) && (!sync || fsync(fd) == 0);
    int why = errno;
    if (close(fd) < 0 && ok) {
        why = errno;
        ok = false;
    }
    if (ok && rename(temporary, path->file) < 0) {
        why = errno;
        ok = false;
    }
    if (ok)
        return true;
    unlink(temporary);
    errno = why;
    return io_fail(err, "Writing", path->file);
}

static bool is_whole(const char *file, struct str bytes) {
    struct stat st;
    return stat(file, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes.n;
}

/* A file of the right size that was never synced may have lost its content in a power failure. */
static bool is_whole_and_synced(const char *folder, const char *hex, const struct blob_path *path,
                                struct str bytes) {
    struct blob found;
    if (!is_whole(path->file, bytes) || !blob_map(folder, hex, true, &found, NULL))
        return false;
    blob_unmap(&found);
    int fd = open(path->file, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool put(const char *folder, struct str bytes, bool sync, char hex[SHA256_HEX_SIZE],
                struct error *err) {
    unsigned char digest[SHA256_SIZE];
    char name[SHA256_HEX_SIZE];
    struct blob_path path;
    sha256(bytes, digest);
    sha256_hex(digest, name);
    if (!path_of(folder, name, &path, err))
        return false;
    bool there = sync ? is_whole_and_synced(folder, name, &path, bytes) : is_whole(path.file, bytes);
    if (!there &&
        (!make_directories(folder, path.directory, err) || !write_and_rename(&path, bytes, sync, err)))
        return false;
    if (sync) {
        char above[PATH_SIZE];
        snprintf(above, sizeof above, "%s/blobs", folder);
        if (!sync_directory(path.directory, err) || !sync_directory(above, err))
            return false;
    }
    memcpy(hex, name, sizeof name);
    return true;
}

bool blob_put(const char *folder, struct str bytes, char hex[SHA256_HEX_SIZE], struct error *err) {
    return put(folder, bytes, true, hex, err);
}

bool blob_put_unsynced(const char *folder, struct str bytes, char hex[SHA256_HEX_SIZE], struct error *err) {
    return put(folder, bytes, false, hex, err);
}

struct blob_writer {
    struct blob_path path;
    char temporary[PATH_SIZE];
    int fd;
    struct sha256 *hash;
    unsigned char wanted[SHA256_SIZE];
};

bool blob_write_begin(const char *folder, const char *hex, struct blob_writer **out, struct error *err) {
    struct blob_path path;
    if (!path_of(folder, hex, &path, err) || !make_directories(folder, path.directory, err))
        return false;
    struct blob_writer *w = calloc(1, sizeof *w);
    struct sha256 *hash = sha256_begin();
    if (!w || !hash || !sha256_from_hex(str_from(hex), w->wanted)) {
        free(w);
        sha256_end(hash, NULL);
        return fail(err, ERR_NO_MEMORY, "Out of memory for storing a blob.");
    }
    w->path = path;
    w->hash = hash;
    w->fd = make_temporary(&path, w->temporary, err);
    if (w->fd < 0) {
        sha256_end(hash, NULL);
        free(w);
        return false;
    }
    *out = w;
    return true;
}

bool blob_write_add(struct blob_writer *w, struct str bytes, struct error *err) {
    sha256_add(w->hash, bytes);
    return write_all(w->fd, bytes) || io_fail(err, "Writing", w->path.file);
}

static void writer_free(struct blob_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

void blob_write_cancel(struct blob_writer *w) {
    if (!w)
        return;
    sha256_end(w->hash, NULL);
    unlink(w->temporary);
    writer_free(w);
}

bool blob_write_end(struct blob_writer *w, struct error *err) {
    unsigned char digest[SHA256_SIZE];
    sha256_end(w->hash, digest);
    bool good = memcmp(digest, w->wanted, sizeof digest) == 0 ||
                fail(err, ERR_ARTEFACT, "What was to be stored as %s has another hash.", w->path.file);
    good = good && (rename(w->temporary, w->path.file) == 0 || io_fail(err, "Writing", w->path.file));
    if (!good)
        unlink(w->temporary);
    writer_free(w);
    return good;
}

bool blob_sync(const char *folder, struct error *err) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_fail(err, "Opening", folder);
    bool ok = syncfs(fd) == 0 || io_fail(err, "Syncing the file system of", folder);
    close(fd);
    return ok;
}

static bool map_file(const char *file, struct blob *out, struct error *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? fail(err, ERR_NOT_FOUND, "The blob %s is missing.", file)
                               : io_fail(err, "Opening", file);
    struct stat st;
    bool ok = fstat(fd, &st) == 0;
    *out = (struct blob){.bytes = STR("")};
    if (ok && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = p != MAP_FAILED;
        if (ok)
            *out = (struct blob){.bytes = {p, (size_t)st.st_size}, .mapping = p};
    }
    int why = errno;
    close(fd);
    errno = why;
    return ok || io_fail(err, "Reading", file);
}

bool blob_map(const char *folder, const char *hex, bool verify, struct blob *out, struct error *err) {
    struct blob_path path;
    struct blob found;
    if (!path_of(folder, hex, &path, err) || !map_file(path.file, &found, err))
        return false;
    if (verify) {
        unsigned char digest[SHA256_SIZE], wanted[SHA256_SIZE];
        sha256(found.bytes, digest);
        if (!sha256_from_hex(str_from(hex), wanted) || memcmp(digest, wanted, sizeof digest) != 0) {
            blob_unmap(&found);
            return fail(err, ERR_ARTEFACT,
                        "%s no longer has the bytes that its name promises; restore it from a backup or make "
                        "it anew.",
                        path.file);
        }
    }
    *out = found;
    return true;
}

void blob_unmap(struct blob *b) {
    if (b->mapping)
        munmap(b->mapping, b->bytes.n);
    *b = (struct blob){.bytes = STR("")};
}

bool blob_remove(const char *folder, const char *hex, struct error *err) {
    struct blob_path path;
    if (!path_of(folder, hex, &path, err))
        return false;
    if (unlink(path.file) < 0 && errno != ENOENT)
        return io_fail(err, "Removing", path.file);
    return true;
}

/* Calls visit for every regular file of one of the 256 folders. */
static void visit_files(const char *folder, unsigned slice,
                        void (*visit)(int directory, const char *name, int64_t age_seconds, void *ctx),
                        void *ctx) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%.*s/blobs/%02x", PATH_SIZE - 64, folder, slice & 0xff);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            visit(fd, entry->d_name, clock_wall() / NS_PER_SECOND - st.st_mtime, ctx);
    }
    closedir(dir);
}

static void remove_abandoned(int directory, const char *name, int64_t age_seconds, void *ctx) {
    if (str_starts(str_from(name), STR(".new-")) && age_seconds > ABANDONED_SECONDS)
        unlinkat(directory, name, 0);
}

void blob_sweep(const char *folder) {
    for (unsigned slice = 0; slice < 256; slice++)
        visit_files(folder, slice, remove_abandoned, NULL);
}

struct blob_visitor {
    unsigned slice;
    void (*visit)(const char *hex, int64_t age_seconds, void *ctx);
    void *ctx;
};

static void visit_blob(int directory, const char *name, int64_t age_seconds, void *ctx) {
    const struct blob_visitor *v = ctx;
    char hex[SHA256_HEX_SIZE];
    if (strlen(name) != SHA256_HEX_SIZE - 3)
        return;
    snprintf(hex, sizeof hex, "%02x%s", v->slice, name);
    v->visit(hex, age_seconds, v->ctx);
}

void blob_visit(const char *folder, unsigned slice,
                void (*visit)(const char *hex, int64_t age_seconds, void *ctx), void *ctx) {
    struct blob_visitor v = {slice & 0xff, visit, ctx};
    visit_files(folder, v.slice, visit_blob, &v);
}
