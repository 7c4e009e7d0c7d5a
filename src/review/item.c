#include "review/item.h"

#include "base/clock.h"
#include "review/kinds.h"
#include "store/blobs.h"

#include <string.h>

enum { TEXT_INLINE_MAX = 65536 };

/* Columns of REVIEW_ITEMS. */
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
    AT_KEEP_UNTIL,
    AT_TEXT,
    AT_KIND,
    AT_RISK,
    AT_DUE,
    AT_WANTED,
    AT_SHARE,
    AT_ACTION,
    AT_FIELDS,
    AT_NOTE,
    AT_CLAIMED_BY,
    AT_CLAIM_TAB,
    AT_CLAIMED_UNTIL,
    AT_GOLD,
    AT_OPINIONS,
    AT_SKIPS,
    AT_HAS_GOLD
};

struct view {
    struct store *store;
    sqlite3_stmt *q;
    const struct reviewer *viewer; /* NULL: sees everything */
    int64_t now;
    struct json_writer *w;
    bool blind; /* nothing may tell a gold item from another */
};

static void write_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, text);
    json_field_text(w, key, text);
}

static void write_str_or_null(struct json_writer *w, const char *key, struct str text) {
    json_key(w, key);
    text.n ? json_str(w, text) : json_null(w);
}

static void write_object_or_null(struct json_writer *w, const char *key, struct str json) {
    json_key(w, key);
    json.n ? json_raw(w, json) : json_null(w);
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

static void write_kept(struct view *v, struct str blob) {
    sqlite3_stmt *q = v->q;
    char hex[SHA256_HEX_SIZE] = {0};
    memcpy(hex, blob.p, blob.n);
    json_field_str(v->w, "type", sql_str_at(q, AT_TYPE));
    json_field_int(v->w, "size", sql_int_at(q, AT_SIZE));
    if (!v->blind)
        json_field_text(v->w, "blob", hex);
    if (!v->blind && !sql_null_at(q, AT_KEEP_UNTIL))
        write_time(v->w, "keep_until", sql_int_at(q, AT_KEEP_UNTIL));
    if (is_text(sql_str_at(q, AT_TYPE)) && sql_int_at(q, AT_SIZE) <= TEXT_INLINE_MAX)
        write_text(v->store, v->w, hex);
    else if (!sql_null_at(q, AT_TEXT))
        json_field_str(v->w, "text", sql_str_at(q, AT_TEXT));
}

static void write_input(struct view *v) {
    struct str hash = sql_blob_at(v->q, AT_INPUT_HASH), blob = sql_str_at(v->q, AT_BLOB);
    json_key(v->w, "input");
    json_object(v->w);
    if (hash.n == SHA256_SIZE && !v->blind) {
        char hex[SHA256_HEX_SIZE];
        sha256_hex((const unsigned char *)hash.p, hex);
        json_field_text(v->w, "sha256", hex);
    }
    json_field_bool(v->w, "kept", blob.n > 0);
    if (blob.n == SHA256_HEX_SIZE - 1)
        write_kept(v, blob);
    json_object_end(v->w);
}

static void write_resolution(struct view *v) {
    sqlite3_stmt *q = v->q;
    bool resolved = !sql_null_at(q, AT_RESOLVED);
    json_field_text(v->w, "status", resolved ? "resolved" : "open");
    if (!resolved) {
        json_field_text(v->w, "label", NULL);
        json_field_text(v->w, "reviewer", NULL);
        json_field_text(v->w, "resolved", NULL);
    } else {
        json_field_str(v->w, "label", sql_str_at(q, AT_LABEL));
        json_field_str(v->w, "reviewer", sql_str_at(q, AT_REVIEWER));
        write_time(v->w, "resolved", sql_int_at(q, AT_RESOLVED));
    }
    write_object_or_null(v->w, "fields", sql_str_at(q, AT_FIELDS));
    write_str_or_null(v->w, "note", sql_str_at(q, AT_NOTE));
}

/* "audit" would say as much as the reason does. */
static void write_place(struct view *v) {
    sqlite3_stmt *q = v->q;
    int64_t due = sql_int_at(q, AT_DUE);
    bool approval = sql_int_at(q, AT_KIND) == REVIEW_APPROVAL,
         answer = !approval && str_eq(sql_str_at(q, AT_ACTION), STR(REVIEW_WHOLE_ANSWER));
    json_field_text(v->w, "kind", approval ? "approval" : answer ? "answer" : "label");
    write_str_or_null(v->w, "action", answer ? STR("") : sql_str_at(q, AT_ACTION));
    json_field_fixed(v->w, "risk", sqlite3_column_double(q, AT_RISK), 4);
    if (due)
        write_time(v->w, "due", due);
    else
        json_field_text(v->w, "due", NULL);
    json_field_int(v->w, "skips", sql_int_at(q, AT_SKIPS));
}

static void write_claim(struct view *v) {
    struct str by = sql_str_at(v->q, AT_CLAIMED_BY);
    int64_t until = sql_int_at(v->q, AT_CLAIMED_UNTIL);
    json_key(v->w, "claim");
    if (by.n == 0 || until <= v->now) {
        json_null(v->w);
        return;
    }
    json_object(v->w);
    json_field_str(v->w, "by", by);
    json_field_bool(v->w, "yours", v->viewer && str_eq(v->viewer->name, by));
    write_time(v->w, "until", until);
    json_object_end(v->w);
}

/* Who says it is told only when all is said. */
static void write_given(struct view *v, bool resolved) {
    static const char given[] =
        "SELECT reviewer, label, at, note FROM review_opinions WHERE item = ? ORDER BY at";
    sqlite3_stmt *q = sql_statement(v->store, given, NULL);
    bool row;
    json_key(v->w, "list");
    json_array(v->w);
    if (q)
        sql_bind_str(q, 1, sql_str_at(v->q, AT_ID));
    while (q && sql_step(v->store, q, &row, NULL) && row) {
        json_object(v->w);
        if (resolved)
            json_field_str(v->w, "reviewer", sql_str_at(q, 0));
        json_field_str(v->w, "label", sql_str_at(q, 1));
        write_time(v->w, "at", sql_int_at(q, 2));
        write_str_or_null(v->w, "note", sql_str_at(q, 3));
        json_object_end(v->w);
    }
    json_array_end(v->w);
}

/* The first two do not see each other's; who settles sees both. */
static void write_opinions(struct view *v) {
    int64_t wanted = sql_int_at(v->q, AT_WANTED), given = sql_int_at(v->q, AT_OPINIONS);
    bool resolved = !sql_null_at(v->q, AT_RESOLVED), disputed = !resolved && wanted > 2;
    json_key(v->w, "opinions");
    json_object(v->w);
    json_field_int(v->w, "wanted", wanted);
    json_field_int(v->w, "given", given);
    json_field_bool(v->w, "disputed", disputed);
    if (resolved || disputed)
        write_given(v, resolved);
    json_object_end(v->w);
}

/* Only who runs the system knows which items measure the people, and which are drawn by chance. */
static void write_origin(struct view *v) {
    sqlite3_stmt *q = v->q;
    if (v->viewer && !v->viewer->admin)
        return;
    json_field_bool(v->w, "gold", !sql_null_at(q, AT_GOLD));
    if (!sql_null_at(q, AT_SHARE))
        json_field_fixed(v->w, "audit_share", sqlite3_column_double(q, AT_SHARE), 6);
}

void item_write(struct store *s, sqlite3_stmt *q, const struct reviewer *viewer, int64_t now,
                struct json_writer *w) {
    struct view v = {.store = s, .q = q, .viewer = viewer, .now = now, .w = w};
    v.blind = viewer && !viewer->admin && sql_int_at(q, AT_HAS_GOLD) != 0;
    json_object(w);
    json_field_str(w, "id", sql_str_at(q, AT_ID));
    if (v.blind)
        json_field_text(w, "request_id", NULL);
    else
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
    struct str labels = sql_str_at(q, AT_LABELS);
    json_key(w, "labels");
    json_raw(w, labels.n ? labels : STR("[]"));
    write_resolution(&v);
    write_place(&v);
    write_claim(&v);
    write_opinions(&v);
    write_origin(&v);
    write_input(&v);
    json_object_end(w);
}
