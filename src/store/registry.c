#include "store/registry.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/sql.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void version_record_clear(struct version_record *r) {
    free(r->manifest);
    *r = (struct version_record){0};
}

static bool check_name(struct str name, struct error *err) {
    bool ok = name.n > 0 && name.n <= MODEL_NAME_MAX;
    for (size_t i = 0; ok && i < name.n; i++)
        ok = isalnum((unsigned char)name.p[i]) || (name.p[i] && strchr("-_.", name.p[i]));
    if (ok)
        return true;
    return fail(err, ERR_USAGE, "\"%.*s\" is no model name; use 1 to %d letters, digits, - _ and .",
                (int)(name.n > 80 ? 80 : name.n), name.p, MODEL_NAME_MAX);
}

static void copy_text(char *to, size_t size, struct str from) {
    snprintf(to, size, "%.*s", (int)(from.n < size ? from.n : size - 1), from.p);
}

static bool insert_version(struct store *s, struct str name, struct str backend, const char *artefact,
                           struct str manifest, unsigned *version, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT max(version) FROM versions WHERE name = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    if (!sql_step(s, q, &row, err))
        return false;
    int64_t next = row ? sql_int_at(q, 0) + 1 : 1;
    sql_end(q);
    q = sql_statement(s,
                      "INSERT INTO versions (name, version, backend, artefact, created, manifest)"
                      " VALUES (?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    sql_bind_int(q, 2, next);
    sql_bind_str(q, 3, backend);
    sql_bind_str(q, 4, str_from(artefact));
    sql_bind_int(q, 5, clock_wall());
    sql_bind_str(q, 6, manifest);
    if (!sql_run(s, q, err))
        return false;
    *version = (unsigned)next;
    return store_note_change(s, err);
}

bool registry_add_version(struct store *s, const char *name, const char *backend, struct str artefact,
                          struct str manifest, unsigned *version, struct error *err) {
    char hex[SHA256_HEX_SIZE];
    struct version_record shape;
    if (!check_name(str_from(name), err))
        return false;
    if (backend[0] == '\0' || strlen(backend) >= sizeof shape.backend)
        return fail(err, ERR_USAGE, "A version's backend needs a name of 1 to %zu bytes.",
                    sizeof shape.backend - 1);
    /* The artefact first: a row never names a blob that is not there. */
    if (!blob_put(store_folder(s), artefact, hex, err) || !store_begin(s, true, err))
        return false;
    if (!insert_version(s, str_from(name), str_from(backend), hex, manifest, version, err)) {
        store_rollback(s);
        return false;
    }
    return store_commit(s, err);
}

enum { NAMES_MAX = 256 };

/* The versions of a name that has some, else the nearest name. */
static bool not_found(struct store *s, struct str name, unsigned version, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT name, max(version) FROM versions GROUP BY name ORDER BY name LIMIT 256", err);
    if (!q)
        return false;
    static const char *const nothing = "";
    const char *names[NAMES_MAX];
    size_t count = 0;
    int64_t newest = 0;
    bool row;
    while (count < NAMES_MAX && sql_step(s, q, &row, err) && row) {
        struct str found = sql_str_at(q, 0);
        if (str_eq(found, name))
            newest = sql_int_at(q, 1);
        names[count] = str_dup(found);
        if (!names[count])
            names[count] = nothing;
        count++;
    }
    sql_end(q);
    const char *near = str_nearest(name, names, count);
    if (newest)
        fail(err, ERR_NOT_FOUND, "%.*s@%u does not exist; the newest version is %.*s@%lld.", STR_ARG(name),
             version, STR_ARG(name), (long long)newest);
    else if (near)
        fail(err, ERR_NOT_FOUND, "There is no model \"%.*s\"; did you mean \"%s\"?", STR_ARG(name), near);
    else
        fail(err, ERR_NOT_FOUND, "There is no model \"%.*s\" in %s; `penstock models list` shows them all.",
             STR_ARG(name), store_folder(s));
    for (size_t i = 0; i < count; i++)
        if (names[i] != nothing)
            free((char *)(uintptr_t)names[i]);
    return false;
}

static void read_columns(sqlite3_stmt *q, struct version_record *r) {
    copy_text(r->name, sizeof r->name, sql_str_at(q, 0));
    r->version = (unsigned)sql_int_at(q, 1);
    copy_text(r->backend, sizeof r->backend, sql_str_at(q, 2));
    copy_text(r->artefact, sizeof r->artefact, sql_str_at(q, 3));
    r->created = sql_int_at(q, 4);
}

bool registry_find(struct store *s, const char *name, unsigned version, struct version_record *out,
                   struct error *err) {
    struct str wanted = str_from(name);
    if (!check_name(wanted, err))
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
        return not_found(s, wanted, version, err);
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
    struct str rest = reference, model = str_split(&rest, '@');
    uint64_t number = 0;
    if (!check_name(model, err))
        return false;
    bool numbered = model.n < reference.n;
    if (numbered && (!str_to_u64(rest, &number) || number == 0 || number > INT_MAX))
        return fail(err, ERR_USAGE, "\"%.*s\" names no version; write NAME or NAME@NUMBER, like documents@3.",
                    (int)(reference.n > 80 ? 80 : reference.n), reference.p);
    copy_text(name, MODEL_NAME_MAX + 1, model);
    *version = (unsigned)number;
    return true;
}

bool registry_list(struct store *s, void (*visit)(const struct version_record *r, void *ctx), void *ctx,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT name, version, backend, artefact, created FROM versions ORDER BY name, version DESC", err);
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
