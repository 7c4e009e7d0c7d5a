#include "store/endpoint_states.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/history.h"
#include "store/sql.h"

#include <string.h>

bool endpoint_state_get(struct store *s, const char *endpoint, const char *name, struct endpoint_state *out,
                        struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT value, at, who, why FROM endpoint_states WHERE endpoint = ? AND name = ?", err);
    bool row;
    *out = (struct endpoint_state){0};
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_str(q, 2, str_from(name));
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    str_put(sql_str_at(q, 0), out->value, sizeof out->value);
    out->at = sql_int_at(q, 1);
    str_put(sql_str_at(q, 2), out->who, sizeof out->who);
    str_put(sql_str_at(q, 3), out->why, sizeof out->why);
    sql_end(q);
    return true;
}

static bool put(struct store *s, const char *endpoint, const char *name, const char *value, const char *who,
                const char *why, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT OR REPLACE INTO endpoint_states"
                                    " (endpoint, name, value, at, who, why) VALUES (?, ?, ?, ?, ?, ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_str(q, 2, str_from(name));
    sql_bind_str(q, 3, str_from(value));
    sql_bind_int(q, 4, clock_wall());
    sql_bind_str(q, 5, str_from(who));
    sql_bind_str(q, 6, str_from(why));
    return sql_run(s, q, err);
}

static void write_value(struct buf *out, const char *value) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "value", value);
    json_object_end(&w);
}

static bool note(struct store *s, const char *endpoint, const char *name, const char *was, const char *value,
                 const char *who, const char *why, struct error *err) {
    AUTO_BUF before = BUF_INIT(256);
    AUTO_BUF after = BUF_INIT(256);
    write_value(&before, was);
    write_value(&after, value);
    struct change c = {.endpoint = endpoint,
                       .what = name,
                       .who = who,
                       .why = why,
                       .before = buf_terminated(&before),
                       .after = buf_terminated(&after)};
    return c.before && c.after ? history_add(s, &c, err)
                               : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

static bool set(struct store *s, const char *endpoint, const char *name, const char *value, const char *who,
                const char *why, struct error *err) {
    struct endpoint_state was;
    if (!endpoint_state_get(s, endpoint, name, &was, err))
        return false;
    return (strcmp(was.value, value) == 0 && strcmp(was.why, why) == 0) ||
           (put(s, endpoint, name, value, who, why, err) &&
            note(s, endpoint, name, was.value[0] ? was.value : "auto", value, who, why, err) &&
            store_note_change(s, err));
}

bool endpoint_state_set(struct store *s, const char *endpoint, const char *name, const char *value,
                        const char *who, const char *why, struct error *err) {
    struct endpoint_state room;
    if (strlen(who) >= sizeof room.who || strlen(why) >= sizeof room.why)
        return fail_at(err, ERR_INVALID_FIELD, "reason", "The reason has at most %zu bytes.",
                       sizeof room.why - 1);
    if (!store_begin(s, true, err))
        return false;
    if (set(s, endpoint, name, value, who, why, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}
