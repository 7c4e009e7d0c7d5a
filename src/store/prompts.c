#include "store/prompts.h"

#include "base/clock.h"
#include "store/reference.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>

void prompt_record_clear(struct prompt_record *r) {
    free(r->text);
    *r = (struct prompt_record){0};
}

static void read_columns(sqlite3_stmt *q, struct prompt_record *r) {
    struct str name = sql_str_at(q, 0), hash = sql_str_at(q, 2);
    snprintf(r->name, sizeof r->name, "%.*s", STR_ARG(name));
    r->version = (unsigned)sql_int_at(q, 1);
    snprintf(r->hash, sizeof r->hash, "%.*s", STR_ARG(hash));
    r->created = sql_int_at(q, 3);
}

/* ---- adding ---- */

/* 0: no version has it. */
static bool version_with(struct store *s, struct str name, struct str hash, int64_t *version,
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT version FROM prompts WHERE name = ? AND hash = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    sql_bind_str(q, 2, hash);
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? sql_int_at(q, 0) : 0;
    sql_end(q);
    return true;
}

static bool next_version(struct store *s, struct str name, int64_t *version, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT max(version) FROM prompts WHERE name = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? sql_int_at(q, 0) + 1 : 1;
    sql_end(q);
    return true;
}

static bool insert(struct store *s, struct str name, int64_t version, struct str hash, struct str text,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "INSERT INTO prompts (name, version, hash, created, text) VALUES (?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    sql_bind_int(q, 2, version);
    sql_bind_str(q, 3, hash);
    sql_bind_int(q, 4, clock_wall());
    sql_bind_str(q, 5, text);
    char object[REFERENCE_SIZE];
    snprintf(object, sizeof object, "%.*s@%lld", STR_ARG(name), (long long)version);
    return sql_run(s, q, err) && history_note(s, "prompt.added", object, err) && store_note_change(s, err);
}

static bool add(struct store *s, struct str name, struct str text, int64_t *version, bool *added,
                struct error *err) {
    unsigned char digest[SHA256_SIZE];
    char hash[SHA256_HEX_SIZE];
    sha256(text, digest);
    sha256_hex(digest, hash);
    if (!version_with(s, name, str_from(hash), version, err))
        return false;
    *added = *version == 0;
    return !*added ||
           (next_version(s, name, version, err) && insert(s, name, *version, str_from(hash), text, err));
}

bool prompts_add(struct store *s, const char *name, struct str text, unsigned *version, bool *added,
                 struct error *err) {
    int64_t number = 0;
    bool is_new = false;
    if (!store_begin(s, true, err))
        return false;
    if (!add(s, str_from(name), text, &number, &is_new, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    *version = (unsigned)number;
    *added = is_new;
    return true;
}

static bool is_taken(struct store *s, const struct prompt_record *r, bool *taken, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT 1 FROM prompts WHERE name = ? AND version = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_int(q, 2, r->version);
    if (!sql_step(s, q, taken, err))
        return false;
    if (*taken)
        sql_end(q);
    return true;
}

bool prompts_restore(struct store *s, struct prompt_record *r, bool *added, struct error *err) {
    struct str name = str_from(r->name), hash = str_from(r->hash);
    int64_t version;
    bool taken;
    if (!version_with(s, name, hash, &version, err))
        return false;
    *added = version == 0;
    if (*added) {
        version = r->version;
        if (!is_taken(s, r, &taken, err) || (taken && !next_version(s, name, &version, err)) ||
            !insert(s, name, version, hash, str_from(r->text), err))
            return false;
    }
    r->version = (unsigned)version;
    return true;
}

/* ---- finding ---- */

bool prompts_find(struct store *s, const char *name, unsigned version, struct prompt_record *out,
                  struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT name, version, hash, created, text FROM prompts"
                      " WHERE name = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1",
                      err);
    struct prompt_record found = {0};
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(name));
    sql_bind_int(q, 2, version);
    sql_bind_int(q, 3, version);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return reference_not_found(s, "SELECT name, max(version) FROM prompts GROUP BY name", "prompt",
                                   str_from(name), version, err);
    read_columns(q, &found);
    found.text = str_dup(sql_str_at(q, 4));
    sql_end(q);
    if (!found.text)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a prompt.");
    *out = found;
    return true;
}

bool prompts_list(struct store *s, void (*visit)(const struct prompt_record *r, void *ctx), void *ctx,
                  struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT name, version, hash, created FROM prompts ORDER BY name, version DESC", err);
    bool row;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct prompt_record found = {0};
        read_columns(q, &found);
        visit(&found, ctx);
    }
    return false;
}
