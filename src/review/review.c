#include "review/review.h"

#include "base/clock.h"
#include "review/claims.h"
#include "review/item.h"
#include "review/kinds.h"
#include "store/sql.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

static bool too_large(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "The review items do not fit into the reply; ask for fewer with limit.");
}

/* Where gold items measure people, whoever is measured does not see what others made of them. */
#define VISIBLE                                                                                              \
    " AND (?4 = '' OR r.resolved IS NULL OR r.reviewer = ?4"                                                 \
    " OR NOT EXISTS (SELECT 1 FROM review_gold g WHERE g.endpoint = r.endpoint))"

#define BEHIND                                                                                               \
    " AND (?1 = '' OR (r.rank, r.id) > ((SELECT p.rank FROM review_items p WHERE p.id = ?1), ?1))"           \
    " AND ?2 = ?2 AND ?4 = ?4 ORDER BY r.rank, r.id LIMIT ?3"

/* Each along its index. */
static const char *urgent_query(const struct review_filter *f, struct error *err) {
    if (f->status.n == 0 || str_eq(f->status, STR("open")))
        return f->endpoint.n ? REVIEW_ITEMS " WHERE r.endpoint = ?2 AND r.resolved IS NULL" BEHIND
                             : REVIEW_ITEMS " WHERE r.resolved IS NULL" BEHIND;
    fail_at(err, ERR_INVALID_FIELD, "order", "Only open items are urgent: order=urgency takes status=open.");
    return NULL;
}

/* One text each, so that the index of open items serves the usual question. */
static const char *list_query(const struct review_filter *f, struct error *err) {
    struct str status = f->status;
    if (str_eq(f->order, STR("urgency")))
        return urgent_query(f, err);
    if (f->order.n && !str_eq(f->order, STR("time"))) {
        fail_at(err, ERR_INVALID_FIELD, "order", "order is \"time\" or \"urgency\".");
        return NULL;
    }
    if (status.n == 0 || str_eq(status, STR("open")))
        return REVIEW_ITEMS " WHERE r.resolved IS NULL AND r.id > ?1 AND (?2 = '' OR r.endpoint = ?2)"
                            " AND ?4 = ?4 ORDER BY r.id LIMIT ?3";
    if (str_eq(status, STR("resolved")))
        return REVIEW_ITEMS
            " WHERE r.resolved IS NOT NULL AND r.id > ?1 AND (?2 = '' OR r.endpoint = ?2)" VISIBLE
            " ORDER BY r.id LIMIT ?3";
    if (str_eq(status, STR("all")))
        return REVIEW_ITEMS " WHERE r.id > ?1 AND (?2 = '' OR r.endpoint = ?2)" VISIBLE
                            " ORDER BY r.id LIMIT ?3";
    fail_at(err, ERR_INVALID_FIELD, "status", "status is \"open\", \"resolved\" or \"all\".");
    return NULL;
}

static bool write_items(struct store *s, sqlite3_stmt *q, unsigned limit, const struct reviewer *viewer,
                        struct json_writer *w, bool *more, struct error *err) {
    int64_t now = clock_wall();
    *more = false;
    for (unsigned i = 0;; i++) {
        bool row;
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return true;
        if (i == limit) {
            *more = true;
            sql_end(q);
            return true;
        }
        item_write(s, q, viewer, now, w);
    }
}

bool review_list(struct store *s, const struct review_filter *filter, struct buf *out, struct error *err) {
    unsigned limit = filter->limit ? filter->limit : LIMIT_DEFAULT;
    if (limit > LIMIT_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "limit", "limit is 1 to %d.", LIMIT_MAX);
    const char *text = list_query(filter, err);
    sqlite3_stmt *q = text ? sql_statement(s, text, err) : NULL;
    const struct reviewer *viewer = filter->viewer;
    int64_t open;
    if (!q || !sql_number(s, "SELECT count(*) FROM review_items WHERE resolved IS NULL", &open, err))
        return false;
    sql_bind_str(q, 1, filter->after);
    sql_bind_str(q, 2, filter->endpoint);
    sql_bind_int(q, 3, (int64_t)limit + 1);
    sql_bind_str(q, 4, viewer && !viewer->admin ? viewer->name : STR(""));
    struct json_writer w = JSON_WRITER(out);
    bool more;
    json_object(&w);
    json_key(&w, "data");
    json_array(&w);
    if (!write_items(s, q, limit, viewer, &w, &more, err))
        return false;
    json_array_end(&w);
    json_field_bool(&w, "has_more", more);
    json_field_int(&w, "open", open);
    json_object_end(&w);
    return !out->failed || too_large(err);
}

bool review_get(struct store *s, struct str id, const struct reviewer *viewer, struct buf *out,
                struct error *err) {
    sqlite3_stmt *q = sql_statement(s, REVIEW_ITEMS " WHERE r.id = ?1" VISIBLE, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    sql_bind_str(q, 4, viewer && !viewer->admin ? viewer->name : STR(""));
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return review_unknown(id, err);
    struct json_writer w = JSON_WRITER(out);
    item_write(s, q, viewer, clock_wall(), &w);
    sql_end(q);
    return !out->failed || too_large(err);
}

static void write_outcome(sqlite3_stmt *q, struct str id, struct json_writer *w) {
    bool resolved = !sql_null_at(q, 3), approval = sql_int_at(q, 0) == REVIEW_APPROVAL,
         approved = approval && str_eq(sql_str_at(q, 1), STR("approved"));
    char at[CLOCK_TEXT_SIZE];
    clock_format(sql_int_at(q, 3), at);
    json_object(w);
    json_field_str(w, "id", id);
    json_field_text(w, "status", resolved ? "resolved" : "open");
    json_field_text(w, "kind", approval ? "approval" : "label");
    json_key(w, "label");
    resolved ? json_str(w, sql_str_at(q, 1)) : json_null(w);
    json_key(w, "note");
    sql_str_at(q, 2).n ? json_str(w, sql_str_at(q, 2)) : json_null(w);
    json_field_text(w, "resolved", resolved ? at : NULL);
    json_key(w, "prediction");
    approved ? json_str(w, sql_str_at(q, 4)) : json_null(w);
    json_object_end(w);
}

bool review_outcome(struct store *s, struct str id, struct str client, struct buf *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT kind, label, note, resolved, prediction FROM review_items"
                                    " WHERE id = ? AND client = ? AND kind <> 1 AND gold IS NULL",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    sql_bind_str(q, 2, client);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return review_unknown(id, err);
    write_outcome(q, id, &JSON_WRITER(out));
    sql_end(q);
    return !out->failed || too_large(err);
}

bool review_unknown(struct str id, struct error *err) {
    return fail(err, ERR_NOT_FOUND, "There is no review item \"%.*s\".", STR_ARG(str_slice(id, 0, 80)));
}

bool review_resolve(struct store *s, struct str id, struct str label, struct str reviewer, struct buf *out,
                    struct error *err) {
    struct reviewer who = {.name = reviewer, .tab = STR(""), .admin = true};
    struct verdict verdict = {.label = label, .fields = STR(""), .note = STR("")};
    return review_label(s, id, &verdict, &who, out, err);
}

bool review_depth(struct store *s, uint64_t *out, struct error *err) {
    int64_t n;
    if (!sql_number(s,
                    "SELECT count(*) FROM review_items WHERE resolved IS NULL AND kind <> 1 AND gold IS NULL",
                    &n, err))
        return false;
    *out = (uint64_t)n;
    return true;
}

bool review_depths(struct store *s, void (*visit)(struct str endpoint, uint64_t open, void *ctx), void *ctx,
                   struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT endpoint, count(*) FROM review_items WHERE resolved IS NULL AND kind <> 1"
                      " AND gold IS NULL GROUP BY endpoint",
                      err);
    bool row = q != NULL;
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (row)
            visit(sql_str_at(q, 0), (uint64_t)sql_int_at(q, 1), ctx);
    }
    return q != NULL;
}

bool review_of_request(struct store *s, struct str request_id, struct buf *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, REVIEW_ITEMS " WHERE r.request_id = ?1 AND r.gold IS NULL ORDER BY r.id DESC LIMIT 16", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, request_id);
    struct json_writer w = JSON_WRITER(out);
    bool more;
    json_array(&w);
    if (!write_items(s, q, LIMIT_DEFAULT, NULL, &w, &more, err))
        return false;
    json_array_end(&w);
    return !out->failed || too_large(err);
}
