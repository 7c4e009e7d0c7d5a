#include "store/evaluations.h"

#include "base/clock.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS                                                                                              \
    "id, suite, suite_hash, endpoint, model, version, baseline, source, cases, passed, verdict, created, "   \
    "who"
/* Positions 1 to 12, each but the last one twice: is it asked for, and is it so. */
#define WANTED                                                                                               \
    " (? = '' OR suite = ?) AND (? = '' OR suite_hash = ?) AND (? = '' OR endpoint = ?)"                     \
    " AND (? = '' OR model = ?) AND (? = 0 OR version = ?) AND cases >= ? AND (source <> 2 OR ? = 1) "

enum { FILTER_LAST = 12 };

const char *evaluation_verdict_name(enum evaluation_verdict verdict) {
    static const char *const names[] = {"pass", "worse", "not enough data"};
    return (size_t)verdict < ARRAY_COUNT(names) ? names[verdict] : "unknown";
}

const char *evaluation_source_name(enum evaluation_source source) {
    static const char *const names[] = {"version", "endpoint", "recorded"};
    return (size_t)source < ARRAY_COUNT(names) ? names[source] : "unknown";
}

void evaluation_record_clear(struct evaluation_record *r) {
    free(r->report);
    *r = (struct evaluation_record){0};
}

static void read_columns(sqlite3_stmt *q, struct evaluation_record *r) {
    str_put(sql_str_at(q, 0), r->id, sizeof r->id);
    str_put(sql_str_at(q, 1), r->suite, sizeof r->suite);
    str_put(sql_str_at(q, 2), r->suite_hash, sizeof r->suite_hash);
    str_put(sql_str_at(q, 3), r->endpoint, sizeof r->endpoint);
    str_put(sql_str_at(q, 4), r->model, sizeof r->model);
    r->version = (unsigned)sql_int_at(q, 5);
    str_put(sql_str_at(q, 6), r->baseline, sizeof r->baseline);
    r->source = (enum evaluation_source)sql_int_at(q, 7);
    r->cases = (unsigned)sql_int_at(q, 8);
    r->passed = (unsigned)sql_int_at(q, 9);
    r->verdict = (enum evaluation_verdict)sql_int_at(q, 10);
    r->created = sql_int_at(q, 11);
    str_put(sql_str_at(q, 12), r->who, sizeof r->who);
}

static bool insert(struct store *s, const struct evaluation_record *r, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "INSERT INTO evaluations (" COLUMNS ", report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->id));
    sql_bind_str(q, 2, str_from(r->suite));
    sql_bind_str(q, 3, str_from(r->suite_hash));
    sql_bind_str(q, 4, str_from(r->endpoint));
    sql_bind_str(q, 5, str_from(r->model));
    sql_bind_int(q, 6, r->version);
    sql_bind_str(q, 7, str_from(r->baseline));
    sql_bind_int(q, 8, r->source);
    sql_bind_int(q, 9, r->cases);
    sql_bind_int(q, 10, r->passed);
    sql_bind_int(q, 11, r->verdict);
    sql_bind_int(q, 12, r->created);
    sql_bind_str(q, 13, str_from(r->who));
    sql_bind_str(q, 14, str_from(r->report));
    return sql_run(s, q, err);
}

bool evaluations_add(struct store *s, struct evaluation_record *r, struct error *err) {
    r->created = clock_wall();
    id_make(r->created, r->id);
    if (!store_begin(s, true, err))
        return false;
    if (!insert(s, r, err)) {
        store_rollback(s);
        return false;
    }
    return store_commit(s, err);
}

bool evaluations_find(struct store *s, const char *id, struct evaluation_record *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT " COLUMNS ", report FROM evaluations WHERE id = ?", err);
    struct evaluation_record found = {0};
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(id));
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return fail(err, ERR_NOT_FOUND, "There is no evaluation \"%.40s\" in %s.", id, store_folder(s));
    read_columns(q, &found);
    found.report = str_dup(sql_str_at(q, 13));
    sql_end(q);
    if (!found.report)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading an evaluation.");
    *out = found;
    return true;
}

static void bind_filter(sqlite3_stmt *q, const struct evaluation_filter *f) {
    const char *const texts[] = {f->suite, f->suite_hash, f->endpoint, f->model};
    int at = 1;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        sql_bind_str(q, at++, str_from(texts[i]));
        sql_bind_str(q, at++, str_from(texts[i]));
    }
    sql_bind_int(q, at++, f->version);
    sql_bind_int(q, at++, f->version);
    sql_bind_int(q, at++, f->cases_min);
    sql_bind_int(q, at, f->recorded);
}

/* IDs sort by time. */
bool evaluations_latest_passing(struct store *s, const struct evaluation_filter *filter, bool *found,
                                struct evaluation_record *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT " COLUMNS " FROM evaluations AS passing WHERE" WANTED "AND verdict = 0 AND NOT EXISTS"
        " (SELECT 1 FROM evaluations AS later WHERE later.model = passing.model"
        " AND later.version = passing.version AND later.suite = passing.suite AND later.id > passing.id"
        " AND later.verdict = 1) ORDER BY id DESC LIMIT 1",
        err);
    bool row;
    if (!q)
        return false;
    bind_filter(q, filter);
    if (!sql_step(s, q, &row, err))
        return false;
    *found = row;
    *out = (struct evaluation_record){0};
    if (row) {
        read_columns(q, out);
        sql_end(q);
    }
    return true;
}

bool evaluations_list(struct store *s, const struct evaluation_filter *filter, unsigned limit,
                      void (*visit)(const struct evaluation_record *r, void *ctx), void *ctx,
                      struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT " COLUMNS " FROM evaluations WHERE" WANTED "ORDER BY id DESC LIMIT ?", err);
    bool row;
    if (!q)
        return false;
    bind_filter(q, filter);
    sql_bind_int(q, FILTER_LAST + 1, limit);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct evaluation_record r = {0};
        read_columns(q, &r);
        visit(&r, ctx);
    }
    return false;
}
