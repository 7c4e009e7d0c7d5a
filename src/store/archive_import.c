#include "store/archive.h"

#include "store/archive_tar.h"
#include "store/blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PIECE = 64 << 10 };
static const size_t manifest_max = (size_t)1 << 30;

/* ---- reading and checking ---- */

struct reading {
    struct tar_reader tar;
    struct archive_index x;
    const char *blobs; /* NULL: only check */
};

static bool refuse(const struct reading *r, const char *what, const char *which, struct error *err) {
    return fail(err, ERR_DATA, "%s is no good: %s%.100s.", r->tar.path, what, which);
}

/* The whole entry, of which nobody needs to believe the size: memory grows with what is there. */
static bool read_entry(struct reading *r, struct buf *out, struct error *err) {
    size_t got = 1;
    while (got) {
        if (!buf_reserve(out, PIECE))
            return fail(err, ERR_NO_MEMORY, "%s: an entry does not fit into memory.", r->tar.path);
        if (!tar_read(&r->tar, out->p + out->n, PIECE, &got, err))
            return false;
        out->n += got;
    }
    return true;
}

static bool has_hash(struct str bytes, const unsigned char hash[SHA256_SIZE]) {
    unsigned char digest[SHA256_SIZE];
    sha256(bytes, digest);
    return memcmp(digest, hash, sizeof digest) == 0;
}

/* `before` HASH `after`, with the digits as we write them. */
static bool hash_in_name(const char *name, struct str before, struct str after,
                         unsigned char out[SHA256_SIZE]) {
    struct str all = str_from(name);
    char again[SHA256_HEX_SIZE];
    if (all.n != before.n + 2 * SHA256_SIZE + after.n || !str_starts(all, before) || !str_ends(all, after) ||
        !sha256_from_hex(str_slice(all, before.n, before.n + 2 * SHA256_SIZE), out))
        return false;
    sha256_hex(out, again);
    return memcmp(again, all.p + before.n, 2 * SHA256_SIZE) == 0;
}

/* What versions and datasets need must be listed. */
static bool mark_needed(struct reading *r, const char *hex, bool manifest, struct error *err) {
    unsigned char hash[SHA256_SIZE];
    struct archive_blob *blob = sha256_from_hex(str_from(hex), hash) ? archive_index_blob(&r->x, hash) : NULL;
    if (!blob)
        return refuse(r, "it lacks blobs/", hex, err);
    blob->needed = true;
    blob->manifest = blob->manifest || manifest;
    return true;
}

static bool mark_suite_file(struct reading *r, const struct suite_file *f, struct error *err) {
    unsigned char hash[SHA256_SIZE];
    if (!mark_needed(r, f->hash, false, err))
        return false;
    const struct archive_blob *blob =
        sha256_from_hex(str_from(f->hash), hash) ? archive_index_blob(&r->x, hash) : NULL;
    return (blob && blob->size == f->size) ||
           refuse(r, "a file has another size than its suite says: blobs/", f->hash, err);
}

static bool mark_all(struct reading *r, struct error *err) {
    for (size_t i = 0; i < r->x.version_count; i++)
        if (!mark_needed(r, r->x.versions[i].artefact, false, err))
            return false;
    for (size_t i = 0; i < r->x.dataset_count; i++)
        if (!mark_needed(r, r->x.datasets[i].manifest, true, err))
            return false;
    for (size_t i = 0; i < r->x.suite_count; i++)
        for (size_t k = 0; k < r->x.suites[i].file_count; k++)
            if (!mark_suite_file(r, &r->x.suites[i].files[k], err))
                return false;
    return true;
}

static bool read_index(struct reading *r, struct error *err) {
    struct tar_entry entry;
    unsigned char hash[SHA256_SIZE];
    bool end;
    if (!tar_next(&r->tar, &entry, &end, err))
        return false;
    if (end || !hash_in_name(entry.name, STR("penstock-"), STR(".json"), hash))
        return refuse(r, "it does not begin with the index of an archive", "", err);
    if (entry.size > ARCHIVE_INDEX_MAX)
        return refuse(r, "its index is too large", "", err);
    AUTO_BUF text = BUF_INIT(ARCHIVE_INDEX_MAX + PIECE);
    if (!read_entry(r, &text, err))
        return false;
    if (!has_hash(buf_str(&text), hash))
        return refuse(r, "its index has another hash than its name; it was altered", "", err);
    if (!archive_index_parse(&r->x, buf_str(&text), err))
        return fail_within(err, "%s", r->tar.path);
    return mark_all(r, err);
}

struct marking {
    const struct archive_index *x;
    bool wrong; /* a file has another size than its dataset says */
};

static void mark_file(const char hex[SHA256_HEX_SIZE], uint64_t size, void *ctx) {
    struct marking *m = ctx;
    unsigned char hash[SHA256_SIZE];
    struct archive_blob *blob = sha256_from_hex(str_from(hex), hash) ? archive_index_blob(m->x, hash) : NULL;
    if (!blob)
        return;
    blob->needed = true;
    m->wrong = m->wrong || blob->size != size;
}

/* The manifest of one of the archive's datasets: fills what the index does not say of them. */
static bool take_manifest(struct reading *r, const char *hex, struct str text, struct error *err) {
    struct dataset_manifest m;
    struct marking marking = {.x = &r->x};
    if (!dataset_manifest_parse(&m, text, err))
        return fail_within(err, "%s", r->tar.path);
    for (size_t i = 0; i < r->x.dataset_count; i++) {
        struct dataset_record *d = &r->x.datasets[i];
        if (strcmp(d->manifest, hex) != 0)
            continue;
        d->kind = m.kind;
        d->rows = m.count;
        d->labels = m.label_count;
        d->bytes = dataset_manifest_bytes(&m);
    }
    dataset_files_visit(&m, mark_file, &marking);
    dataset_manifest_free(&m);
    return !marking.wrong || refuse(r, "a file has another size than its dataset says: ", hex, err);
}

static bool read_manifest(struct reading *r, const struct archive_blob *blob, const char *hex,
                          struct error *err) {
    AUTO_BUF text = BUF_INIT(manifest_max);
    char stored[SHA256_HEX_SIZE];
    if (!read_entry(r, &text, err))
        return false;
    if (!has_hash(buf_str(&text), blob->hash))
        return refuse(r, "other bytes than its name promises: blobs/", hex, err);
    return take_manifest(r, hex, buf_str(&text), err) &&
           (!r->blobs || blob_put_unsynced(r->blobs, buf_str(&text), stored, err));
}

/* One that is whole already is only checked. */
static bool begin_blob(const struct reading *r, const char *hex, struct blob_writer **out,
                       struct error *err) {
    struct blob there;
    *out = NULL;
    if (!r->blobs)
        return true;
    if (!blob_map(r->blobs, hex, true, &there, NULL))
        return blob_write_begin(r->blobs, hex, out, err);
    blob_unmap(&there);
    return true;
}

static bool copy_pieces(struct reading *r, struct sha256 *hash, struct blob_writer *writer,
                        struct error *err) {
    char *piece = malloc(PIECE);
    size_t got = 1;
    bool good = piece || fail(err, ERR_NO_MEMORY, "Out of memory for reading %s.", r->tar.path);
    while (good && got) {
        good = tar_read(&r->tar, piece, PIECE, &got, err);
        if (!good)
            break;
        sha256_add(hash, (struct str){piece, got});
        good = !writer || blob_write_add(writer, (struct str){piece, got}, err);
    }
    free(piece);
    return good;
}

static bool read_bytes(struct reading *r, const struct archive_blob *blob, const char *hex,
                       struct error *err) {
    unsigned char digest[SHA256_SIZE];
    struct blob_writer *writer;
    if (!begin_blob(r, hex, &writer, err))
        return false;
    struct sha256 *hash = sha256_begin();
    bool good = hash ? copy_pieces(r, hash, writer, err)
                     : fail(err, ERR_NO_MEMORY, "Out of memory for reading %s.", r->tar.path);
    sha256_end(hash, hash ? digest : NULL);
    if (good && memcmp(digest, blob->hash, sizeof digest) != 0)
        good = refuse(r, "other bytes than its name promises: blobs/", hex, err);
    if (!good || !writer) {
        blob_write_cancel(writer);
        return good;
    }
    return blob_write_end(writer, err);
}

static bool read_blob(struct reading *r, const struct tar_entry *entry, struct error *err) {
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    struct archive_blob *blob =
        hash_in_name(entry->name, STR("blobs/"), STR(""), hash) ? archive_index_blob(&r->x, hash) : NULL;
    if (!blob)
        return refuse(r, "its index does not know the entry ", entry->name, err);
    if (blob->seen)
        return refuse(r, "it has twice the entry ", entry->name, err);
    if (blob->size != entry->size)
        return refuse(r, "another size than its index says has the entry ", entry->name, err);
    blob->seen = true;
    sha256_hex(hash, hex);
    return blob->manifest ? read_manifest(r, blob, hex, err) : read_bytes(r, blob, hex, err);
}

static bool check_blobs(struct reading *r, struct error *err) {
    char hex[SHA256_HEX_SIZE];
    for (size_t i = 0; i < r->x.blob_count; i++) {
        sha256_hex(r->x.blobs[i].hash, hex);
        if (!r->x.blobs[i].seen)
            return refuse(r, "it lacks blobs/", hex, err);
        if (!r->x.blobs[i].needed)
            return refuse(r, "nothing refers to blobs/", hex, err);
    }
    return true;
}

static bool read_all(struct reading *r, struct error *err) {
    struct tar_entry entry;
    bool end = false;
    if (!read_index(r, err))
        return false;
    while (!end)
        if (!tar_next(&r->tar, &entry, &end, err) || (!end && !read_blob(r, &entry, err)))
            return false;
    return check_blobs(r, err);
}

bool archive_read(FILE *in, const char *path, const char *blobs, struct archive_index *out,
                  struct error *err) {
    struct reading r = {.tar = {.in = in, .path = path}, .blobs = blobs};
    if (read_all(&r, err)) {
        *out = r.x;
        return true;
    }
    archive_index_free(&r.x);
    return false;
}

/* ---- importing ---- */

/* Where each object of the archive is now. */
struct place {
    unsigned number;
    bool added;
};

struct importing {
    struct store *store;
    struct archive_index x;
    const struct archive_import *how;
    struct place *versions, *datasets, *prompts, *suites;
};

static bool restore_tags(struct importing *m, enum tag_subject subject, const char *name, unsigned version,
                         const struct place *place, struct error *err) {
    bool changed;
    for (size_t i = 0; place->added && i < m->x.tag_count; i++) {
        struct tag tag = m->x.tags[i];
        if (tag.subject != subject || tag.version != version || strcmp(tag.name, name) != 0)
            continue;
        tag.version = place->number;
        if (!tags_set(m->store, &tag, &changed, err))
            return false;
    }
    return true;
}

static bool restore_suites(struct importing *m, struct error *err) {
    for (size_t i = 0; i < m->x.suite_count; i++) {
        struct suite_record r = m->x.suites[i];
        if (!suites_restore(m->store, &r, &m->suites[i].added, err))
            return false;
        m->suites[i].number = r.version;
    }
    return true;
}

static bool restore_rows(struct importing *m, struct error *err) {
    for (size_t i = 0; i < m->x.dataset_count; i++) {
        struct dataset_record r = m->x.datasets[i];
        struct place *p = &m->datasets[i];
        if (!datasets_restore(m->store, &r, &p->added, err))
            return false;
        p->number = r.version;
        if (!restore_tags(m, TAG_DATASET, r.name, m->x.datasets[i].version, p, err))
            return false;
    }
    for (size_t i = 0; i < m->x.version_count; i++) {
        struct version_record r = m->x.versions[i];
        struct place *p = &m->versions[i];
        if (!registry_restore(m->store, &r, &p->added, err))
            return false;
        p->number = r.version;
        if (!restore_tags(m, TAG_MODEL, r.name, m->x.versions[i].version, p, err))
            return false;
    }
    for (size_t i = 0; i < m->x.prompt_count; i++) {
        struct prompt_record r = m->x.prompts[i];
        struct place *p = &m->prompts[i];
        if (!prompts_restore(m->store, &r, &p->added, err))
            return false;
        p->number = r.version;
        if (!restore_tags(m, TAG_PROMPT, r.name, m->x.prompts[i].version, p, err))
            return false;
    }
    return restore_suites(m, err);
}

static void report(const struct importing *m) {
    const struct archive_import *how = m->how;
    if (!how->visit)
        return;
    for (size_t i = 0; i < m->x.dataset_count; i++)
        how->visit("dataset", m->x.datasets[i].name, m->x.datasets[i].version, m->datasets[i].number,
                   m->datasets[i].added, how->ctx);
    for (size_t i = 0; i < m->x.version_count; i++)
        how->visit("model", m->x.versions[i].name, m->x.versions[i].version, m->versions[i].number,
                   m->versions[i].added, how->ctx);
    for (size_t i = 0; i < m->x.prompt_count; i++)
        how->visit("prompt", m->x.prompts[i].name, m->x.prompts[i].version, m->prompts[i].number,
                   m->prompts[i].added, how->ctx);
    for (size_t i = 0; i < m->x.suite_count; i++)
        how->visit("suite", m->x.suites[i].name, m->x.suites[i].version, m->suites[i].number,
                   m->suites[i].added, how->ctx);
}

/* All rows or none. */
static bool bring_rows(struct importing *m, struct error *err) {
    struct arena *arena = m->x.arena;
    m->versions = arena_zalloc(arena, (m->x.version_count + 1) * sizeof *m->versions);
    m->datasets = arena_zalloc(arena, (m->x.dataset_count + 1) * sizeof *m->datasets);
    m->prompts = arena_zalloc(arena, (m->x.prompt_count + 1) * sizeof *m->prompts);
    m->suites = arena_zalloc(arena, (m->x.suite_count + 1) * sizeof *m->suites);
    if (!m->versions || !m->datasets || !m->prompts || !m->suites)
        return fail(err, ERR_NO_MEMORY, "Out of memory for importing an archive.");
    if (!store_begin(m->store, true, err))
        return false;
    if (!restore_rows(m, err)) {
        store_rollback(m->store);
        return false;
    }
    return store_commit(m->store, err);
}

static bool check_prompts(const struct importing *m, struct error *err) {
    for (size_t i = 0; m->how->check_prompt && i < m->x.prompt_count; i++)
        if (!m->how->check_prompt(&m->x.prompts[i], err))
            return false;
    return true;
}

static FILE *open_archive(const char *path, struct error *err) {
    struct stat st;
    FILE *in = fopen(path, "rbe");
    if (!in) {
        fail(err, ERR_IO, "%s: %s.", path, strerror(errno));
        return NULL;
    }
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
        return in;
    fail(err, ERR_IO, "%s is not a regular file.", path);
    fclose(in);
    return NULL;
}

/* Twice over the file: the first time nothing is written. The second time checks everything again, so that a
 * file which changes meanwhile is refused like any other. */
static bool import(struct importing *m, FILE *in, const char *path, struct error *err) {
    const char *folder = store_folder(m->store);
    if (!archive_read(in, path, NULL, &m->x, err))
        return false;
    bool good = check_prompts(m, err);
    archive_index_free(&m->x);
    rewind(in);
    return good && archive_read(in, path, folder, &m->x, err) && check_prompts(m, err) &&
           blob_sync(folder, err) && bring_rows(m, err);
}

bool archive_import(struct store *s, const char *path, const struct archive_import *how, struct error *err) {
    struct importing m = {.store = s, .how = how};
    FILE *in = open_archive(path, err);
    if (!in)
        return false;
    bool good = import(&m, in, path, err);
    if (good)
        report(&m);
    archive_index_free(&m.x);
    fclose(in);
    return good;
}
