#include "review/review.h"

#include "base/clock.h"
#include "review/label_note.h"
#include "store/blobs.h"
#include "store/sql.h"

#include <string.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, REVIEWER_MAX = 64, TEXT_INLINE_MAX = 65536 };

/* Columns of every query that yields items. The input is the event's: what retention removed is gone
 * here too. */
#define ITEM_COLUMNS                                                                                         \
    "SELECT r.id, r.request_id, r.endpoint, r.model, r.created, r.reason, r.detail, r.prediction,"           \
    " r.confidence, r.labels, r.label, r.reviewer, r.resolved, r.input_hash, k.blob, k.type, k.size,"        \
    " k.keep_until FROM review_items r LEFT JOIN kept_inputs k ON k.event = r.event"

enum {
    AT_ID,
    AT_REQUEST,
    AT_ENDPOINT,
    AT_MODEL,
    AT_CREATED,
    AT_REASON,
    AT_DETAIL,
    AT_PREDICTION,
    AT_CONFIDENCE,
    AT_LABELS,
    AT_LABEL,
    AT_REVIEWER,
    AT_RESOLVED,
    AT_INPUT_HASH,
    AT_BLOB,
    AT_TYPE,
    AT_SIZE,
    AT_KEEP_UNTIL
};

static void write_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, text);
    json_field_text(w, key, text);
}

static bool is_text(struct str type) {
    return str_starts(type, STR("text/")) || str_starts(type, STR("application/json"));
}

/* Why there is no text is said, never left to be guessed. */
static void write_text(struct store *s, struct json_writer *w, const char *hex) {
    struct blob blob;
    struct error err;
    if (!blob_map(store_inputs_folder(s), hex, true, &blob, &err)) {
        json_field_text(w, "unavailable", err.message);
        return;
    }
    json_field_str(w, "text", blob.bytes);
    blob_unmap(&blob);
}

static void write_input(struct store *s, sqlite3_stmt *q, struct json_writer *w) {
    struct str hash = sql_blob_at(q, AT_INPUT_HASH), blob = sql_str_at(q, AT_BLOB);
    json_key(w, "input");
    json_object(w);
    if (hash.n == SHA256_SIZE) {
        char hex[SHA256_HEX_SIZE];
        sha256_hex((const unsigned char *)hash.p, hex);
        json_field_text(w, "sha256", hex);
    }
    json_field_bool(w, "kept", blob.n > 0);
    if (blob.n == SHA256_HEX_SIZE - 1) {
        char hex[SHA256_HEX_SIZE] = {0};
        memcpy(hex, blob.p, blob.n);
        json_field_str(w, "type", sql_str_at(q, AT_TYPE));
        json_field_int(w, "size", sql_int_at(q, AT_SIZE));
        json_field_text(w, "blob", hex);
        if (!sql_null_at(q, AT_KEEP_UNTIL))
            write_time(w, "keep_until", sql_int_at(q, AT_KEEP_UNTIL));
        if (is_text(sql_str_at(q, AT_TYPE)) && sql_int_at(q, AT_SIZE) <= TEXT_INLINE_MAX)
            write_text(s, w, hex);
    }
    json_object_end(w);
}

static void write_resolution(sqlite3_stmt *q, struct json_writer *w) {
    bool resolved = !sql_null_at(q, AT_RESOLVED);
    json_field_text(w, "status", resolved ? "resolved" : "open");
    if (!resolved) {
        json_field_text(w, "label", NULL);
        json_field_text(w, "reviewer", NULL);
        json_field_text(w, "resolved", NULL);
        return;
    }
    json_field_str(w, "label", sql_str_at(q, AT_LABEL));
    json_field_str(w, "reviewer", sql_str_at(q, AT_REVIEWER));
    write_time(w, "resolved", sql_int_at(q, AT_RESOLVED));
}

static void write_item(struct store *s, sqlite3_stmt *q, struct json_writer *w) {
    json_object(w);
    json_field_str(w, "id", sql_str_at(q, AT_ID));
    json_field_str(w, "request_id", sql_str_at(q, AT_REQUEST));
    json_field_str(w, "endpoint", sql_str_at(q, AT_ENDPOINT));
    json_field_str(w, "model", sql_str_at(q, AT_MODEL));
    write_time(w, "created", sql_int_at(q, AT_CREATED));
    json_field_str(w, "reason", sql_str_at(q, AT_REASON));
    json_field_str(w, "detail", sql_str_at(q, AT_DETAIL));
    json_field_str(w, "prediction", sql_str_at(q, AT_PREDICTION));
    json_key(w, "confidence");
    if (sql_null_at(q, AT_CONFIDENCE))
        json_null(w);
    else
        json_fixed(w, sqlite3_column_double(q, AT_CONFIDENCE), 4);
    json_key(w, "labels");
    struct str labels = sql_str_at(q, AT_LABELS);
    json_raw(w, labels.n ? labels : STR("[]"));
    write_resolution(q, w);
    write_input(s, q, w);
    json_object_end(w);
}

static bool too_large(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "The review items do not fit into the reply; ask for fewer with limit.");
}

/* One text each, so that the index of open items serves the usual question. */
static const char *list_query(struct str status, struct error *err) {
    if (status.n == 0 || str_eq(status, STR("open")))
        return ITEM_COLUMNS " WHERE r.resolved IS NULL AND r.id > ?1 AND (?2 = '' OR r.endpoint = ?2)"
                            " ORDER BY r.id LIMIT ?3";
    if (str_eq(status, STR("resolved")))
        return ITEM_COLUMNS " WHERE r.resolved IS NOT NULL AND r.id > ?1 AND (?2 = '' OR r.endpoint = ?2)"
                            " ORDER BY r.id LIMIT ?3";
    if (str_eq(status, STR("all")))
        return ITEM_COLUMNS " WHERE r.id > ?1 AND (?2 = '' OR r.endpoint = ?2) ORDER BY r.id LIMIT ?3";
    fail_at(err, ERR_INVALID_FIELD, "status", "status is \"open\", \"resolved\" or \"all\".");
    return NULL;
}

static bool write_items(struct store *s, sqlite3_stmt *q, unsigned limit, struct json_writer *w, bool *more,
                        struct error *err) {
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
        write_item(s, q, w);
    }
}

bool review_list(struct store *s, const struct review_filter *filter, struct buf *out, struct error *err) {
    unsigned limit = filter->limit ? filter->limit : LIMIT_DEFAULT;
    if (limit > LIMIT_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "limit", "limit is 1 to %d.", LIMIT_MAX);
    const char *text = list_query(filter->status, err);
    sqlite3_stmt *q = text ? sql_statement(s, text, err) : NULL;
    uint64_t open;
    if (!q || !review_depth(s, &open, err))
        return false;
    sql_bind_str(q, 1, filter->after);
    sql_bind_str(q, 2, filter->endpoint);
    sql_bind_int(q, 3, (int64_t)limit + 1);
    struct json_writer w = JSON_WRITER(out);
    bool more;
    json_object(&w);
    json_key(&w, "data");
    json_array(&w);
    if (!write_items(s, q, limit, &w, &more, err))
        return false;
    json_array_end(&w);
    json_field_bool(&w, "has_more", more);
    json_field_int(&w, "open", (int64_t)open);
    json_object_end(&w);
    return !out->failed || too_large(err);
}

bool review_get(struct store *s, struct str id, struct buf *out, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, ITEM_COLUMNS " WHERE r.id = ?1", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return fail(err, ERR_NOT_FOUND, "There is no review item \"%.*s\".", (int)(id.n > 80 ? 80 : id.n),
                    id.p);
    struct json_writer w = JSON_WRITER(out);
    write_item(s, q, &w);
    sql_end(q);
    return !out->failed || too_large(err);
}

static bool check_text(const char *field, struct str text, size_t most, struct error *err) {
    if (text.n == 0)
        return fail_at(err, ERR_MISSING_FIELD, field, "A review item is resolved with a %s.", field);
    bool ok = text.n <= most && str_is_utf8(text, NULL);
    for (size_t i = 0; ok && i < text.n; i++)
        ok = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f;
    return ok || fail_at(err, ERR_INVALID_FIELD, field,
                         "The %s has at most %zu bytes of UTF-8 without control characters.", field, most);
}

static bool set_label(struct store *s, struct str id, struct str label, struct str reviewer,
                      struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "UPDATE review_items SET label = ?1, reviewer = ?2, resolved = ?3"
                                    " WHERE id = ?4 AND resolved IS NULL",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, label);
    sql_bind_str(q, 2, reviewer);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, id);
    if (!sql_run(s, q, err))
        return false;
    return sql_changed_rows(s) == 0 || label_note(s, id, label, reviewer, err);
}

/* After set_label the item has the label, or had another one before. */
static bool has_label(struct store *s, struct str id, struct str label, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT label, reviewer FROM review_items WHERE id = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return fail(err, ERR_NOT_FOUND, "There is no review item \"%.*s\".", (int)(id.n > 80 ? 80 : id.n),
                    id.p);
    struct str found = sql_str_at(q, 0), by = sql_str_at(q, 1);
    bool same = str_eq(found, label);
    if (!same)
        fail(err, ERR_CONFLICT, "The item was already resolved as \"%.*s\" by %.*s.", STR_ARG(found),
             STR_ARG(by));
    sql_end(q);
    return same;
}

bool review_resolve(struct store *s, struct str id, struct str label, struct str reviewer, struct buf *out,
                    struct error *err) {
    if (!check_text("label", label, REVIEW_LABEL_MAX, err) ||
        !check_text("reviewer", reviewer, REVIEWER_MAX, err) || !store_begin(s, true, err))
        return false;
    size_t start = out->n;
    if (!set_label(s, id, label, reviewer, err) || !has_label(s, id, label, err) ||
        !review_get(s, id, out, err)) {
        store_rollback(s);
        out->n = start;
        return false;
    }
    bool ok = store_commit(s, err);
    if (!ok)
        out->n = start;
    return ok;
}

bool review_depth(struct store *s, uint64_t *out, struct error *err) {
    int64_t n;
    if (!sql_number(s, "SELECT count(*) FROM review_items WHERE resolved IS NULL", &n, err))
        return false;
    *out = (uint64_t)n;
    return true;
}

bool review_depths(struct store *s, void (*visit)(struct str endpoint, uint64_t open, void *ctx), void *ctx,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT endpoint, count(*) FROM review_items WHERE resolved IS NULL GROUP BY endpoint", err);
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
    sqlite3_stmt *q =
        sql_statement(s, ITEM_COLUMNS " WHERE r.request_id = ?1 ORDER BY r.id DESC LIMIT 16", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, request_id);
    struct json_writer w = JSON_WRITER(out);
    bool more;
    json_array(&w);
    if (!write_items(s, q, LIMIT_DEFAULT, &w, &more, err))
        return false;
    json_array_end(&w);
    return !out->failed || too_large(err);
}
