#include "watch/retention.h"

#include "base/clock.h"
#include "base/ids.h"
#include "store/blobs.h"
#include "store/sql.h"
#include "watch/record_page.h"
#include "watch/records.h"

#include <stdlib.h>
#include <string.h>

struct expired {
    int64_t event;
    char blob[SHA256_HEX_SIZE];
};

static bool find_expired(struct store *s, int64_t now, unsigned most, struct expired *out, unsigned *count,
                         struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT event, blob FROM kept_inputs WHERE keep_until <= ? ORDER BY keep_until LIMIT ?", err);
    bool row = q != NULL;
    *count = 0;
    if (!q)
        return false;
    sql_bind_int(q, 1, now);
    sql_bind_int(q, 2, most);
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            break;
        struct expired *e = &out[(*count)++];
        struct str blob = sql_str_at(q, 1);
        *e = (struct expired){.event = sql_int_at(q, 0)};
        if (blob.n == SHA256_HEX_SIZE - 1)
            memcpy(e->blob, blob.p, blob.n);
    }
    return true;
}

static bool delete_row(struct store *s, int64_t event, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM kept_inputs WHERE event = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, event);
    return sql_run(s, q, err);
}

static bool is_named(struct store *s, const char *blob, bool *named, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT 1 FROM kept_inputs WHERE blob = ? LIMIT 1", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(blob));
    if (!sql_step(s, q, named, err))
        return false;
    sql_end(q);
    return true;
}

/* The bytes go before the commit: were it lost, the rows are found again and removing is repeated. */
static bool remove_expired(struct store *s, const struct expired *list, unsigned count, struct error *err) {
    for (unsigned i = 0; i < count; i++)
        if (!delete_row(s, list[i].event, err))
            return false;
    for (unsigned i = 0; i < count; i++) {
        bool named = true;
        if (list[i].blob[0] && !is_named(s, list[i].blob, &named, err))
            return false;
        if (!named && !blob_remove(store_inputs_folder(s), list[i].blob, err))
            return false;
    }
    return true;
}

/* *size -1: none is kept. */
static bool find_kept(struct store *s, int64_t event, struct expired *out, int64_t *size, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT blob, size FROM kept_inputs WHERE event = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, event);
    if (!sql_step(s, q, &row, err))
        return false;
    *out = (struct expired){.event = event};
    *size = row ? sql_int_at(q, 1) : -1;
    if (!row)
        return true;
    struct str blob = sql_str_at(q, 0);
    if (blob.n == SHA256_HEX_SIZE - 1)
        memcpy(out->blob, blob.p, blob.n);
    sql_end(q);
    return true;
}

bool retention_kept(struct store *s, int64_t event, int64_t *bytes, struct error *err) {
    struct expired one;
    return find_kept(s, event, &one, bytes, err);
}

bool retention_remove(struct store *s, int64_t event, int64_t *bytes, struct error *err) {
    struct expired one;
    return find_kept(s, event, &one, bytes, err) && (*bytes < 0 || remove_expired(s, &one, 1, err));
}

bool retention_run(struct store *s, int64_t now, unsigned most, bool *more, struct error *err) {
    struct expired *list = calloc(most, sizeof *list);
    unsigned count = 0;
    if (!list)
        return fail(err, ERR_NO_MEMORY, "Out of memory while deleting kept inputs.");
    bool ok = find_expired(s, now, most, list, &count, err);
    if (ok && count > 0) {
        ok = store_begin(s, false, err);
        if (ok && !remove_expired(s, list, count, err)) {
            store_rollback(s);
            ok = false;
        } else if (ok) {
            ok = store_commit(s, err);
        }
    }
    free(list);
    if (ok)
        *more = count == most;
    return ok;
}

struct sweep {
    struct store *store;
    struct error *err;
    bool ok;
};

static void sweep_one(const char *hex, int64_t age_seconds, void *ctx) {
    struct sweep *sweep = ctx;
    bool named = true;
    if (!sweep->ok || age_seconds < 3600)
        return;
    sweep->ok = is_named(sweep->store, hex, &named, sweep->err) &&
                (named || blob_remove(store_inputs_folder(sweep->store), hex, sweep->err));
}

bool retention_sweep(struct store *s, unsigned slice, struct error *err) {
    struct sweep sweep = {.store = s, .err = err, .ok = true};
    blob_visit(store_inputs_folder(s), slice, sweep_one, &sweep);
    return sweep.ok;
}

/* ---- records ---- */

enum { PAGES_AT_ONCE = 8, ROWS_AT_ONCE = 512, GROUPS_AT_ONCE = 256 };

static bool delete_request_id(struct store *s, struct str request_id, int64_t row, struct error *err) {
    if (record_found_by_time(request_id, row))
        return true;
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM request_ids WHERE request_id = ? AND event = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, request_id);
    sql_bind_int(q, 2, row);
    return sql_run(s, q, err);
}

/* A page that is damaged goes all the same; what it had in request_ids leads nowhere then. */
static bool delete_page(struct store *s, struct page_reader *page, int64_t id, struct str body,
                        struct error *err) {
    if (page_open(page, body, id, NULL, 0, NULL))
        for (unsigned i = 0; i < page->count; i++) {
            page_read(page, i);
            if (!delete_request_id(s, page->event.request_id, page->rows[i], err))
                return false;
        }
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM event_pages WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, id);
    return sql_run(s, q, err);
}

/* The oldest, one by one. A page is of one commit, so that its first event is as old as the rest. */
static bool delete_pages(struct store *s, int64_t before, bool *more, struct error *err) {
    struct page_reader *page = malloc(sizeof *page);
    bool ok = page || fail(err, ERR_NO_MEMORY, "Out of memory while deleting old records."), row = true;
    for (int i = 0; ok && row && i < PAGES_AT_ONCE; i++) {
        sqlite3_stmt *q = sql_statement(s, "SELECT id, body FROM event_pages ORDER BY id LIMIT 1", err);
        ok = q && sql_step(s, q, &row, err);
        row = ok && row && sql_int_at(q, 0) < before;
        if (row)
            ok = delete_page(s, page, sql_int_at(q, 0), sql_blob_at(q, 1), err);
        if (q)
            sql_end(q);
    }
    free(page);
    *more |= ok && row;
    return ok;
}

/* Those of the first schema. */
static bool delete_rows(struct store *s, int64_t before, bool *more, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT id, request_id FROM events WHERE id < ? ORDER BY id LIMIT ?", err);
    int64_t last = 0, count = 0;
    bool row = q != NULL;
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, ROWS_AT_ONCE);
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            break;
        last = sql_int_at(q, 0);
        count++;
        if (!delete_request_id(s, sql_str_at(q, 1), last, err)) {
            sql_end(q);
            return false;
        }
    }
    *more |= count == ROWS_AT_ONCE;
    q = count > 0 ? sql_statement(s, "DELETE FROM events WHERE id <= ?", err) : NULL;
    if (!q)
        return count == 0;
    sql_bind_int(q, 1, last);
    return sql_run(s, q, err);
}

/* Of one endpoint after the other, since their key begins with it. */
static bool delete_groups(struct store *s, int64_t before, bool *more, struct error *err) {
    char endpoint[256] = "";
    for (bool row = true;;) {
        sqlite3_stmt *q = sql_statement(
            s, "SELECT endpoint FROM event_groups WHERE endpoint > ? ORDER BY endpoint LIMIT 1", err);
        if (!q)
            return false;
        sql_bind_str(q, 1, str_from(endpoint));
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return true;
        struct str next = str_slice(sql_str_at(q, 0), 0, sizeof endpoint - 1);
        memcpy(endpoint, next.p, next.n);
        endpoint[next.n] = '\0';
        sql_end(q);
        q = sql_statement(
            s,
            "DELETE FROM event_groups WHERE endpoint = ?1 AND last < ?2 AND last <= coalesce("
            "(SELECT last FROM event_groups WHERE endpoint = ?1 ORDER BY last LIMIT 1 OFFSET ?3), ?2)",
            err);
        if (!q)
            return false;
        sql_bind_str(q, 1, str_from(endpoint));
        sql_bind_int(q, 2, before);
        sql_bind_int(q, 3, GROUPS_AT_ONCE);
        if (!sql_run(s, q, err))
            return false;
        *more |= sql_changed_rows(s) > GROUPS_AT_ONCE;
    }
}

bool retention_records(struct store *s, int64_t before, bool *more, struct error *err) {
    bool left = false;
    if (!store_begin(s, false, err))
        return false;
    if (!delete_pages(s, before / 1000, &left, err) || !delete_rows(s, before / 1000, &left, err) ||
        !delete_groups(s, before / 1000, &left, err)) {
        store_rollback(s);
        return false;
    }
    *more = left;
    return store_commit(s, err);
}

/* ---- what people said ---- */

static bool run_for(struct store *s, const char *constant_sql, const char *id, int64_t before, unsigned most,
                    struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, most);
    if (id)
        sql_bind_str(q, 3, str_from(id));
    return sql_run(s, q, err);
}

/* IDs are in the order of making, and nothing is decided before it is made: so the search ends at `before`.
 */
#define OLD_ITEMS                                                                                            \
    "(SELECT id FROM review_items WHERE id < ?3 AND resolved IS NOT NULL AND resolved < ?1 ORDER BY id "     \
    "LIMIT ?2)"

bool retention_reviews(struct store *s, int64_t before, unsigned most, bool *more, struct error *err) {
    char id[ID_SIZE];
    if (before <= 0)
        return true;
    id_make(before, id);
    if (!store_begin(s, false, err))
        return false;
    if (!run_for(s, "DELETE FROM review_opinions WHERE item IN " OLD_ITEMS, id, before, most, err) ||
        !run_for(s, "DELETE FROM review_skips WHERE item IN " OLD_ITEMS, id, before, most, err) ||
        !run_for(s, "DELETE FROM review_items WHERE id IN " OLD_ITEMS, id, before, most, err)) {
        store_rollback(s);
        return false;
    }
    *more = sql_changed_rows(s) == most;
    return store_commit(s, err);
}

/* The oldest are those that were written first. */
bool retention_feedback(struct store *s, int64_t before, unsigned most, bool *more, struct error *err) {
    if (!run_for(
            s,
            "DELETE FROM feedback WHERE rowid IN (SELECT rowid FROM (SELECT rowid, at FROM feedback ORDER"
            " BY rowid LIMIT ?2) WHERE at < ?1)",
            NULL, before, most, err))
        return false;
    *more = sql_changed_rows(s) == most;
    return true;
}
