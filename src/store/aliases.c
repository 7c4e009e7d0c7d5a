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

bool aliases_find(struct store *s, const char *model, const char *alias, unsigned *version,
                  struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT version FROM aliases WHERE model = ? AND alias = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    sql_bind_str(q, 2, str_from(alias));
    if (!sql_step(s, q, &row, err))
        return false;
    *version = row ? (unsigned)sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return true;
}

static bool write(struct store *s, const char *model, const char *alias, unsigned version,
                  struct error *err) {
    sqlite3_stmt *q =
        version ? sql_statement(s,
                                "INSERT INTO aliases (model, alias, version, changed) VALUES (?1, ?2, ?3, ?4)"
                                " ON CONFLICT (model, alias) DO UPDATE SET version = ?3, changed = ?4",
                                err)
                : sql_statement(s, "DELETE FROM aliases WHERE model = ?1 AND alias = ?2", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    sql_bind_str(q, 2, str_from(alias));
    if (version) {
        sql_bind_int(q, 3, version);
        sql_bind_int(q, 4, clock_wall());
    }
    return sql_run(s, q, err);
}

static void describe(struct buf *out, const char *model, const char *alias, unsigned version) {
    char reference[REFERENCE_SIZE];
    struct json_writer w = JSON_WRITER(out);
    snprintf(reference, sizeof reference, "%s@%u", model, version);
    json_object(&w);
    json_field_text(&w, "model", model);
    json_field_text(&w, "alias", alias);
    json_field_text(&w, "version", version ? reference : NULL);
    json_object_end(&w);
}

static bool change(struct store *s, const char *model, const char *alias, unsigned before, unsigned version,
                   const char *who, const char *why, struct error *err) {
    AUTO_BUF from = BUF_INIT(1024);
    AUTO_BUF to = BUF_INIT(1024);
    if (before)
        describe(&from, model, alias, before);
    describe(&to, model, alias, version);
    struct change c = {.endpoint = "",
                       .what = version ? "alias.set" : "alias.removed",
                       .who = who,
                       .why = why,
                       .before = before ? buf_terminated(&from) : "",
                       .after = buf_terminated(&to)};
    if (!c.before || !c.after)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
    return write(s, model, alias, version, err) && history_add(s, &c, err) && store_note_change(s, err);
}

bool aliases_set(struct store *s, const char *model, const char *alias, unsigned version, const char *who,
                 const char *why, struct error *err) {
    unsigned before;
    if (!store_begin(s, true, err))
        return false;
    if (aliases_find(s, model, alias, &before, err) &&
        (before == version || change(s, model, alias, before, version, who, why, err)))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

bool aliases_list(struct store *s, const char *model,
                  void (*visit)(const char *model, const char *alias, unsigned version, int64_t changed,
                                void *ctx),
                  void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT model, alias, version, changed FROM aliases"
                                    " WHERE ?1 = '' OR model = ?1 ORDER BY model, alias",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(model));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        char name[REFERENCE_NAME_MAX + 1], alias[ALIAS_MAX + 1];
        str_put(sql_str_at(q, 0), name, sizeof name);
        str_put(sql_str_at(q, 1), alias, sizeof alias);
        visit(name, alias, (unsigned)sql_int_at(q, 2), sql_int_at(q, 3), ctx);
    }
    return false;
}
