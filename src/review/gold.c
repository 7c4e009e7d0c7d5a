#include "review/gold.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/kinds.h"
#include "store/sql.h"

#include <math.h>
#include <string.h>

/* ---- making ---- */

/* Each gets a kept input of its own, below 0, which no retention ends. */
static bool keep_input(struct store *s, int64_t of, int64_t event, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO kept_inputs (event, blob, type, size, keep_until, text)"
                                    " SELECT ?1, blob, type, size, NULL, text FROM kept_inputs"
                                    " WHERE event = ?2",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, event);
    sql_bind_int(q, 2, of);
    return sql_run(s, q, err);
}

static bool make(struct store *s, struct str item, int64_t of, struct error *err) {
    char id[ID_SIZE];
    int64_t lowest;
    if (!sql_number(s, "SELECT min(0, coalesce(min(event), 0)) FROM kept_inputs", &lowest, err) ||
        !keep_input(s, of, lowest - 1, err))
        return false;
    sqlite3_stmt *q =
        sql_statement(s,
                      "INSERT INTO review_gold (id, endpoint, label, source, request, event, input_hash,"
                      " model, reason, detail, prediction, confidence, labels, created, planted)"
                      " SELECT ?1, endpoint, label, 'item ' || id, request_id, ?2, input_hash, model,"
                      " CASE kind WHEN 1 THEN 'low_confidence' ELSE reason END, detail, prediction,"
                      " confidence, labels, ?3, 0 FROM review_items WHERE id = ?4",
                      err);
    if (!q)
        return false;
    id_make(clock_wall(), id);
    sql_bind_str(q, 1, str_from(id));
    sql_bind_int(q, 2, lowest - 1);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, item);
    return sql_run(s, q, err);
}

/* The next resolved item that is none yet; item "" where there is none. */
static bool find(struct store *s, struct str endpoint, unsigned opinions, char item[ID_SIZE], int64_t *event,
                 struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT r.id, r.event FROM review_items r JOIN kept_inputs k ON k.event = r.event"
        " WHERE r.endpoint = ?1 AND r.resolved IS NOT NULL AND r.gold IS NULL AND r.kind <> 2 AND r.action = "
        "''"
        " AND (SELECT count(*) FROM review_opinions o WHERE o.item = r.id AND o.label = r.label) >= ?2"
        " AND NOT EXISTS (SELECT 1 FROM review_gold g WHERE g.endpoint = r.endpoint"
        " AND g.request = r.request_id) ORDER BY r.resolved DESC LIMIT 1",
        err);
    bool row;
    item[0] = '\0';
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    sql_bind_int(q, 2, opinions);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    str_put(sql_str_at(q, 0), item, ID_SIZE);
    *event = sql_int_at(q, 1);
    sql_end(q);
    return true;
}

static bool make_all(struct store *s, struct str endpoint, unsigned opinions, unsigned most, unsigned *made,
                     struct error *err) {
    char item[ID_SIZE];
    int64_t event = 0;
    for (*made = 0; *made < most; (*made)++) {
        if (!find(s, endpoint, opinions, item, &event, err))
            return false;
        if (!item[0])
            return true;
        if (!make(s, str_from(item), event, err))
            return false;
    }
    return true;
}

static bool end(struct store *s, bool good, struct error *err) {
    if (good)
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

bool gold_from_resolved(struct store *s, struct str endpoint, unsigned opinions, unsigned most,
                        unsigned *made, struct error *err) {
    return store_begin(s, true, err) && end(s, make_all(s, endpoint, opinions, most, made, err), err);
}

/* ---- retiring ---- */

static bool run_for(struct store *s, const char *text, struct str endpoint, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, text, err);
    if (!q)
        return false;
    sql_bind_str(q, 1, endpoint);
    return sql_run(s, q, err);
}

static bool retire(struct store *s, struct str endpoint, unsigned *retired, struct error *err) {
    if (!run_for(s, "UPDATE review_gold SET retired = 1 WHERE endpoint = ? AND retired IS NULL", endpoint,
                 err))
        return false;
    *retired = (unsigned)sql_changed_rows(s);
    return run_for(s, "DELETE FROM review_items WHERE endpoint = ? AND gold IS NOT NULL AND resolved IS NULL",
                   endpoint, err) &&
           run_for(s,
                   "DELETE FROM kept_inputs WHERE event IN (SELECT g.event FROM review_gold g"
                   " WHERE g.endpoint = ? AND g.retired IS NOT NULL AND NOT EXISTS"
                   " (SELECT 1 FROM review_items r WHERE r.event = g.event))",
                   endpoint, err);
}

bool gold_retire(struct store *s, struct str endpoint, unsigned *retired, struct error *err) {
    return store_begin(s, true, err) && end(s, retire(s, endpoint, retired, err), err);
}

/* ---- planting ---- */

static bool arrivals(struct store *s, const char *endpoint, int64_t from, int64_t to, int64_t *out,
                     struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT count(*) FROM review_items WHERE endpoint = ? AND created > ?"
                                    " AND created <= ? AND gold IS NULL",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    if (!sql_step(s, q, &row, err))
        return false;
    *out = row ? sql_int_at(q, 0) : 0;
    sql_end(q);
    return true;
}

/* Not one that is in the queue already. id "" where there is none. */
static bool choose(struct store *s, const char *endpoint, char id[ID_SIZE], double *confidence,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "SELECT g.id, g.confidence FROM review_gold g WHERE g.endpoint = ? AND g.retired IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM review_items r WHERE r.gold = g.id"
        " AND r.resolved IS NULL) ORDER BY g.planted, g.id LIMIT 1",
        err);
    bool row;
    id[0] = '\0';
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    if (!sql_step(s, q, &row, err))
        return false;
    if (row) {
        str_put(sql_str_at(q, 0), id, ID_SIZE);
        *confidence = sql_null_at(q, 1) ? 0 : sqlite3_column_double(q, 1);
        sql_end(q);
    }
    return true;
}

static bool insert(struct store *s, const char *gold, const struct gold_terms *t, double risk,
                   int64_t created, struct error *err) {
    char id[ID_SIZE];
    sqlite3_stmt *q = sql_statement(
        s,
        "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail, prediction,"
        " confidence, labels, event, input_hash, kind, rank, risk, due, lease, wanted, gold)"
        " SELECT ?1, request, endpoint, model, ?2, reason, detail, prediction, confidence, labels, event,"
        " input_hash, 0, ?3, ?4, ?5, ?6, 1, id FROM review_gold WHERE id = ?7",
        err);
    if (!q)
        return false;
    id_make(created, id);
    sql_bind_str(q, 1, str_from(id));
    sql_bind_int(q, 2, created);
    sql_bind_int(q, 3, review_rank(created, created + t->deadline, risk));
    sql_bind_double(q, 4, risk);
    sql_bind_int(q, 5, created + t->deadline);
    sql_bind_int(q, 6, t->lease);
    sql_bind_str(q, 7, str_from(gold));
    if (!sql_run(s, q, err))
        return false;
    q = sql_statement(s, "UPDATE review_gold SET planted = ?1 WHERE id = ?2", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, created);
    sql_bind_str(q, 2, str_from(gold));
    return sql_run(s, q, err);
}

/* What nobody could be given in time: they all know it. */
static bool withdraw(struct store *s, const char *endpoint, int64_t now, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "DELETE FROM review_items WHERE endpoint = ? AND gold IS NOT NULL"
                                    " AND resolved IS NULL AND due < ? AND claimed_until < ?",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_int(q, 2, now);
    sql_bind_int(q, 3, now);
    return sql_run(s, q, err);
}

static bool plant(struct store *s, const char *endpoint, const struct gold_terms *t, int64_t from, int64_t to,
                  double (*chance)(void *ctx), void *ctx, unsigned *planted, struct error *err) {
    int64_t count;
    char gold[ID_SIZE];
    double confidence = 0;
    if (!arrivals(s, endpoint, from, to, &count, err))
        return false;
    if (count > 0 && !withdraw(s, endpoint, to, err))
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (chance(ctx) >= t->share)
            continue;
        if (!choose(s, endpoint, gold, &confidence, err))
            return false;
        if (!gold[0])
            return true;
        int64_t created = from + (int64_t)((double)(to - from) * chance(ctx));
        if (!insert(s, gold, t, 1 - fmin(1, fmax(0, confidence)), created, err))
            return false;
        ++*planted;
    }
    return true;
}

bool gold_plant(struct store *s, const char *endpoint, const struct gold_terms *terms, int64_t from,
                int64_t to, double (*chance)(void *ctx), void *ctx, unsigned *planted, struct error *err) {
    *planted = 0;
    return store_begin(s, false, err) &&
           end(s, plant(s, endpoint, terms, from, to, chance, ctx, planted, err), err);
}
