#include "store/spend.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "store/sql.h"

#include <stdlib.h>
#include <time.h>

#define MINUTE_NS (60 * NS_PER_SECOND)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

enum { GROUPS = 1024, GROUPS_MAX = GROUPS * 3 / 4, MINUTES_KEPT_DAYS = 1, HOURS_KEPT_DAYS = 40 };

const char *spend_window_name(enum spend_window window) {
    static const char *const names[SPEND_WINDOWS] = {"minute", "hour", "day", "month", "total"};
    return names[window];
}

const char *spend_scope_name(enum spend_scope scope) {
    static const char *const names[SPEND_SCOPES] = {"global", "team", "user", "key"};
    return names[scope];
}

/* ---- windows ---- */

/* The first of the month of `wall_ns`, `months` later. */
static int64_t month_start(int64_t wall_ns, int months) {
    time_t seconds = (time_t)(wall_ns / NS_PER_SECOND);
    struct tm parts;
    CHECK(gmtime_r(&seconds, &parts));
    struct tm first = {.tm_year = parts.tm_year, .tm_mon = parts.tm_mon + months, .tm_mday = 1};
    return (int64_t)timegm(&first) * NS_PER_SECOND;
}

static int64_t length_of(enum spend_window window) {
    return window == SPEND_MINUTE ? MINUTE_NS : window == SPEND_HOUR ? HOUR_NS : DAY_NS;
}

int64_t spend_window_start(enum spend_window window, int64_t wall_ns) {
    if (window == SPEND_TOTAL)
        return 0;
    if (window == SPEND_MONTH)
        return month_start(wall_ns, 0);
    return wall_ns - wall_ns % length_of(window);
}

int64_t spend_window_end(enum spend_window window, int64_t wall_ns) {
    if (window == SPEND_TOTAL)
        return INT64_MAX;
    if (window == SPEND_MONTH)
        return month_start(wall_ns, 1);
    return spend_window_start(window, wall_ns) + length_of(window);
}

/* ---- the recorder's writer: charges of one transaction, summed by account and minute ---- */

struct group {
    uint32_t account; /* 0: empty */
    int64_t minute;   /* when it began */
    struct spend_amount amount;
};

struct spend_writer {
    struct store *store;
    struct spend_journal *journal;
    uint64_t commits; /* the last one that is known to be in the store */
    struct group groups[GROUPS];
    size_t group_count;
    struct slot_list {
        uint32_t *slots;
        size_t count, room;
    } added, kept; /* in this transaction; to be in the next */
};

bool spend_writer_new(struct spend_writer **out, struct store *s, struct spend_journal *journal,
                      struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT number FROM spend_commits WHERE journal = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, spend_journal_index(journal));
    if (!sql_step(s, q, &row, err))
        return false;
    int64_t number = row ? sql_int_at(q, 0) : 0;
    if (row)
        sql_end(q);
    struct spend_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading what was spent.");
    w->store = s;
    w->journal = journal;
    w->commits = (uint64_t)number;
    *out = w;
    return true;
}

void spend_writer_free(struct spend_writer *w) {
    if (!w)
        return;
    free(w->added.slots);
    free(w->kept.slots);
    free(w);
}

bool spend_writer_has(const struct spend_writer *w, uint32_t slot) {
    uint64_t commit = spend_slot_commit(w->journal, slot);
    return commit != 0 && commit <= w->commits;
}

static bool write_row(struct spend_writer *w, enum spend_window window, const struct group *g,
                      struct error *err) {
    struct str subject;
    enum spend_scope scope = spend_journal_account(w->journal, g->account, &subject);
    sqlite3_stmt *q = sql_statement(
        w->store,
        "INSERT INTO spend (span, start, scope, subject, requests, tokens, cost, unpriced)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (span, start, scope, subject) DO UPDATE SET"
        " requests = spend.requests + excluded.requests, tokens = spend.tokens + excluded.tokens,"
        " cost = spend.cost + excluded.cost, unpriced = spend.unpriced + excluded.unpriced",
        err);
    if (!q)
        return false;
    sql_bind_int(q, 1, window);
    sql_bind_int(q, 2, spend_window_start(window, g->minute));
    sql_bind_int(q, 3, scope);
    sql_bind_str(q, 4, subject);
    sql_bind_int(q, 5, g->amount.requests);
    sql_bind_int(q, 6, g->amount.tokens);
    sql_bind_int(q, 7, g->amount.nanodollars);
    sql_bind_int(q, 8, g->amount.unpriced);
    return sql_run(w->store, q, err);
}

static bool write_groups(struct spend_writer *w, struct error *err) {
    for (size_t i = 0; w->group_count > 0 && i < GROUPS; i++) {
        struct group *g = &w->groups[i];
        if (!g->account)
            continue;
        for (enum spend_window window = 0; window < SPEND_WINDOWS; window++)
            if (!write_row(w, window, g, err))
                return false;
        *g = (struct group){0};
        w->group_count--;
    }
    return true;
}

static bool add_to_account(struct spend_writer *w, uint32_t account, int64_t minute,
                           const struct spend_amount *amount, struct error *err) {
    if (w->group_count >= GROUPS_MAX && !write_groups(w, err))
        return false;
    size_t at = hash64_u64(account ^ (uint64_t)minute) % GROUPS;
    while (w->groups[at].account && (w->groups[at].account != account || w->groups[at].minute != minute))
        at = (at + 1) % GROUPS;
    struct group *g = &w->groups[at];
    w->group_count += g->account == 0;
    g->account = account;
    g->minute = minute;
    g->amount.requests += amount->requests;
    g->amount.tokens += amount->tokens;
    g->amount.nanodollars += amount->nanodollars;
    g->amount.unpriced += amount->unpriced;
    return true;
}

static bool append(struct slot_list *list, uint32_t slot) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        uint32_t *more = realloc(list->slots, room * sizeof *more);
        if (!more)
            return false;
        list->slots = more;
        list->room = room;
    }
    list->slots[list->count++] = slot;
    return true;
}

void spend_writer_keep(struct spend_writer *w, uint32_t slot) {
    (void)append(&w->kept, slot); /* out of memory: the journal has it until the next start */
}

bool spend_writer_add(struct spend_writer *w, uint32_t slot, struct error *err) {
    struct spend_slot_view view;
    if (!append(&w->added, slot))
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing what was spent.");
    spend_slot_read(w->journal, slot, &view);
    /* Before the commit: a process that ends between the two finds the number in the store, or does not. */
    spend_slot_mark(w->journal, slot, w->commits + 1);
    int64_t minute = spend_window_start(SPEND_MINUTE, view.wall_ns);
    for (size_t i = 0; i < SPEND_SCOPES; i++)
        if (view.accounts[i] && !add_to_account(w, view.accounts[i], minute, &view.amount, err))
            return false;
    return true;
}

bool spend_writer_end(struct spend_writer *w, struct error *err) {
    for (size_t i = 0; i < w->kept.count; i++)
        if (!spend_writer_add(w, w->kept.slots[i], err))
            return false;
    if (w->added.count == 0)
        return true;
    if (!write_groups(w, err))
        return false;
    sqlite3_stmt *q = sql_statement(w->store,
                                    "INSERT INTO spend_commits (journal, number) VALUES (?, ?)"
                                    " ON CONFLICT (journal) DO UPDATE SET number = excluded.number",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, spend_journal_index(w->journal));
    sql_bind_int(q, 2, (int64_t)w->commits + 1);
    return sql_run(w->store, q, err);
}

void spend_writer_committed(struct spend_writer *w) {
    if (w->added.count == 0)
        return;
    w->commits++;
    for (size_t i = 0; i < w->added.count; i++)
        spend_slot_free(w->journal, w->added.slots[i]);
    w->added.count = w->kept.count = 0;
}

void spend_writer_forget(struct spend_writer *w) {
    for (size_t i = 0; i < w->added.count; i++)
        spend_slot_mark(w->journal, w->added.slots[i], 0);
    w->added.count = 0;
    memset(w->groups, 0, sizeof w->groups);
    w->group_count = 0;
}

/* ---- reading ---- */

bool spend_visit(struct store *s, enum spend_window window, int64_t from, int64_t to,
                 void (*visit)(const struct spend_row *row, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT start, scope, subject, requests, tokens, cost, unpriced FROM spend"
                      " WHERE span = ? AND start >= ? AND start < ? ORDER BY start, scope, subject",
                      err);
    bool row;
    if (!q)
        return false;
    sql_bind_int(q, 1, window);
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    for (;;) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return true;
        int64_t scope = sql_int_at(q, 1);
        if (scope < 0 || scope >= SPEND_SCOPES)
            continue;
        visit(&(struct spend_row){.scope = (enum spend_scope)scope,
                                  .subject = sql_str_at(q, 2),
                                  .window = window,
                                  .start = sql_int_at(q, 0),
                                  .amount = {.requests = sql_int_at(q, 3),
                                             .tokens = sql_int_at(q, 4),
                                             .nanodollars = sql_int_at(q, 5),
                                             .unpriced = sql_int_at(q, 6)}},
              ctx);
    }
}

static bool prune_window(struct store *s, enum spend_window window, int64_t before, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "DELETE FROM spend WHERE span = ? AND start < ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, window);
    sql_bind_int(q, 2, before);
    return sql_run(s, q, err);
}

bool spend_prune(struct store *s, int64_t wall_ns, struct error *err) {
    if (!store_begin(s, false, err))
        return false;
    if (prune_window(s, SPEND_MINUTE, wall_ns - MINUTES_KEPT_DAYS * DAY_NS, err) &&
        prune_window(s, SPEND_HOUR, wall_ns - HOURS_KEPT_DAYS * DAY_NS, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}
