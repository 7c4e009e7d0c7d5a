#include "watch/forget.h"

#include "base/clock.h"
#include "base/ids.h"
#include "store/history.h"
#include "store/keys.h"
#include "store/sql.h"
#include "watch/forget_page.h"

#include <stdlib.h>

enum { PAGES_AT_ONCE = 8, ROW_MAX = 8192, LIST_MAX = 1000, WHY_MAX = 500, WHO_SIZE = 128 };

struct forget_row {
    char id[ID_SIZE], who[WHO_SIZE];
    struct forget_person person;
    int64_t page, last;
    struct forget_counts counts;
};

/* ---- asking ---- */

static bool check(const struct forget_wish *wish, struct error *err) {
    if (!wish->subject.n == !wish->client.n)
        return fail_at(err, ERR_MISSING_FIELD, "subject",
                       "Name either a subject (an end user's ID) or a client.");
    if (wish->subject.n > SUBJECT_TEXT_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "subject", "A subject's ID has at most %d bytes.",
                       SUBJECT_TEXT_MAX);
    if (wish->client.n > CLIENT_NAME_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "client", "A client's name has at most %d bytes.",
                       CLIENT_NAME_MAX);
    if (wish->why.n > WHY_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "why", "The reason has at most %d bytes.", WHY_MAX);
    return true;
}

static bool person_of(struct store *s, struct str subject, struct str client, struct forget_person *out,
                      struct error *err) {
    unsigned char secret[SUBJECT_SECRET_SIZE];
    struct forget_person p = {.has_subject = subject.n > 0};
    if (p.has_subject && !subject_secret(s, secret, err))
        return false;
    if (p.has_subject)
        subject_hash(secret, subject, p.subject);
    str_put(client, p.client, sizeof p.client);
    *out = p;
    return true;
}

/* Who it is about, without the ID. */
static void write_person(const struct forget_person *p, struct json_writer *w) {
    char hex[SUBJECT_HEX_SIZE];
    if (p->has_subject) {
        subject_hex(p->subject, hex);
        json_field_text(w, "subject_hash", hex);
    } else {
        json_field_text(w, "client", p->client);
    }
}

void forget_write_counts(const struct forget_counts *c, struct json_writer *w) {
    json_object(w);
    json_field_int(w, "records", c->records);
    json_field_int(w, "inputs", c->inputs);
    json_field_int(w, "bytes", c->bytes);
    json_field_int(w, "reviews", c->reviews);
    json_field_int(w, "feedback", c->feedback);
    json_field_int(w, "responses", c->responses);
    json_field_int(w, "conversations", c->conversations);
    json_field_int(w, "spend", c->spend);
    json_object_end(w);
}

static bool note(struct store *s, const char *what, const struct forget_row *row, bool counts,
                 const char *why, struct error *err) {
    AUTO_BUF after = BUF_INIT(ROW_MAX);
    struct json_writer w = JSON_WRITER(&after);
    json_object(&w);
    json_field_text(&w, "forget", row->id);
    write_person(&row->person, &w);
    if (counts) {
        json_key(&w, "removed");
        forget_write_counts(&row->counts, &w);
    }
    json_object_end(&w);
    struct change c = {.endpoint = "",
                       .what = what,
                       .who = row->who,
                       .why = why,
                       .before = "",
                       .after = buf_terminated(&after)};
    return c.after ? history_add(s, &c, err)
                   : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

static bool insert(struct store *s, const struct forget_row *row, struct str why, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO forgets (id, subject, client, who, why, asked, finished, page, last,"
                      " records, inputs, bytes, reviews, feedback, responses, conversations, spend)"
                      " VALUES (?, ?, ?, ?, ?, ?, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, ?)",
                      err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(row->id));
    if (row->person.has_subject)
        sql_bind_blob(q, 2, row->person.subject, SUBJECT_SIZE);
    else
        sql_bind_null(q, 2);
    sql_bind_str(q, 3, str_from(row->person.client));
    sql_bind_str(q, 4, str_from(row->who));
    sql_bind_str(q, 5, why);
    sql_bind_int(q, 6, clock_wall());
    sql_bind_int(q, 7, row->counts.spend);
    return sql_run(s, q, err);
}

bool forget_ask(struct store *s, const struct forget_wish *wish, struct buf *out, struct error *err) {
    struct forget_row row = {0};
    char why[WHY_MAX + 1];
    if (!check(wish, err) || !person_of(s, wish->subject, wish->client, &row.person, err))
        return false;
    id_make(clock_wall(), row.id);
    str_put(wish->who, row.who, sizeof row.who);
    str_put(wish->why, why, sizeof why);
    if (!store_begin(s, true, err))
        return false;
    if (forget_spend(s, &row.person, wish->subject, &row.counts, err) && insert(s, &row, wish->why, err) &&
        note(s, "forget.asked", &row, false, why, err) && forget_show(s, str_from(row.id), out, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

/* ---- a piece ---- */

/* The oldest that is not finished; an empty ID: none. */
static bool next_open(struct store *s, struct forget_row *row, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT id, subject, client, who, page, last, records, inputs, bytes,"
                                    " reviews, feedback, responses, conversations, spend FROM forgets"
                                    " WHERE finished = 0 ORDER BY id LIMIT 1",
                                    err);
    bool found;
    *row = (struct forget_row){0};
    if (!q || !sql_step(s, q, &found, err))
        return false;
    if (!found)
        return true;
    struct str subject = sql_blob_at(q, 1);
    str_put(sql_str_at(q, 0), row->id, sizeof row->id);
    row->person.has_subject = subject.n == SUBJECT_SIZE;
    memcpy(row->person.subject, subject.p, row->person.has_subject ? SUBJECT_SIZE : 0);
    str_put(sql_str_at(q, 2), row->person.client, sizeof row->person.client);
    str_put(sql_str_at(q, 3), row->who, sizeof row->who);
    row->page = sql_int_at(q, 4);
    row->last = sql_int_at(q, 5);
    int64_t *const counts[] = {&row->counts.records,       &row->counts.inputs,   &row->counts.bytes,
                               &row->counts.reviews,       &row->counts.feedback, &row->counts.responses,
                               &row->counts.conversations, &row->counts.spend};
    for (int i = 0; i < (int)ARRAY_COUNT(counts); i++)
        *counts[i] = sql_int_at(q, 6 + i);
    sql_end(q);
    return true;
}

static bool save(struct store *s, const struct forget_row *row, int64_t finished, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "UPDATE forgets SET page = ?2, last = ?3, records = ?4, inputs = ?5,"
                                    " bytes = ?6, reviews = ?7, feedback = ?8, responses = ?9,"
                                    " conversations = ?10, spend = ?11, finished = ?12 WHERE id = ?1",
                                    err);
    if (!q)
        return false;
    const int64_t numbers[] = {row->page,
                               row->last,
                               row->counts.records,
                               row->counts.inputs,
                               row->counts.bytes,
                               row->counts.reviews,
                               row->counts.feedback,
                               row->counts.responses,
                               row->counts.conversations,
                               row->counts.spend,
                               finished};
    sql_bind_str(q, 1, str_from(row->id));
    for (int i = 0; i < (int)ARRAY_COUNT(numbers); i++)
        sql_bind_int(q, 2 + i, numbers[i]);
    return sql_run(s, q, err);
}

static bool begin(struct store *s, struct forget_row *row, struct error *err) {
    row->page = 0;
    return forget_conversations(s, &row->person, &row->counts, err) &&
           sql_number(s, "SELECT max(id) FROM event_pages", &row->last, err);
}

static bool finish(struct store *s, struct forget_row *row, struct error *err) {
    /* What was under way when it was asked for has been committed since. */
    return forget_spend(s, &row->person, STR(""), &row->counts, err) && save(s, row, clock_wall(), err) &&
           note(s, "forget.finished", row, true, "", err) && store_note_change(s, err);
}

static bool do_piece(struct store *s, struct forget_row *row, struct error *err) {
    bool any = true;
    if (row->page < 0)
        return begin(s, row, err) && save(s, row, 0, err);
    for (int i = 0; i < PAGES_AT_ONCE && any; i++)
        if (!forget_page(s, &row->person, row->last, &row->page, &any, &row->counts, err))
            return false;
    return any ? save(s, row, 0, err) : finish(s, row, err);
}

bool forget_step(struct store *s, bool *more, struct error *err) {
    struct forget_row row;
    if (!next_open(s, &row, err))
        return false;
    *more = row.id[0] != '\0';
    if (!*more)
        return true;
    /* What is deleted is overwritten, in the file too. */
    if (!sql_exec(s, "PRAGMA secure_delete = ON", err) || !store_begin(s, true, err))
        return false;
    /* Another program may have been quicker. */
    bool good = next_open(s, &row, err) && (!row.id[0] || do_piece(s, &row, err));
    if (good)
        good = store_commit(s, err);
    else
        store_rollback(s);
    return sql_exec(s, "PRAGMA secure_delete = OFF", good ? err : NULL) && good;
}

bool forget_count(struct store *s, const struct forget_wish *wish, struct forget_counts *out,
                  struct error *err) {
    struct forget_person person;
    struct forget_counts counts = {0};
    int64_t page = 0, last;
    if (!check(wish, err) || !person_of(s, wish->subject, wish->client, &person, err))
        return false;
    /* As it would be done, and then undone, piece by piece; the bytes of inputs stay where they are. */
    person.only_count = true;
    for (bool any = true, first = true; any; first = false) {
        if (!store_begin(s, false, err))
            return false;
        bool good = !first || (forget_conversations(s, &person, &counts, err) &&
                               forget_spend(s, &person, wish->subject, &counts, err));
        good = good && sql_number(s, "SELECT max(id) FROM event_pages", &last, err);
        for (int i = 0; good && any && i < PAGES_AT_ONCE; i++)
            good = forget_page(s, &person, last, &page, &any, &counts, err);
        store_rollback(s);
        if (!good)
            return false;
    }
    *out = counts;
    return true;
}

/* ---- telling ---- */

static void write_time(struct json_writer *w, const char *key, int64_t at) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(at, text);
    json_field_text(w, key, at ? text : NULL);
}

static void write_shown(sqlite3_stmt *q, struct json_writer *w) {
    struct str subject = sql_blob_at(q, 1);
    struct forget_person person = {.has_subject = subject.n == SUBJECT_SIZE};
    memcpy(person.subject, subject.p, person.has_subject ? SUBJECT_SIZE : 0);
    str_put(sql_str_at(q, 2), person.client, sizeof person.client);
    struct forget_counts counts = {.records = sql_int_at(q, 7),
                                   .inputs = sql_int_at(q, 8),
                                   .bytes = sql_int_at(q, 9),
                                   .reviews = sql_int_at(q, 10),
                                   .feedback = sql_int_at(q, 11),
                                   .responses = sql_int_at(q, 12),
                                   .conversations = sql_int_at(q, 13),
                                   .spend = sql_int_at(q, 14)};
    json_object(w);
    json_field_str(w, "id", sql_str_at(q, 0));
    write_person(&person, w);
    json_field_str(w, "who", sql_str_at(q, 3));
    json_field_str(w, "why", sql_str_at(q, 4));
    write_time(w, "asked_at", sql_int_at(q, 5));
    write_time(w, "finished_at", sql_int_at(q, 6));
    json_key(w, "removed");
    forget_write_counts(&counts, w);
    json_object_end(w);
}

bool forget_show(struct store *s, struct str id, struct buf *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT id, subject, client, who, why, asked, finished, records, inputs,"
                                    " bytes, reviews, feedback, responses, conversations, spend FROM forgets"
                                    " WHERE (?1 = '' OR id = ?1) ORDER BY id DESC LIMIT ?2",
                                    err);
    struct json_writer w = JSON_WRITER(out);
    unsigned count = 0;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    sql_bind_int(q, 2, LIST_MAX + 1);
    if (id.n == 0) {
        json_object(&w);
        json_key(&w, "data");
        json_array(&w);
    }
    for (;;) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            break;
        if (count++ < LIST_MAX)
            write_shown(q, &w);
    }
    if (id.n)
        return count > 0 || fail(err, ERR_NOT_FOUND, "Nothing was to be forgotten under the ID \"%.*s\".",
                                 STR_ARG(str_slice(id, 0, 80)));
    json_array_end(&w);
    json_field_bool(&w, "has_more", count > LIST_MAX);
    json_object_end(&w);
    return true;
}

bool forget_finished(struct store *s, int64_t *out, struct error *err) {
    return sql_number(s, "SELECT count(*) FROM forgets WHERE finished > 0", out, err);
}
