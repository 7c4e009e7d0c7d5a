#include "store/suites.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdlib.h>

#define COLUMNS "name, version, hash, created, files"

enum { FILES_TEXT_MAX = 64 << 10 };

bool suite_file_check(struct str name, struct error *err) {
    bool good = name.n > 0 && name.n <= SUITE_FILE_NAME_MAX && str_is_utf8(name, NULL) &&
                !str_has_control(name) && name.p[name.n - 1] != '/';
    for (struct str rest = name; good && rest.n;) {
        struct str part = str_split(&rest, '/');
        good = part.n > 0 && !str_eq(part, STR(".")) && !str_eq(part, STR(".."));
    }
    return good || fail(err, ERR_DATA,
                        "\"%.*s\" is no file beside a suite's own: expected at most %d bytes, and no way out "
                        "of its folder.",
                        (int)(name.n > 80 ? 80 : name.n), name.n ? name.p : "", SUITE_FILE_NAME_MAX);
}

void suite_files_write(const struct suite_record *r, struct json_writer *w) {
    json_array(w);
    for (size_t i = 0; i < r->file_count; i++) {
        json_object(w);
        json_field_text(w, "name", r->files[i].name);
        json_field_text(w, "sha256", r->files[i].hash);
        json_field_int(w, "size", (int64_t)r->files[i].size);
        json_object_end(w);
    }
    json_array_end(w);
}

static bool read_file(struct suite_file *f, yyjson_val *item, struct error *err) {
    struct str name = json_str_of(yyjson_obj_get(item, "name"));
    unsigned char digest[SHA256_SIZE];
    yyjson_val *size = yyjson_obj_get(item, "size");
    if (!name.p || !sha256_from_hex(json_str_of(yyjson_obj_get(item, "sha256")), digest) ||
        !yyjson_is_uint(size) || yyjson_get_uint(size) > INT64_MAX)
        return fail(err, ERR_DATA, "A suite's file has no name, hash and size.");
    if (!suite_file_check(name, err))
        return false;
    str_put(name, f->name, sizeof f->name);
    sha256_hex(digest, f->hash);
    f->size = yyjson_get_uint(size);
    return true;
}

bool suite_files_read(struct suite_record *r, yyjson_val *list, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0 || yyjson_arr_size(list) > SUITE_FILES_MAX)
        return fail(err, ERR_DATA, "A suite has 1 to %d files.", SUITE_FILES_MAX);
    yyjson_arr_foreach(list, index, max, item) if (!read_file(&r->files[index], item, err)) return false;
    r->file_count = yyjson_arr_size(list);
    return true;
}

static bool read_columns(sqlite3_stmt *q, struct suite_record *r, struct error *err) {
    *r = (struct suite_record){.version = (unsigned)sql_int_at(q, 1), .created = sql_int_at(q, 3)};
    str_put(sql_str_at(q, 0), r->name, sizeof r->name);
    str_put(sql_str_at(q, 2), r->hash, sizeof r->hash);
    yyjson_doc *doc = json_parse(sql_str_at(q, 4), err);
    bool good = doc && suite_files_read(r, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    return good || fail_within(err, "The suite %s@%u", r->name, r->version);
}

/* ---- adding ---- */

/* The number of the version with this hash, the wanted one first; 0: none has it. */
static bool version_with(struct store *s, const struct suite_record *r, int64_t *version, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT version FROM suites WHERE name = ? AND hash = ?"
                                    " ORDER BY CASE WHEN version = ? THEN 0 ELSE version END LIMIT 1",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_str(q, 2, str_from(r->hash));
    sql_bind_int(q, 3, r->version);
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return true;
}

static bool insert(struct store *s, const struct suite_record *r, struct error *err) {
    AUTO_BUF files = BUF_INIT(FILES_TEXT_MAX);
    struct json_writer w = JSON_WRITER(&files);
    suite_files_write(r, &w);
    if (files.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a suite.");
    sqlite3_stmt *q = sql_statement(s, "INSERT INTO suites (" COLUMNS ") VALUES (?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->name));
    sql_bind_int(q, 2, r->version);
    sql_bind_str(q, 3, str_from(r->hash));
    sql_bind_int(q, 4, r->created);
    sql_bind_str(q, 5, buf_str(&files));
    char object[REFERENCE_SIZE];
    snprintf(object, sizeof object, "%s@%u", r->name, r->version);
    return sql_run(s, q, err) && history_note(s, "suite.added", object, err);
}

bool suites_restore(struct store *s, struct suite_record *r, bool *added, struct error *err) {
    unsigned wanted = r->version, free_number = wanted;
    int64_t there;
    if (!reference_check_name(str_from(r->name), "suite", err) || !version_with(s, r, &there, err) ||
        !reference_free_version(
            s,
            "SELECT max(version), max(CASE WHEN version = ?2 THEN 1 ELSE 0 END) FROM suites"
            " WHERE name = ?1",
            str_from(r->name), &free_number, err))
        return false;
    *added = there == 0 || (wanted && there != wanted && free_number == wanted);
    r->version = *added ? free_number : (unsigned)there;
    return !*added || insert(s, r, err);
}

bool suites_add(struct store *s, struct suite_record *r, bool *added, struct error *err) {
    r->version = 0;
    r->created = clock_wall();
    if (!store_begin(s, true, err))
        return false;
    if (suites_restore(s, r, added, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

/* ---- finding ---- */

bool suites_find(struct store *s, const char *name, unsigned version, struct suite_record *out,
                 struct error *err) {
    bool row;
    if (!reference_check_name(str_from(name), "suite", err))
        return false;
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT " COLUMNS
                      " FROM suites WHERE name = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(name));
    sql_bind_int(q, 2, version);
    sql_bind_int(q, 3, version);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return reference_not_found(s, "SELECT name, max(version) FROM suites GROUP BY name", "suite",
                                   str_from(name), version, err);
    bool good = read_columns(q, out, err);
    sql_end(q);
    return good;
}

typedef void visitor(const struct suite_record *r, void *ctx);

static bool visit_all(struct store *s, sqlite3_stmt *q, visitor *visit, void *ctx, struct error *err) {
    struct suite_record *r = malloc(sizeof *r);
    bool row = true, good = r || fail(err, ERR_NO_MEMORY, "Out of memory for a suite.");
    while (good && (good = sql_step(s, q, &row, err)) && row) {
        good = read_columns(q, r, err);
        if (good)
            visit(r, ctx);
        else
            sql_end(q);
    }
    free(r);
    return good;
}

bool suites_list(struct store *s, visitor *visit, void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT " COLUMNS " FROM suites ORDER BY name, version DESC", err);
    return q && visit_all(s, q, visit, ctx, err);
}

bool suites_of_version(struct store *s, const char *model, unsigned version, visitor *visit, void *ctx,
                       struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT " COLUMNS " FROM suites s WHERE EXISTS (SELECT 1 FROM evaluations e WHERE"
                      " e.model = ? AND e.version = ? AND e.suite = s.name AND e.suite_hash = s.hash)"
                      " ORDER BY name, version",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    sql_bind_int(q, 2, version);
    return visit_all(s, q, visit, ctx, err);
}
