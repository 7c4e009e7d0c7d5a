#include "store/history.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/sql.h"

#include <stdio.h>

bool history_add(struct store *s, struct change *c, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO changes (id, at, endpoint, what, who, why, before, after)"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                                    err);
    if (!q)
        return false;
    c->at = clock_wall();
    id_make(c->at, c->id);
    sql_bind_str(q, 1, str_from(c->id));
    sql_bind_int(q, 2, c->at);
    sql_bind_str(q, 3, str_from(c->endpoint));
    sql_bind_str(q, 4, str_from(c->what));
    sql_bind_str(q, 5, str_from(c->who));
    sql_bind_str(q, 6, str_from(c->why));
    sql_bind_str(q, 7, str_from(c->before));
    sql_bind_str(q, 8, str_from(c->after));
    return sql_run(s, q, err);
}

bool history_note(struct store *s, const char *what, const char *object, struct error *err) {
    AUTO_BUF after = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&after);
    json_object(&w);
    json_field_text(&w, "object", object);
    json_object_end(&w);
    struct change c = {.endpoint = "",
                       .what = what,
                       .who = store_actor(s),
                       .why = "",
                       .before = "",
                       .after = buf_terminated(&after)};
    return c.after ? history_add(s, &c, err)
                   : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

static const char *text_at(sqlite3_stmt *q, int column) {
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text ? text : "";
}

bool history_list(struct store *s, const struct history_filter *filter,
                  void (*visit)(const struct change *c, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT id, at, endpoint, what, who, why, before, after FROM changes"
                                    " WHERE (?1 = '' OR endpoint = ?1) AND (?2 = '' OR what = ?2)"
                                    " AND (?3 = 0 OR at <= ?3) ORDER BY at DESC, rowid DESC LIMIT ?4",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(filter->endpoint));
    sql_bind_str(q, 2, str_from(filter->what));
    sql_bind_int(q, 3, filter->until);
    sql_bind_int(q, 4, filter->limit ? (int64_t)filter->limit : -1);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct change c = {.at = sql_int_at(q, 1),
                           .endpoint = text_at(q, 2),
                           .what = text_at(q, 3),
                           .who = text_at(q, 4),
                           .why = text_at(q, 5),
                           .before = text_at(q, 6),
                           .after = text_at(q, 7)};
        snprintf(c.id, sizeof c.id, "%s", text_at(q, 0));
        visit(&c, ctx);
    }
    return false;
}
