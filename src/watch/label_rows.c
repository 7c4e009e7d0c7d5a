#include "watch/label_rows.h"

#include "store/sql.h"
#include "watch/records.h"

#include <stdlib.h>
#include <string.h>

/* ---- what was said ---- */

static bool no_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for the labels.");
}

static bool is_held_out(const char blob[SHA256_HEX_SIZE]) {
    return hash64((struct str){blob, SHA256_HEX_SIZE - 1}, UINT64_C(0x6c6162656c)) % 100 < LABELS_HELD_OUT;
}

static bool add(struct label_rows *rows, struct str blob, struct str type, struct str label,
                struct str fields, struct str request_id, struct error *err) {
    rows->said++;
    if (blob.n != SHA256_HEX_SIZE - 1) {
        rows->gone++;
        return true;
    }
    if (rows->count == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 256;
        struct label_row *more = realloc(rows->list, room * sizeof *more);
        if (!more)
            return no_memory(err);
        rows->list = more;
        rows->room = room;
    }
    struct label_row *row = &rows->list[rows->count];
    *row = (struct label_row){.type = str_dup(type), .label = str_dup(label), .fields = str_dup(fields)};
    memcpy(row->blob, blob.p, blob.n);
    row->held_out = is_held_out(row->blob);
    str_put(request_id, row->request_id, sizeof row->request_id);
    rows->count++;
    return (row->type && row->label && row->fields) || no_memory(err);
}

static bool add_reviews(struct store *s, struct str endpoint, struct label_rows *rows, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT k.blob, k.type, r.label, r.fields, r.request_id FROM review_items r"
                      " LEFT JOIN kept_inputs k ON k.event = r.event"
                      " WHERE r.endpoint = ? AND r.resolved IS NOT NULL AND r.gold IS NULL"
                      " AND r.kind <> 2 ORDER BY r.id",
                      err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        if (!add(rows, sql_str_at(q, 0), sql_str_at(q, 1), sql_str_at(q, 2), sql_str_at(q, 3),
                 sql_str_at(q, 4), err)) {
            sql_end(q);
            return false;
        }
    }
    return false;
}

struct lookup {
    struct label_rows *rows;
    struct str label, request_id;
    struct error *err;
    bool found, good;
};

static void add_record(const struct record *record, void *ctx) {
    struct lookup *l = ctx;
    l->found = true;
    l->good = add(l->rows, str_from(record->input.blob), record->input.type, l->label, STR(""), l->request_id,
                  l->err);
}

/* What was said of a request that also has an item that a person resolved is not heard twice. */
static bool add_feedback(struct store *s, struct str endpoint, struct label_rows *rows, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT f.request_id, f.label FROM feedback f WHERE f.endpoint = ? AND f.label <> ''"
                      " AND NOT EXISTS (SELECT 1 FROM review_items r WHERE r.request_id = f.request_id"
                      " AND r.resolved IS NOT NULL AND r.gold IS NULL) ORDER BY f.request_id",
                      err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct lookup l = {.rows = rows,
                           .request_id = sql_str_at(q, 0),
                           .label = sql_str_at(q, 1),
                           .err = err,
                           .good = true};
        struct record_filter filter = {.request_id = l.request_id, .limit = 1};
        bool good = records_visit(s, &filter, add_record, &l, err) && l.good;
        if (good && !l.found)
            good = add(rows, STR(""), STR(""), l.label, STR(""), l.request_id, err);
        if (!good) {
            sql_end(q);
            return false;
        }
    }
    return false;
}

/* ---- one row for each input ---- */

static int compare(const void *a, const void *b) {
    const struct label_row *x = a, *y = b;
    int order = strcmp(x->blob, y->blob);
    if (order == 0)
        order = strcmp(x->label, y->label);
    return order ? order : strcmp(x->request_id, y->request_id);
}

static void drop(struct label_row *row) {
    free(row->type);
    free(row->label);
    free(row->fields);
}

/* Of rows that say the same the first that also corrects fields, or the first. */
static struct label_row *with_fields(struct label_row *first, const struct label_row *end) {
    for (struct label_row *at = first; at < end; at++)
        if (at->fields[0])
            return at;
    return first;
}

/* Of the rows from `first` until before `end`, which are about one input: the winner, or NULL. */
static struct label_row *winner(struct label_row *first, struct label_row *end, size_t *votes) {
    struct label_row *best = NULL;
    size_t most = 0;
    bool tie = false;
    for (struct label_row *at = first; at < end;) {
        struct label_row *next = at;
        while (next < end && strcmp(next->label, at->label) == 0)
            next++;
        size_t n = (size_t)(next - at);
        tie = n == most || (tie && n < most);
        if (n > most) {
            best = with_fields(at, next);
            most = n;
        }
        at = next;
    }
    *votes = most;
    return tie ? NULL : best;
}

static void settle(struct label_rows *rows) {
    size_t kept = 0;
    qsort(rows->list, rows->count, sizeof *rows->list, compare);
    for (size_t i = 0; i < rows->count;) {
        size_t end = i, votes;
        while (end < rows->count && strcmp(rows->list[end].blob, rows->list[i].blob) == 0)
            end++;
        struct label_row *best = winner(&rows->list[i], &rows->list[end], &votes);
        if (!best && rows->ties++ < 5)
            str_put(str_from(rows->list[i].request_id), rows->tie[rows->ties - 1], sizeof rows->tie[0]);
        rows->repeated += best ? votes - 1 : 0;
        rows->overruled += best ? end - i - votes : 0;
        struct label_row won = best ? *best : (struct label_row){0};
        for (size_t k = i; k < end; k++)
            if (&rows->list[k] != best)
                drop(&rows->list[k]);
        if (best) {
            rows->corrected += won.fields[0] != '\0';
            rows->list[kept++] = won;
        }
        i = end;
    }
    rows->count = kept;
}

bool label_rows_collect(struct store *s, struct str endpoint, struct label_rows *out, struct error *err) {
    *out = (struct label_rows){0};
    bool good = add_reviews(s, endpoint, out, err) && add_feedback(s, endpoint, out, err);
    if (good && out->count > 0)
        settle(out);
    return good;
}

void label_rows_free(struct label_rows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        drop(&rows->list[i]);
    free(rows->list);
    *rows = (struct label_rows){0};
}
