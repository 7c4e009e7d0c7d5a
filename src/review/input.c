#include "review/input.h"

#include "review/review.h"
#include "store/blobs.h"
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

static bool find(struct store *s, struct str id, char hex[SHA256_HEX_SIZE], char *type, size_t size,
                 struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT k.blob, k.type FROM review_items r"
                                    " LEFT JOIN kept_inputs k ON k.event = r.event WHERE r.id = ?",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return review_unknown(id, err);
    struct str blob = sql_str_at(q, 0), kind = sql_str_at(q, 1);
    bool kept = blob.n == SHA256_HEX_SIZE - 1;
    if (kept) {
        memcpy(hex, blob.p, blob.n);
        hex[blob.n] = '\0';
        snprintf(type, size, "%.*s", STR_ARG(kind));
    }
    sql_end(q);
    return kept || fail(err, ERR_NOT_FOUND,
                        "The input of this item is not kept: see keep_inputs and retention of its endpoint.");
}

bool review_input(struct store *s, struct str id, char *type, size_t size, struct buf *out,
                  struct error *err) {
    char hex[SHA256_HEX_SIZE];
    struct blob blob;
    if (!find(s, id, hex, type, size, err) || !blob_map(store_inputs_folder(s), hex, true, &blob, err))
        return false;
    buf_add_str(out, blob.bytes);
    blob_unmap(&blob);
    return true;
}
