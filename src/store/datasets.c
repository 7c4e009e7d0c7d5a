#include "store/datasets.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdio.h>

#define COLUMNS "name, version, manifest, kind, rows, bytes, labels, source, created"

static void read_columns(sqlite3_stmt *q, struct dataset_record *r) {
    str_put(sql_str_at(q, 0), r->name, sizeof r->name);
    r->version = (unsigned)sql_int_at(q, 1);
    str_put(sql_str_at(q, 2), r->manifest, sizeof r->manifest);
    r->kind = sql_int_at(q, 3) ? DATASET_TABLE : DATASET_FILES;
    r->rows = (uint64_t)sql_int_at(q, 4);
    r->bytes = (uint64_t)sql_int_at(q, 5);
    r->labels = (uint64_t)sql_int_at(q, 6);
    str_put(sql_str_at(q, 7), r->source, sizeof r->source);
    r->created = sql_int_at(q, 8);
}

/* The one row that `q` gives, if it gives one. */
static bool read_one(struct store *s, sqlite3_stmt *q, bool *found, struct dataset_record *out,
                     struct error *err) {
    if (!sql_step(s, q, found, err))
        return false;
    if (*found) {
        *out = (struct dataset_record){0};
        read_columns(q, out);
        sql_end(q);
    }
    return true;
}

/* ---- adding ---- */

static bool version_with(struct store *s, const struct dataset_record *r, bool *found,
                         struct dataset_record *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT " COLUMNS " FROM datasets WHERE manifest = ? AND name = ?"
                                    " ORDER BY CASE WHEN version = ? THEN 0 ELSE version END LIMIT 1",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->manifest));
    sql_bind_str(q, 2, str_from(r->name));
    sql_bind_int(q, 3, r->version);
    return read_one(s, q, found, out, err);
}

static bool choose_version(struct store *s, struct dataset_record *r, struct error *err) {
    return reference_free_version(
        s,
        "SELECT max(version), max(CASE WHEN version = ?2 THEN 1 ELSE 0 END) FROM datasets"
        " WHERE name = ?1",
        str_from(r->name), &r->version, err);
}

static bool insert(struct store *s, const struct dataset_record *r, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "INSERT INTO datasets (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_int(q, 2, r->version);
    sql_bind_str(q, 3, str_from(r->manifest));
    sql_bind_int(q, 4, r->kind);
    sql_bind_int(q, 5, (int64_t)r->rows);
    sql_bind_int(q, 6, (int64_t)r->bytes);
    sql_bind_int(q, 7, (int64_t)r->labels);
    sql_bind_str(q, 8, str_from(r->source));
    sql_bind_int(q, 9, r->created);
    char object[REFERENCE_SIZE];
    snprintf(object, sizeof object, "%s@%u", r->name, r->version);
    return sql_run(s, q, err) && history_note(s, "dataset.added", object, err);
}

bool datasets_restore(struct store *s, struct dataset_record *r, bool *added, struct error *err) {
    unsigned wanted = r->version;
    struct dataset_record there;
    bool found;
    if (!version_with(s, r, &found, &there, err) || !choose_version(s, r, err))
        return false;
    /* The same under its own number, or under another one while its own is somebody else's. */
    *added = !found || (wanted && there.version != wanted && r->version == wanted);
    if (*added)
        return insert(s, r, err);
    *r = there;
    return true;
}

bool datasets_add(struct store *s, const char *name, const char *source, const struct dataset_manifest *m,
                  struct str text, struct dataset_record *out, bool *added, struct error *err) {
    struct dataset_record r = {.kind = m->kind,
                               .rows = m->count,
                               .bytes = dataset_manifest_bytes(m),
                               .labels = m->label_count,
                               .created = clock_wall()};
    bool is_new = false;
    if (!reference_check_name(str_from(name), "dataset", err))
        return false;
    str_put(str_from(name), r.name, sizeof r.name);
    str_put(str_from(source), r.source, sizeof r.source);
    for (char *c = r.source; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    /* The manifest first: a row never names a blob that is not there. */
    if (!blob_put(store_folder(s), text, r.manifest, err) || !store_begin(s, true, err))
        return false;
    if (!datasets_restore(s, &r, &is_new, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    *out = r;
    *added = is_new;
    return true;
}

/* ---- finding ---- */

bool datasets_find(struct store *s, const char *name, unsigned version, struct dataset_record *out,
                   struct error *err) {
    struct dataset_record r;
    bool found;
    if (!reference_check_name(str_from(name), "dataset", err))
        return false;
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT " COLUMNS
        " FROM datasets WHERE name = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1",
        err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(name));
    sql_bind_int(q, 2, version);
    sql_bind_int(q, 3, version);
    if (!read_one(s, q, &found, &r, err))
        return false;
    if (!found)
        return reference_not_found(s, "SELECT name, max(version) FROM datasets GROUP BY name", "dataset",
                                   str_from(name), version, err);
    *out = r;
    return true;
}

bool datasets_named(struct store *s, const char *manifest, const char *preferred, bool *found,
                    struct dataset_record *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT " COLUMNS " FROM datasets WHERE manifest = ?"
                                    " ORDER BY CASE WHEN name = ? THEN 0 ELSE 1 END, created, name LIMIT 1",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(manifest));
    sql_bind_str(q, 2, str_from(preferred));
    return read_one(s, q, found, out, err);
}

bool datasets_list(struct store *s, void (*visit)(const struct dataset_record *r, void *ctx), void *ctx,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT " COLUMNS " FROM datasets ORDER BY name, version DESC", err);
    bool row;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct dataset_record r = {0};
        read_columns(q, &r);
        visit(&r, ctx);
    }
    return false;
}

bool datasets_users(struct store *s, const char *manifest, void (*visit)(const char *reference, void *ctx),
                    void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT name, version FROM version_datasets WHERE manifest = ? ORDER BY name, version DESC", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(manifest));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        char reference[REFERENCE_SIZE];
        snprintf(reference, sizeof reference, "%.*s@%lld", STR_ARG(sql_str_at(q, 0)),
                 (long long)sql_int_at(q, 1));
        visit(reference, ctx);
    }
    return false;
}

/* ---- what it is made of ---- */

bool datasets_load(struct store *s, const char *manifest, struct dataset_manifest *out, struct error *err) {
    struct blob blob;
    if (!blob_map(store_folder(s), manifest, true, &blob, err))
        return false;
    bool good = dataset_manifest_parse(out, blob.bytes, err);
    blob_unmap(&blob);
    return good;
}

void dataset_files_visit(const struct dataset_manifest *m,
                         void (*visit)(const char hex[SHA256_HEX_SIZE], uint64_t size, void *ctx),
                         void *ctx) {
    char hex[SHA256_HEX_SIZE];
    if (m->kind == DATASET_TABLE) {
        sha256_hex(m->file_hash, hex);
        visit(hex, m->file_size, ctx);
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        sha256_hex(m->rows[i].hash, hex);
        visit(hex, m->rows[i].size, ctx);
    }
}

struct counting {
    const char *folder;
    struct datasets_kept kept;
};

static void count_file(const char hex[SHA256_HEX_SIZE], uint64_t size, void *ctx) {
    struct counting *c = ctx;
    struct blob blob;
    c->kept.files++;
    if (!blob_map(c->folder, hex, false, &blob, NULL))
        return;
    c->kept.kept += blob.bytes.n == size;
    blob_unmap(&blob);
}

struct datasets_kept datasets_kept(struct store *s, const struct dataset_manifest *m) {
    struct counting c = {.folder = store_folder(s)};
    dataset_files_visit(m, count_file, &c);
    return c.kept;
}
