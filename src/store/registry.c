#include "store/registry.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/aliases.h"
#include "store/blobs.h"
#include "store/reference.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void version_record_clear(struct version_record *r) {
    free(r->manifest);
    *r = (struct version_record){0};
}

bool registry_dataset_of(const struct version_record *r, char manifest[SHA256_HEX_SIZE], bool *found,
                         struct error *err) {
    struct error problem = {0};
    unsigned char digest[SHA256_SIZE];
    yyjson_doc *doc = json_parse(str_from(r->manifest), &problem);
    if (!doc && problem.code == ERR_NO_MEMORY)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model's manifest.");
    yyjson_val *dataset = doc ? yyjson_obj_get(yyjson_doc_get_root(doc), "dataset") : NULL;
    *found = sha256_from_hex(json_str_of(yyjson_obj_get(dataset, "manifest")), digest);
    if (*found)
        sha256_hex(digest, manifest);
    yyjson_doc_free(doc);
    return true;
}

/* To be found from the dataset's end, too. */
static bool note_dataset(struct store *s, const struct version_record *r, struct error *err) {
    char manifest[SHA256_HEX_SIZE];
    bool found;
    if (!registry_dataset_of(r, manifest, &found, err))
        return false;
    if (!found)
        return true;
    sqlite3_stmt *q =
        sql_statement(s, "INSERT INTO version_datasets (name, version, manifest) VALUES (?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_int(q, 2, r->version);
    sql_bind_str(q, 3, str_from(manifest));
    return sql_run(s, q, err);
}

static bool choose_version(struct store *s, struct version_record *r, struct error *err) {
    return reference_free_version(
        s,
        "SELECT max(version), max(CASE WHEN version = ?2 THEN 1 ELSE 0 END) FROM versions"
        " WHERE name = ?1",
        str_from(r->name), &r->version, err);
}

static bool insert_version(struct store *s, const struct version_record *r, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO versions (name, version, backend, artefact, created, manifest)"
                      " VALUES (?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_int(q, 2, r->version);
    sql_bind_str(q, 3, str_from(r->backend));
    sql_bind_str(q, 4, str_from(r->artefact));
    sql_bind_int(q, 5, r->created);
    sql_bind_str(q, 6, str_from(r->manifest));
    char object[REFERENCE_SIZE];
    snprintf(object, sizeof object, "%s@%u", r->name, r->version);
    return sql_run(s, q, err) && note_dataset(s, r, err) && history_note(s, "version.added", object, err) &&
           store_note_change(s, err);
}

bool registry_add_version(struct store *s, const char *name, const char *backend, struct str artefact,
                          struct str manifest, unsigned *version, struct error *err) {
    struct version_record r = {.created = clock_wall()};
    if (!reference_check_name(str_from(name), "model", err))
        return false;
    if (backend[0] == '\0' || strlen(backend) >= sizeof r.backend)
        return fail(err, ERR_USAGE, "A version's backend needs a name of 1 to %zu bytes.",
                    sizeof r.backend - 1);
    str_put(str_from(name), r.name, sizeof r.name);
    str_put(str_from(backend), r.backend, sizeof r.backend);
    r.manifest = str_dup(manifest);
    bool good = r.manifest || fail(err, ERR_NO_MEMORY, "Out of memory for a model's manifest.");
    /* The artefact first: a row never names a blob that is not there. */
    if (good && blob_put(store_folder(s), artefact, r.artefact, err) && store_begin(s, true, err)) {
        good = choose_version(s, &r, err) && insert_version(s, &r, err);
        if (good)
            good = store_commit(s, err);
        else
            store_rollback(s);
    } else {
        good = false;
    }
    if (good)
        *version = r.version;
    version_record_clear(&r);
    return good;
}

/* A version of its name with the same backend, artefact and manifest, of several the one of the same number;
 * 0: there is none. */
static bool same_version(struct store *s, const struct version_record *r, int64_t *version,
                         struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT version FROM versions WHERE name = ? AND artefact = ? AND backend = ?"
                      " AND manifest = ? ORDER BY CASE WHEN version = ? THEN 0 ELSE version END LIMIT 1",
                      err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_str(q, 2, str_from(r->artefact));
    sql_bind_str(q, 3, str_from(r->backend));
    sql_bind_str(q, 4, str_from(r->manifest));
    sql_bind_int(q, 5, r->version);
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return true;
}

bool registry_restore(struct store *s, struct version_record *r, bool *added, struct error *err) {
    unsigned wanted = r->version;
    int64_t there;
    if (!reference_check_name(str_from(r->name), "model", err) || !same_version(s, r, &there, err) ||
        !choose_version(s, r, err))
        return false;
    /* The same under its own number, or under another one while its own is somebody else's. */
    *added = there == 0 || (there != wanted && r->version == wanted);
    if (*added)
        return insert_version(s, r, err);
    r->version = (unsigned)there;
    return true;
}

static void read_columns(sqlite3_stmt *q, struct version_record *r) {
    str_put(sql_str_at(q, 0), r->name, sizeof r->name);
    r->version = (unsigned)sql_int_at(q, 1);
    str_put(sql_str_at(q, 2), r->backend, sizeof r->backend);
    str_put(sql_str_at(q, 3), r->artefact, sizeof r->artefact);
    r->created = sql_int_at(q, 4);
}

/* *version is what the alias means, unless there is a number. */
static bool resolve(struct store *s, struct str name, const char *endpoint, struct str alias,
                    unsigned *version, struct error *err) {
    char model[MODEL_NAME_MAX + 1], text[ALIAS_MAX + 1];
    if (alias.n == 0 || *version)
        return true;
    str_put(name, model, sizeof model);
    str_put(alias, text, sizeof text);
    if (!aliases_find(s, model, endpoint, text, version, err))
        return false;
    return *version ||
           fail(err, ERR_NOT_FOUND,
                "The model %s has no alias \"%s\"; `penstock models aliases` shows them all.", model, text);
}

bool registry_find_serving(struct store *s, const char *endpoint, const char *name, unsigned version,
                           struct version_record *out, struct error *err) {
    if (version == 0 && !strchr(name, '@') && !aliases_find(s, name, endpoint, ALIAS_STABLE, &version, err))
        return false;
    return registry_find_at(s, endpoint, name, version, out, err);
}

bool registry_find(struct store *s, const char *name, unsigned version, struct version_record *out,
                   struct error *err) {
    return registry_find_at(s, NULL, name, version, out, err);
}

bool registry_find_at(struct store *s, const char *endpoint, const char *name, unsigned version,
                      struct version_record *out, struct error *err) {
    struct str alias = str_from(name), wanted = str_split(&alias, '@');
    if (!reference_check_name(wanted, "model", err) || !resolve(s, wanted, endpoint, alias, &version, err))
        return false;
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT name, version, backend, artefact, created, manifest FROM versions"
                      " WHERE name = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, wanted);
    sql_bind_int(q, 2, version);
    sql_bind_int(q, 3, version);
    bool row;
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return reference_not_found(s, "SELECT name, max(version) FROM versions GROUP BY name", "model",
                                   wanted, version, err);
    struct version_record found = {0};
    read_columns(q, &found);
    found.manifest = str_dup(sql_str_at(q, 5));
    sql_end(q);
    if (!found.manifest)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a model's manifest.");
    *out = found;
    return true;
}

bool registry_parse_reference(struct str reference, char name[MODEL_NAME_MAX + 1], unsigned *version,
                              struct error *err) {
    struct str alias = reference, model = str_split(&alias, '@');
    if (!alias_is_name(alias) || model.n == 0)
        return reference_parse(reference, "model", name, version, err);
    if (reference.n > MODEL_NAME_MAX)
        return fail(err, ERR_USAGE, "\"%.*s\" is longer than %d bytes.", STR_ARG(str_slice(reference, 0, 80)),
                    MODEL_NAME_MAX);
    if (!reference_check_name(model, "model", err))
        return false;
    str_put(reference, name, MODEL_NAME_MAX + 1);
    *version = 0;
    return true;
}

/* One statement for each kind of page, so that each is a walk along versions_listing. */
static sqlite3_stmt *page_statement(struct store *s, const struct version_page *p, struct error *err) {
#define LISTING "SELECT name, version, backend, artefact, created FROM versions "
    int64_t limit = p->limit ? (int64_t)p->limit : -1;
    sqlite3_stmt *q;
    if (p->name)
        q = sql_statement(
            s, LISTING "WHERE name = ?3 AND version < ?2 AND ?1 = ?1 ORDER BY version DESC LIMIT ?4", err);
    else
        q = sql_statement(s,
                          LISTING "WHERE name >= ?1 AND (name > ?1 OR version < ?2) AND ?3 = ?3"
                                  " ORDER BY name, version DESC LIMIT ?4",
                          err);
    if (!q)
        return NULL;
    sql_bind_str(q, 1, str_from(p->after));
    sql_bind_int(q, 2, p->after ? (int64_t)p->after_version : INT64_MAX);
    sql_bind_str(q, 3, str_from(p->name));
    sql_bind_int(q, 4, limit);
    return q;
#undef LISTING
}

bool registry_page(struct store *s, const struct version_page *page,
                   void (*visit)(const struct version_record *r, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = page_statement(s, page, err);
    if (!q)
        return false;
    for (;;) {
        bool row;
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return true;
        struct version_record found = {0};
        read_columns(q, &found);
        visit(&found, ctx);
    }
}

bool registry_list(struct store *s, void (*visit)(const struct version_record *r, void *ctx), void *ctx,
                   struct error *err) {
    return registry_page(s, &(struct version_page){0}, visit, ctx, err);
}
