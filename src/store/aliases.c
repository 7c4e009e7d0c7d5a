#include "store/aliases.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/history.h"
#include "store/sql.h"

#include <ctype.h>
#include <stdio.h>

bool alias_is_name(struct str alias) {
    bool good = alias.n > 0 && alias.n <= ALIAS_MAX && islower((unsigned char)alias.p[0]);
    for (size_t i = 0; good && i < alias.n; i++) {
        unsigned char c = (unsigned char)alias.p[i];
        good = islower(c) || isdigit(c) || c == '-' || c == '_';
    }
    return good;
}

bool aliases_own(struct store *s, const char *model, const char *endpoint, const char *alias,
                 unsigned *version, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT version FROM aliases WHERE model = ? AND alias = ? AND endpoint = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    sql_bind_str(q, 2, str_from(alias));
    sql_bind_str(q, 3, str_from(endpoint));
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? (unsigned)sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return true;
}

enum { NAMED_MAX = 4 };

/* Of what the endpoints say: the one version, and the sentence for when they differ. */
struct agreement {
    unsigned version;
    bool differs;
    unsigned named;
    struct buf text;
};

static void hear(struct agreement *a, const char *model, unsigned version, struct str endpoint) {
    a->differs |= a->version != 0 && a->version != version;
    a->version = version;
    if (a->named++ < NAMED_MAX)
        buf_printf(&a->text, "%s%s@%u at \"%.*s\"", a->named > 1 ? ", " : "", model, version,
                   STR_ARG(endpoint));
}

static bool ask_endpoints(struct store *s, const char *model, const char *alias, struct agreement *a,
                          struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT version, endpoint FROM aliases"
                                    " WHERE model = ? AND alias = ? AND endpoint <> '' ORDER BY endpoint",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    sql_bind_str(q, 2, str_from(alias));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        hear(a, model, (unsigned)sql_int_at(q, 0), sql_str_at(q, 1));
    }
    return false;
}

/* Of no endpoint in particular. */
static bool find_anywhere(struct store *s, const char *model, const char *alias, unsigned *version,
                          struct error *err) {
    struct agreement a = {.text = BUF_INIT(4096)};
    bool good = ask_endpoints(s, model, alias, &a, err);
    if (good && a.differs)
        good = fail(err, ERR_CONFLICT, "%s@%s is %s%s; name the endpoint or the version.", model, alias,
                    buf_terminated(&a.text) ? a.text.p : "not the same everywhere",
                    a.named > NAMED_MAX ? ", …" : "");
    buf_free(&a.text);
    if (!good)
        return false;
    *version = a.version;
    return a.version || aliases_own(s, model, "", alias, version, err);
}

bool aliases_find(struct store *s, const char *model, const char *endpoint, const char *alias,
                  unsigned *version, struct error *err) {
    if (!endpoint)
        return find_anywhere(s, model, alias, version, err);
    return aliases_own(s, model, endpoint, alias, version, err) &&
           (*version || aliases_own(s, model, "", alias, version, err));
}

static bool write(struct store *s, const struct alias *a, struct error *err) {
    sqlite3_stmt *q =
        a->version
            ? sql_statement(
                  s,
                  "INSERT INTO aliases (model, alias, endpoint, version, changed) VALUES (?1, ?2, ?3, ?4, ?5)"
                  " ON CONFLICT (model, alias, endpoint) DO UPDATE SET version = ?4, changed = ?5",
                  err)
            : sql_statement(s, "DELETE FROM aliases WHERE model = ?1 AND alias = ?2 AND endpoint = ?3", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(a->model));
    sql_bind_str(q, 2, str_from(a->name));
    sql_bind_str(q, 3, str_from(a->endpoint));
    if (a->version) {
        sql_bind_int(q, 4, a->version);
        sql_bind_int(q, 5, clock_wall());
    }
    return sql_run(s, q, err);
}

static void describe(struct buf *out, const struct alias *a, unsigned version) {
    char reference[REFERENCE_SIZE];
    struct json_writer w = JSON_WRITER(out);
    snprintf(reference, sizeof reference, "%s@%u", a->model, version);
    json_object(&w);
    json_field_text(&w, "model", a->model);
    json_field_text(&w, "alias", a->name);
    json_field_text(&w, "endpoint", *a->endpoint ? a->endpoint : NULL);
    json_field_text(&w, "version", version ? reference : NULL);
    json_object_end(&w);
}

static bool change(struct store *s, const struct alias *a, unsigned before, const char *who, const char *why,
                   struct error *err) {
    AUTO_BUF from = BUF_INIT(1024);
    AUTO_BUF to = BUF_INIT(1024);
    if (before)
        describe(&from, a, before);
    describe(&to, a, a->version);
    struct change c = {.endpoint = a->endpoint,
                       .what = a->version ? "alias.set" : "alias.removed",
                       .who = who,
                       .why = why,
                       .before = before ? buf_terminated(&from) : "",
                       .after = buf_terminated(&to)};
    if (!c.before || !c.after)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
    return write(s, a, err) && history_add(s, &c, err) && store_note_change(s, err);
}

static bool set_one(struct store *s, const struct alias *a, const char *who, const char *why,
                    struct error *err) {
    unsigned before;
    return aliases_own(s, a->model, a->endpoint, a->name, &before, err) &&
           (before == a->version || change(s, a, before, who, why, err));
}

/* *endpoint: one that has that alias of its own; "" when none is left. */
static bool any_endpoint(struct store *s, const struct alias *a, char endpoint[REFERENCE_NAME_MAX + 1],
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT endpoint FROM aliases WHERE model = ? AND alias = ? AND endpoint <> '' LIMIT 1", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(a->model));
    sql_bind_str(q, 2, str_from(a->name));
    if (!sql_step(s, q, &row, err))
        return false;
    str_put(row ? sql_str_at(q, 0) : STR(""), endpoint, REFERENCE_NAME_MAX + 1);
    if (row)
        sql_end(q);
    return true;
}

static bool end_those_of_endpoints(struct store *s, const struct alias *a, const char *who, const char *why,
                                   struct error *err) {
    char endpoint[REFERENCE_NAME_MAX + 1];
    for (;;) {
        if (!any_endpoint(s, a, endpoint, err))
            return false;
        if (!*endpoint)
            return true;
        if (!set_one(s, &(struct alias){a->model, a->name, endpoint, 0, 0}, who, why, err))
            return false;
    }
}

bool aliases_set(struct store *s, const struct alias *a, const char *who, const char *why,
                 struct error *err) {
    if (*a->endpoint && !reference_check_name(str_from(a->endpoint), "endpoint", err))
        return false;
    if (!store_begin(s, true, err))
        return false;
    if ((*a->endpoint || end_those_of_endpoints(s, a, who, why, err)) && set_one(s, a, who, why, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

bool aliases_there(struct store *s, const struct alias *a, bool *there, struct error *err) {
    char endpoint[REFERENCE_NAME_MAX + 1] = "";
    unsigned version;
    if (!aliases_own(s, a->model, a->endpoint, a->name, &version, err) ||
        (!version && !*a->endpoint && !any_endpoint(s, a, endpoint, err)))
        return false;
    *there = version || *endpoint;
    return true;
}

bool aliases_list(struct store *s, const struct alias_filter *filter,
                  void (*visit)(const struct alias *a, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT model, alias, endpoint, version, changed FROM aliases"
                                    " WHERE (?1 = '' OR model = ?1) AND (?2 = '' OR endpoint = ?2)"
                                    " ORDER BY model, alias, endpoint",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(filter->model));
    sql_bind_str(q, 2, str_from(filter->endpoint));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        char name[REFERENCE_NAME_MAX + 1], alias[ALIAS_MAX + 1], endpoint[REFERENCE_NAME_MAX + 1];
        str_put(sql_str_at(q, 0), name, sizeof name);
        str_put(sql_str_at(q, 1), alias, sizeof alias);
        str_put(sql_str_at(q, 2), endpoint, sizeof endpoint);
        visit(&(struct alias){name, alias, endpoint, (unsigned)sql_int_at(q, 3), sql_int_at(q, 4)}, ctx);
    }
    return false;
}
