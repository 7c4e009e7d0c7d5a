#include "store/history.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/audit.h"
#include "store/sql.h"

#include <stdio.h>

static const char *const class_names[CHANGE_CLASSES] = {"configuration", "decision", "access"};

const char *change_class_name(enum change_class class) {
    return (unsigned)class < CHANGE_CLASSES ? class_names[class] : "unknown";
}

bool change_class_parse(struct str name, enum change_class *out) {
    for (unsigned i = 0; i < CHANGE_CLASSES; i++)
        if (str_eq(name, str_from(class_names[i]))) {
            *out = (enum change_class)i;
            return true;
        }
    return false;
}

bool history_add(struct store *s, struct change *c, struct error *err) {
    c->at = clock_wall();
    id_make(c->at, c->id);
    return audit_append(s, c, err);
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

#define COLUMNS                                                                                              \
    "SELECT id, at, endpoint, what, who, why, before, after, number, class, hash FROM audit"                 \
    " WHERE (?1 = '' OR endpoint = ?1) AND (?2 = '' OR what = ?2) AND (?3 = '' OR who = ?3)"                 \
    " AND at >= ?4 AND (?5 = 0 OR at <= ?5) AND (?6 = 0 OR number < ?6)"

/* One text each for what an index serves. */
static const char *list_query(const struct history_filter *f) {
    if (f->endpoint && f->what)
        return COLUMNS " AND endpoint = ?1 AND what = ?2 ORDER BY at DESC, number DESC LIMIT ?7";
    if (f->class == CHANGE_ANY)
        return COLUMNS " ORDER BY number DESC LIMIT ?7";
    return COLUMNS " AND class = ?8 ORDER BY number DESC LIMIT ?7";
}

static struct change read_change(sqlite3_stmt *q) {
    struct change c = {.at = sql_int_at(q, 1),
                       .endpoint = text_at(q, 2),
                       .what = text_at(q, 3),
                       .who = text_at(q, 4),
                       .why = text_at(q, 5),
                       .before = text_at(q, 6),
                       .after = text_at(q, 7),
                       .number = sql_int_at(q, 8),
                       .class = (enum change_class)sql_int_at(q, 9)};
    struct str hash = sql_blob_at(q, 10);
    snprintf(c.id, sizeof c.id, "%s", text_at(q, 0));
    memcpy(c.hash, hash.p, hash.n < SHA256_SIZE ? hash.n : SHA256_SIZE);
    return c;
}

bool history_list(struct store *s, const struct history_filter *filter,
                  void (*visit)(const struct change *c, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, list_query(filter), err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(filter->endpoint));
    sql_bind_str(q, 2, str_from(filter->what));
    sql_bind_str(q, 3, str_from(filter->who));
    sql_bind_int(q, 4, filter->since);
    sql_bind_int(q, 5, filter->until);
    sql_bind_int(q, 6, filter->before);
    sql_bind_int(q, 7, filter->limit ? (int64_t)filter->limit : -1);
    if (filter->class != CHANGE_ANY && !(filter->endpoint && filter->what))
        sql_bind_int(q, 8, filter->class);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct change c = read_change(q);
        visit(&c, ctx);
    }
    return false;
}
