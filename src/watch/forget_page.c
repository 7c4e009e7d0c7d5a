#include "watch/forget_page.h"

#include "store/spend.h"
#include "store/sql.h"
#include "traffic/budget_limits.h"
#include "watch/cost_days.h"
#include "watch/record_page.h"
#include "watch/retention.h"

#include <stdio.h>
#include <stdlib.h>

enum { GOLD_MAX = 16 }; /* known items made of one request */

/* ---- responses, conversations ---- */

/* Chains are followed both ways: what is said later quotes what was said before. */
#define CHAIN                                                                                                \
    "WITH RECURSIVE chain (tenant, id, previous) AS ("                                                       \
    " SELECT tenant, id, previous FROM responses WHERE (?1 IS NOT NULL AND subject = ?1)"                    \
    " OR (?1 IS NULL AND tenant = ?2)"                                                                       \
    " UNION SELECT r.tenant, r.id, r.previous FROM chain c JOIN responses r ON r.tenant = c.tenant"          \
    " AND (r.id = c.previous OR r.previous = c.id)) "

static bool delete_of(struct store *s, const char *constant_sql, const struct forget_person *p,
                      int64_t *count, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    if (p->has_subject)
        sql_bind_blob(q, 1, p->subject, SUBJECT_SIZE);
    else
        sql_bind_null(q, 1);
    sql_bind_str(q, 2, str_from(p->client));
    if (!sql_run(s, q, err))
        return false;
    if (count)
        *count += sql_changed_rows(s);
    return true;
}

bool forget_conversations(struct store *s, const struct forget_person *p, struct forget_counts *counts,
                          struct error *err) {
    return delete_of(s,
                     CHAIN "DELETE FROM conversations WHERE (tenant, last) IN (SELECT tenant, id FROM chain)"
                           " OR (?1 IS NULL AND tenant = ?2)",
                     p, &counts->conversations, err) &&
           delete_of(s,
                     CHAIN "DELETE FROM response_items WHERE (tenant, response) IN"
                           " (SELECT tenant, id FROM chain)",
                     p, NULL, err) &&
           delete_of(s, CHAIN "DELETE FROM responses WHERE (tenant, id) IN (SELECT tenant, id FROM chain)", p,
                     &counts->responses, err);
}

/* ---- spend ---- */

enum { FOUND_MAX = 4 << 20 };

/* The subject of a user's row is "client/ID", shortened where it is long; a client's name has no slash. */
static bool is_spent_by(const struct forget_person *p, const unsigned char *secret, struct str subject,
                        struct str row) {
    unsigned char hash[SUBJECT_SIZE];
    char room[SPEND_SUBJECT_MAX], whole[CLIENT_NAME_MAX + SUBJECT_TEXT_MAX + 2];
    struct str id = row, client = str_split(&id, '/');
    if (!p->has_subject)
        return str_eq(client, str_from(p->client));
    if (id.n == 0)
        return false;
    if (!subject.n) {
        subject_hash(secret, id, hash);
        return memcmp(hash, p->subject, SUBJECT_SIZE) == 0;
    }
    int n = snprintf(whole, sizeof whole, "%.*s/%.*s", STR_ARG(str_slice(client, 0, CLIENT_NAME_MAX)),
                     STR_ARG(str_slice(subject, 0, SUBJECT_TEXT_MAX)));
    return str_eq(row, budget_fitting((struct str){whole, (size_t)n}, room));
}

/* Appends the names of the rows that are to go, each terminated. */
static bool find_spent(struct store *s, const struct forget_person *p, struct str subject, struct buf *found,
                       struct error *err) {
    unsigned char secret[SUBJECT_SECRET_SIZE] = {0};
    bool row = true;
    if (p->has_subject && !subject_secret(s, secret, err))
        return false;
    sqlite3_stmt *q = sql_statement(s, "SELECT DISTINCT subject FROM spend WHERE scope = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, SPEND_USER);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return !found->failed || fail(err, ERR_NO_MEMORY, "Out of memory while forgetting spend.");
        struct str name = sql_str_at(q, 0);
        if (!is_spent_by(p, secret, subject, name))
            continue;
        buf_add_str(found, name);
        buf_add_char(found, '\0');
    }
    return false;
}

static bool delete_spent(struct store *s, struct str name, struct forget_counts *counts, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM spend WHERE scope = ? AND subject = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, SPEND_USER);
    sql_bind_str(q, 2, name);
    if (!sql_run(s, q, err))
        return false;
    counts->spend += sql_changed_rows(s);
    return true;
}

bool forget_spend(struct store *s, const struct forget_person *p, struct str subject,
                  struct forget_counts *counts, struct error *err) {
    AUTO_BUF found = BUF_INIT(FOUND_MAX);
    if (!find_spent(s, p, subject, &found, err))
        return false;
    for (struct str rest = buf_str(&found), name; rest.n > 0;) {
        name = str_split(&rest, '\0');
        if (!delete_spent(s, name, counts, err))
            return false;
    }
    return p->has_subject || cost_days_forget(s, p->client, &counts->spend, err);
}

/* ---- records ---- */

static bool is_of(const struct forget_person *p, const struct event *e) {
    return p->has_subject ? e->has_subject && memcmp(e->subject, p->subject, SUBJECT_SIZE) == 0
                          : str_eq(e->client, str_from(p->client));
}

static bool change(struct store *s, const char *constant_sql, struct str request, int64_t event,
                   int64_t *count, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    sql_bind_str(q, 1, request);
    sql_bind_int(q, 2, event);
    if (!sql_run(s, q, err))
        return false;
    *count += sql_changed_rows(s);
    return true;
}

static bool forget_input(struct store *s, const struct forget_person *p, int64_t event,
                         struct forget_counts *counts, struct error *err) {
    int64_t bytes = -1;
    if (!(p->only_count ? retention_kept : retention_remove)(s, event, &bytes, err))
        return false;
    if (bytes >= 0) {
        counts->inputs++;
        counts->bytes += bytes;
    }
    return true;
}

/* What people decided about a class stays, which is no text of the person's; an answer goes, and so do notes
 * and corrected fields. An open item cannot be decided without its input. Of items that were made of it to
 * test reviewers (review_gold), the same. */
static bool forget_review(struct store *s, struct str request, int64_t event, struct forget_counts *counts,
                          struct error *err) {
    int64_t aside = 0;
#define ITEMS                                                                                                \
    "((request_id = ?1 AND (event = ?2 OR ?2 < 0)) OR gold IN (SELECT id FROM review_gold WHERE request = "  \
    "?1))"
    return change(s,
                  "UPDATE review_opinions SET fields = '', note = '', label = CASE WHEN (SELECT labels FROM"
                  " review_items WHERE id = item) = '[]' THEN '' ELSE label END"
                  " WHERE item IN (SELECT id FROM review_items WHERE " ITEMS ")",
                  request, event, &aside, err) &&
           change(
               s,
               "UPDATE review_skips SET reason = '' WHERE item IN (SELECT id FROM review_items WHERE " ITEMS
               ")",
               request, event, &aside, err) &&
           change(s, "DELETE FROM review_items WHERE resolved IS NULL AND " ITEMS, request, event,
                  &counts->reviews, err) &&
           change(s,
                  "UPDATE review_items SET detail = '', fields = '', note = '', prediction = CASE labels WHEN"
                  " '[]' THEN '' ELSE prediction END, label = CASE labels WHEN '[]' THEN '' ELSE label END"
                  " WHERE (detail <> '' OR fields <> '' OR note <> '' OR (labels = '[]' AND (prediction <> ''"
                  " OR label <> ''))) AND " ITEMS,
                  request, event, &counts->reviews, err);
}

/* Known items that were taken from this request keep an input of their own. */
static bool forget_gold(struct store *s, const struct forget_person *p, struct str request,
                        struct forget_counts *counts, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT event FROM review_gold WHERE request = ? AND event IS NOT NULL", err);
    int64_t events[GOLD_MAX], dropped = 0;
    unsigned count = 0;
    bool row = q != NULL;
    if (!q)
        return false;
    sql_bind_str(q, 1, request);
    while (row && count < GOLD_MAX) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (row)
            events[count++] = sql_int_at(q, 0);
    }
    sql_end(q);
    for (unsigned i = 0; i < count; i++)
        if (!forget_input(s, p, events[i], counts, err))
            return false;
    return change(s, "DELETE FROM review_gold WHERE request = ?1 AND ?2 <> 0", request, 1, &dropped, err);
}

/* All that stands beside the record, then the record's own texts. */
static bool forget_event(struct store *s, const struct forget_person *p, struct page_reader *page, unsigned i,
                         struct forget_counts *counts, struct error *err) {
    struct event *e = &page->event;
    int64_t row = page->rows[i], shadows = 0;
    if ((page->input_kept && !forget_input(s, p, row, counts, err)) ||
        (e->review && (!forget_review(s, e->request_id, row, counts, err) ||
                       !forget_gold(s, p, e->request_id, counts, err))) ||
        !change(s, "UPDATE feedback SET label = '' WHERE request_id = ?1 AND label <> '' AND ?2 <> 0",
                e->request_id, row, &counts->feedback, err))
        return false;
    if (!change(s, "DELETE FROM shadow_answers WHERE request_id = ?1 AND ?2 <> 0", e->request_id, row,
                &shadows, err))
        return false;
    counts->records++;
    page->input_kept = false;
    e->has_subject = false;
    e->error_message = STR("");
    if (e->has_language)
        e->prediction = STR("");
    return true;
}

static bool write_page(struct store *s, const struct page_writer *w, int64_t id, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "UPDATE event_pages SET body = ? WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_blob(q, 1, w->bytes.p, w->bytes.n);
    sql_bind_int(q, 2, id);
    return sql_run(s, q, err);
}

struct work {
    struct page_reader reader;
    struct page_writer writer;
};

static bool copy_page(struct store *s, const struct forget_person *p, struct work *w, bool *touched,
                      struct forget_counts *counts, struct error *err) {
    struct page_reader *r = &w->reader;
    for (unsigned i = 0; i < r->count; i++) {
        page_read(r, i);
        if (is_of(p, &r->event)) {
            *touched = true;
            if (!forget_event(s, p, r, i, counts, err))
                return false;
        }
        /* only whether an input is kept is written, not which */
        r->event.input_blob[0] = r->input_kept ? '1' : '\0';
        if (!page_add(&w->writer, &r->event, r->rows[i], r->stages, err))
            return false;
    }
    return true;
}

/* A page that is damaged is left as it is: nothing can be told of it. */
static bool do_page(struct store *s, const struct forget_person *p, int64_t id, struct str body,
                    struct forget_counts *counts, struct error *err) {
    struct work *w = malloc(sizeof *w);
    bool touched = false, good = true;
    if (!w)
        return fail(err, ERR_NO_MEMORY, "Out of memory while forgetting.");
    page_writer_init(&w->writer);
    if (page_open(&w->reader, body, id, NULL, 0, NULL))
        good = copy_page(s, p, w, &touched, counts, err) && (!touched || write_page(s, &w->writer, id, err));
    page_writer_free(&w->writer);
    free(w);
    return good;
}

bool forget_page(struct store *s, const struct forget_person *p, int64_t last, int64_t *page, bool *any,
                 struct forget_counts *counts, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT id, body FROM event_pages WHERE id > ? AND id <= ? ORDER BY id LIMIT 1", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, *page);
    sql_bind_int(q, 2, last);
    if (!sql_step(s, q, any, err))
        return false;
    if (!*any)
        return true;
    *page = sql_int_at(q, 0);
    bool good = do_page(s, p, *page, sql_blob_at(q, 1), counts, err);
    sql_end(q);
    return good;
}
