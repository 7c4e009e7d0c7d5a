#include "review/audit.h"

#include "store/sql.h"

#include <math.h>

bool review_audit_visit(struct store *s, struct str endpoint, int64_t from, int64_t to,
                        void (*visit)(const struct review_audit_row *row, void *ctx), void *ctx,
                        struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT id, request_id, model, prediction, label, confidence, share, created, resolved"
                      " FROM review_items WHERE kind = 1 AND endpoint = ? AND created >= ? AND created < ?"
                      " ORDER BY created",
                      err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        double share = sqlite3_column_double(q, 6);
        struct review_audit_row one = {.id = sql_str_at(q, 0),
                                       .request_id = sql_str_at(q, 1),
                                       .model = sql_str_at(q, 2),
                                       .prediction = sql_str_at(q, 3),
                                       .label = sql_str_at(q, 4),
                                       .confidence = sql_null_at(q, 5) ? -1 : sqlite3_column_double(q, 5),
                                       .share = share,
                                       .weight = share > 0 ? 1 / share : 0,
                                       .created = sql_int_at(q, 7),
                                       .resolved = sql_int_at(q, 8)};
        visit(&one, ctx);
    }
    return false;
}

void review_estimate_add(struct review_estimate *e, bool right, double weight) {
    e->rows++;
    e->weight += weight;
    e->square += weight * weight;
    e->hit += right ? weight : 0;
}

void review_estimate_end(struct review_estimate *e) {
    e->value = 0;
    e->low = 0;
    e->high = 1;
    if (e->rows == 0 || !(e->weight > 0))
        return;
    double p = e->hit / e->weight, n = e->weight * e->weight / e->square, z = 1.959963984540054;
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    e->value = p;
    e->low = fmax(0, middle - reach);
    e->high = fmin(1, middle + reach);
}

static void add_row(const struct review_audit_row *row, void *ctx) {
    if (row->resolved)
        review_estimate_add(ctx, str_eq(row->label, row->prediction), row->weight);
}

bool review_audit_accuracy(struct store *s, struct str endpoint, int64_t from, int64_t to,
                           struct review_estimate *out, struct error *err) {
    *out = (struct review_estimate){0};
    if (!review_audit_visit(s, endpoint, from, to, add_row, out, err))
        return false;
    review_estimate_end(out);
    return true;
}
