#include "watch/retention.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/sql.h"

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
