#include "review/label_note.h"

#include "base/hash.h"
#include "base/json.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdlib.h>

enum { ROW_MAX = 1 << 18, ENDPOINT_SIZE = 256, WHO_SIZE = 128 };

static void write_answer(struct json_writer *w, struct str answer, bool is_class) {
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    if (is_class) {
        json_field_str(w, "label", answer);
        return;
    }
    sha256(answer, hash);
    sha256_hex(hash, hex);
    json_field_text(w, "label_sha256", hex);
}

/* The statement stands at the item: endpoint, prediction, labels, request_id. */
static bool note(struct store *s, sqlite3_stmt *q, struct str item, struct str label, struct str reviewer,
                 struct error *err) {
    char endpoint[ENDPOINT_SIZE], who[WHO_SIZE];
    AUTO_BUF before = BUF_INIT(ROW_MAX);
    AUTO_BUF after = BUF_INIT(ROW_MAX);
    struct json_writer b = JSON_WRITER(&before), a = JSON_WRITER(&after);
    bool is_class = sql_str_at(q, 2).n > 2; /* "[]": none */
    str_put(sql_str_at(q, 0), endpoint, sizeof endpoint);
    str_put(reviewer, who, sizeof who);
    json_object(&b);
    write_answer(&b, sql_str_at(q, 1), is_class);
    json_object_end(&b);
    json_object(&a);
    json_field_str(&a, "item", item);
    json_field_str(&a, "request", sql_str_at(q, 3));
    write_answer(&a, label, is_class);
    json_field_bool(&a, "overrides", !str_eq(label, sql_str_at(q, 1)));
    json_object_end(&a);
    struct change c = {.endpoint = endpoint,
                       .what = "review.label",
                       .who = who,
                       .why = "",
                       .before = buf_terminated(&before),
                       .after = buf_terminated(&after)};
    return c.before && c.after ? history_add(s, &c, err)
                               : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

bool label_note(struct store *s, struct str item, struct str label, struct str reviewer, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT endpoint, prediction, labels, request_id FROM review_items WHERE id = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, item);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return fail(err, ERR_NOT_FOUND, "There is no review item \"%.*s\".", STR_ARG(str_slice(item, 0, 80)));
    bool good = note(s, q, item, label, reviewer, err);
    sql_end(q);
    return good;
}
