#include "store/tags.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"

#include <ctype.h>
#include <stdio.h>

static bool good_key(struct str key) {
    bool ok = key.n > 0 && key.n <= TAG_KEY_MAX;
    for (size_t i = 0; ok && i < key.n; i++)
        ok = isalnum((unsigned char)key.p[i]) || (key.p[i] && strchr("-_./", key.p[i]));
    return ok;
}

bool tag_parse(struct str text, bool remove, struct tag *out, struct error *err) {
    struct str value = text, key = str_split(&value, '=');
    if (remove ? key.n < text.n : key.n == text.n)
        return fail(err, ERR_USAGE, "\"%.80s\": expected %s.", text.n ? text.p : "",
                    remove ? "KEY" : "KEY=VALUE");
    if (!good_key(key))
        return fail(err, ERR_USAGE, "\"%.*s\" is no tag's key; use 1 to %d letters, digits, - _ . and /",
                    (int)(key.n > 80 ? 80 : key.n), key.p, TAG_KEY_MAX);
    if (value.n > TAG_VALUE_MAX || !str_is_utf8(value, NULL) || str_has_control(value))
        return fail(
            err, ERR_USAGE,
            "The value of the tag \"%.*s\" is no text of at most %d bytes without control characters.",
            STR_ARG(key), TAG_VALUE_MAX);
    str_put(key, out->key, sizeof out->key);
    str_put(remove ? STR("") : value, out->value, sizeof out->value);
    out->removed = remove;
    return true;
}

static bool bind_subject(sqlite3_stmt *q, enum tag_subject subject, const char *name, unsigned version) {
    if (!q)
        return false;
    sql_bind_int(q, 1, subject);
    sql_bind_str(q, 2, str_from(name));
    sql_bind_int(q, 3, version);
    return true;
}

/* Does the newest row say the same already? */
static bool says_so(struct store *s, const struct tag *tag, bool *out, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT value FROM tags WHERE subject = ? AND name = ? AND version = ? AND key = ?"
                      " ORDER BY id DESC LIMIT 1",
                      err);
    bool row;
    if (!bind_subject(q, tag->subject, tag->name, tag->version))
        return false;
    sql_bind_str(q, 4, str_from(tag->key));
    if (!sql_step(s, q, &row, err))
        return false;
    if (row)
        *out = tag->removed ? sql_null_at(q, 0)
                            : !sql_null_at(q, 0) && str_eq(sql_str_at(q, 0), str_from(tag->value));
    else
        *out = tag->removed;
    if (row)
        sql_end(q);
    return true;
}

static bool check_room(struct store *s, const struct tag *tag, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT count(DISTINCT key) FROM tags WHERE subject = ? AND name = ? AND version = ? AND key <> ?",
        err);
    bool row;
    if (!bind_subject(q, tag->subject, tag->name, tag->version))
        return false;
    sql_bind_str(q, 4, str_from(tag->key));
    if (!sql_step(s, q, &row, err))
        return false;
    int64_t keys = row ? sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    return keys < TAGS_MAX ||
           fail(err, ERR_USAGE, "%s has %d tags already, the most that there may be.", tag->name, TAGS_MAX);
}

static bool insert(struct store *s, const struct tag *tag, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "INSERT INTO tags (subject, name, version, key, value, created) VALUES (?, ?, ?, ?, ?, ?)", err);
    if (!bind_subject(q, tag->subject, tag->name, tag->version))
        return false;
    sql_bind_str(q, 4, str_from(tag->key));
    if (tag->removed)
        sql_bind_null(q, 5);
    else
        sql_bind_str(q, 5, str_from(tag->value));
    sql_bind_int(q, 6, tag->created ? tag->created : clock_wall());
    char object[REFERENCE_SIZE + TAG_KEY_MAX + TAG_VALUE_MAX + 16], version[16] = "";
    if (tag->version)
        snprintf(version, sizeof version, "@%u", tag->version);
    snprintf(object, sizeof object, "%s%s: %s%s%s", tag->name, version, tag->key, tag->removed ? "" : "=",
             tag->removed ? "" : tag->value);
    return sql_run(s, q, err) && history_note(s, tag->removed ? "tag.removed" : "tag.set", object, err);
}

bool tags_set(struct store *s, const struct tag *tag, bool *changed, struct error *err) {
    bool same = false;
    if (!store_begin(s, true, err))
        return false;
    if (!says_so(s, tag, &same, err) || (!same && (!check_room(s, tag, err) || !insert(s, tag, err)))) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    *changed = !same;
    return true;
}

bool tags_visit(struct store *s, enum tag_subject subject, const char *name, unsigned version, bool history,
                void (*visit)(const struct tag *tag, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT key, value, created FROM tags WHERE subject = ? AND name = ? AND version = ?"
                      " ORDER BY key, id DESC",
                      err);
    struct tag tag = {.subject = subject, .version = version};
    bool row;
    if (!bind_subject(q, subject, name, version))
        return false;
    str_put(str_from(name), tag.name, sizeof tag.name);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        tag.superseded = str_eq(sql_str_at(q, 0), str_from(tag.key));
        str_put(sql_str_at(q, 0), tag.key, sizeof tag.key);
        str_put(sql_str_at(q, 1), tag.value, sizeof tag.value);
        tag.removed = sql_null_at(q, 1);
        tag.created = sql_int_at(q, 2);
        if (history || !(tag.superseded || tag.removed))
            visit(&tag, ctx);
    }
    return false;
}

static void write_tag(const struct tag *tag, void *ctx) {
    struct json_writer *w = ctx;
    json_text(w, tag->key);
    buf_add_char(w->out, ':');
    w->comma = false;
    json_text(w, tag->value);
}

bool tags_write(struct store *s, enum tag_subject subject, const char *name, unsigned version,
                struct json_writer *w, struct error *err) {
    json_key(w, "tags");
    json_object(w);
    if (!tags_visit(s, subject, name, version, false, write_tag, w, err))
        return false;
    json_object_end(w);
    return true;
}
