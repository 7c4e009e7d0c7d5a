#include "store/audit.h"

#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXTS = 7 };

void audit_mark_text(const struct audit_mark *mark, char out[AUDIT_MARK_SIZE]) {
    char hex[SHA256_HEX_SIZE];
    sha256_hex(mark->hash, hex);
    snprintf(out, AUDIT_MARK_SIZE, "%lld:%s", (long long)mark->number, hex);
}

bool audit_mark_parse(struct str text, struct audit_mark *out) {
    struct audit_mark mark;
    uint64_t number;
    struct str rest = text, digits = str_split(&rest, ':');
    if (!str_to_u64(digits, &number) || number > INT64_MAX || !sha256_from_hex(rest, mark.hash))
        return false;
    mark.number = (int64_t)number;
    *out = mark;
    return true;
}

/* ---- the hash ---- */

static void put_number(unsigned char *out, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

struct row {
    int64_t number, at, class;
    struct str texts[TEXTS]; /* id, endpoint, what, who, why, before, after */
};

static bool hash_row(const struct row *row, const unsigned char previous[SHA256_SIZE],
                     unsigned char out[SHA256_SIZE], struct error *err) {
    static const char tag[] = "penstock audit 1\n";
    enum { TAG = sizeof tag - 1, PREVIOUS = TAG, NUMBER = PREVIOUS + SHA256_SIZE, AT = NUMBER + 8 };
    enum { CLASS = AT + 8, CONTENT = CLASS + 1, SIZE = CONTENT + SHA256_SIZE };
    unsigned char bytes[SIZE], length[4];
    struct sha256 *content = sha256_begin();
    if (!content)
        return fail(err, ERR_NO_MEMORY, "Out of memory while hashing the audit log.");
    for (unsigned i = 0; i < TEXTS; i++) {
        put_number(length, row->texts[i].n, sizeof length);
        sha256_add(content, (struct str){(const char *)length, sizeof length});
        sha256_add(content, row->texts[i]);
    }
    memcpy(bytes, tag, TAG);
    memcpy(bytes + PREVIOUS, previous, SHA256_SIZE);
    put_number(bytes + NUMBER, (uint64_t)row->number, 8);
    put_number(bytes + AT, (uint64_t)row->at, 8);
    bytes[CLASS] = (unsigned char)row->class;
    sha256_end(content, bytes + CONTENT);
    sha256((struct str){(const char *)bytes, SIZE}, out);
    return true;
}

/* ---- writing ---- */

bool audit_head(struct store *s, struct audit_mark *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT number, hash FROM audit_head", err);
    bool row;
    if (!q || !sql_step(s, q, &row, err))
        return false;
    struct audit_mark head = {0};
    if (row) {
        struct str hash = sql_blob_at(q, 1);
        head.number = sql_int_at(q, 0);
        row = hash.n == SHA256_SIZE && head.number >= 0;
        if (row)
            memcpy(head.hash, hash.p, SHA256_SIZE);
        sql_end(q);
    }
    if (!row)
        return fail(err, ERR_STORE,
                    "The audit log's head in %s/store.db is missing or damaged: somebody wrote into the "
                    "database. Keep a copy of it and restore a backup.",
                    store_folder(s));
    *out = head;
    return true;
}

static bool move_head(struct store *s, const struct change *c, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "UPDATE audit_head SET number = ?, hash = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, c->number);
    sql_bind_blob(q, 2, c->hash, sizeof c->hash);
    return sql_run(s, q, err);
}

static bool insert(struct store *s, const struct row *row, const unsigned char hash[SHA256_SIZE],
                   struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO audit (number, at, class, hash, id, endpoint, what, who, why,"
                      " before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    sql_bind_int(q, 1, row->number);
    sql_bind_int(q, 2, row->at);
    sql_bind_int(q, 3, row->class);
    sql_bind_blob(q, 4, hash, SHA256_SIZE);
    for (int i = 0; i < TEXTS; i++)
        sql_bind_str(q, 5 + i, row->texts[i]);
    return sql_run(s, q, err);
}

static enum change_class class_of(struct str what) {
    static const struct {
        struct str prefix;
        enum change_class class;
    } known[] = {{STR("review."), CHANGE_DECISION},
                 {STR("approval."), CHANGE_DECISION},
                 {STR("key.used"), CHANGE_ACCESS},
                 {STR("session."), CHANGE_ACCESS}};
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_starts(what, known[i].prefix))
            return known[i].class;
    return CHANGE_CONFIGURATION;
}

static bool append(struct store *s, struct change *c, struct error *err) {
    struct audit_mark head;
    if (!audit_head(s, &head, err))
        return false;
    c->number = head.number + 1;
    c->class = class_of(str_from(c->what));
    struct row row = {.number = c->number,
                      .at = c->at,
                      .class = c->class,
                      .texts = {str_from(c->id), str_from(c->endpoint), str_from(c->what), str_from(c->who),
                                str_from(c->why), str_from(c->before), str_from(c->after)}};
    return hash_row(&row, head.hash, c->hash, err) && insert(s, &row, c->hash, err) && move_head(s, c, err);
}

bool audit_append(struct store *s, struct change *c, struct error *err) {
    if (store_in_transaction(s))
        return append(s, c, err);
    /* Between reading the head and moving it nobody else may. */
    if (!store_begin(s, true, err))
        return false;
    if (append(s, c, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

/* ---- verifying ---- */

static struct row read_row(sqlite3_stmt *q) {
    struct row row = {.number = sql_int_at(q, 0), .at = sql_int_at(q, 1), .class = sql_int_at(q, 2)};
    for (int i = 0; i < TEXTS; i++)
        row.texts[i] = sql_str_at(q, 4 + i);
    return row;
}

static void set_flaw(struct audit_flaw *flaw, int64_t number, const char *what) {
    flaw->found = true;
    flaw->number = number;
    snprintf(flaw->message, sizeof flaw->message, "row %lld %s", (long long)number, what);
}

/* Moves *at to the row that the statement stands at, or says what is wrong with it. */
static bool check_row(sqlite3_stmt *q, struct audit_mark *at, struct audit_flaw *flaw, struct error *err) {
    struct row row = read_row(q);
    struct str hash = sql_blob_at(q, 3);
    unsigned char expected[SHA256_SIZE];
    if (row.number < 1) {
        set_flaw(flaw, row.number, "was inserted: numbers begin with 1");
        return true;
    }
    if (row.number != at->number + 1) {
        set_flaw(flaw, at->number + 1, "is missing: it was removed");
        return true;
    }
    if (!hash_row(&row, at->hash, expected, err))
        return false;
    if (hash.n != SHA256_SIZE || memcmp(hash.p, expected, SHA256_SIZE) != 0) {
        set_flaw(flaw, row.number,
                 "does not follow from the one before it: it was altered, inserted or moved");
        return true;
    }
    at->number = row.number;
    memcpy(at->hash, expected, sizeof expected);
    return true;
}

/* Rows that were cut off at the end leave the noted head behind. */
static bool check_end(struct store *s, const struct audit_mark *at, struct audit_flaw *flaw,
                      struct error *err) {
    struct audit_mark head;
    struct error why;
    if (!audit_head(s, &head, &why)) {
        if (why.code != ERR_STORE)
            return fail(err, why.code, "%s", why.message);
        flaw->found = true;
        flaw->number = at->number + 1;
        snprintf(flaw->message, sizeof flaw->message,
                 "the noted head, which should be row %lld, is missing or damaged", (long long)at->number);
    } else if (head.number > at->number) {
        set_flaw(flaw, at->number + 1, "is missing: the end was cut off");
    } else if (head.number < at->number || memcmp(head.hash, at->hash, SHA256_SIZE) != 0) {
        set_flaw(flaw, at->number, "is not the noted head: it was inserted, or the head altered");
    }
    return true;
}

/* One view: what others append meanwhile is not half seen. */
static bool verify(struct store *s, struct audit_mark *at, unsigned most, bool *more, struct audit_flaw *flaw,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT number, at, class, hash, id, endpoint, what, who, why, before,"
                                    " after FROM audit WHERE number > ? ORDER BY number",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, at->number > 0 ? at->number : INT64_MIN);
    for (unsigned i = 0; !flaw->found; i++) {
        if (i == most) {
            *more = true;
            sql_end(q);
            return true;
        }
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return check_end(s, at, flaw, err);
        if (!check_row(q, at, flaw, err)) {
            sql_end(q);
            return false;
        }
    }
    sql_end(q);
    return true;
}

bool audit_verify(struct store *s, struct audit_mark *at, unsigned most, bool *more, struct audit_flaw *flaw,
                  struct error *err) {
    *more = false;
    *flaw = (struct audit_flaw){0};
    if (!store_view_begin(s, err))
        return false;
    bool good = verify(s, at, most, more, flaw, err);
    store_view_end(s);
    return good;
}

bool audit_has(struct store *s, const struct audit_mark *mark, struct audit_flaw *flaw, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT hash FROM audit WHERE number = ?", err);
    bool row;
    *flaw = (struct audit_flaw){0};
    if (mark->number == 0)
        return true;
    if (!q)
        return false;
    sql_bind_int(q, 1, mark->number);
    if (!sql_step(s, q, &row, err))
        return false;
    struct str hash = row ? sql_blob_at(q, 0) : STR("");
    if (!row)
        set_flaw(flaw, mark->number, "was noted elsewhere and is missing: the end was cut off");
    else if (hash.n != SHA256_SIZE || memcmp(hash.p, mark->hash, SHA256_SIZE) != 0)
        set_flaw(flaw, mark->number, "has another hash than was noted elsewhere: the chain was made anew");
    if (row)
        sql_end(q);
    return true;
}

/* ---- what was there before ---- */

static const char *text_at(sqlite3_stmt *q, int column) {
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text ? text : "";
}

bool audit_adopt(struct store *s, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT id, at, endpoint, what, who, why, before, after FROM changes"
                                    " ORDER BY at, rowid",
                                    err);
    bool row = q != NULL;
    if (!q)
        return false;
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            break;
        struct change c = {.at = sql_int_at(q, 1),
                           .endpoint = text_at(q, 2),
                           .what = text_at(q, 3),
                           .who = text_at(q, 4),
                           .why = text_at(q, 5),
                           .before = text_at(q, 6),
                           .after = text_at(q, 7)};
        snprintf(c.id, sizeof c.id, "%s", text_at(q, 0));
        if (!audit_append(s, &c, err)) {
            sql_end(q);
            return false;
        }
    }
    return sql_exec(s, "DROP TABLE changes", err);
}
