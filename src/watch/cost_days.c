#include "watch/cost_days.h"

#include "base/clock.h"
#include "store/spend.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 256, NAME_SIZE = 128 };
static const int64_t DAY_NS = 86400 * NS_PER_SECOND;

struct counts {
    uint64_t requests, unpriced;
    int64_t nanodollars;
};

/* What was noted of one endpoint, model and client on one day. */
struct slot {
    uint64_t hash; /* of the three */
    int64_t day;
    char names[COST_KINDS][NAME_SIZE]; /* that of COST_ALL stays empty */
    struct counts counts;
};

struct cost_days {
    unsigned used, near; /* where the last one was found */
    struct slot slots[SLOTS];
};

struct cost_days *cost_days_new(void) {
    return calloc(1, sizeof(struct cost_days));
}

void cost_days_free(struct cost_days *c) {
    free(c);
}

static void put_name(struct str text, char to[NAME_SIZE]) {
    str_put(text.n ? text : STR("none"), to, NAME_SIZE);
}

static struct slot *slot_of(struct cost_days *c, const struct event *e) {
    uint64_t hash = hash64(e->endpoint, hash64(e->model, hash64(e->client, 0)));
    int64_t day = e->wall_ns / DAY_NS;
    for (unsigned i = 0; i < c->used; i++) {
        unsigned at = (c->near + i) % c->used;
        if (c->slots[at].hash == hash && c->slots[at].day == day) {
            c->near = at;
            return &c->slots[at];
        }
    }
    bool full = c->used == SLOTS - 1; /* the last one is for all others */
    struct slot *s = full ? &c->slots[SLOTS - 1] : &c->slots[c->used];
    c->near = full ? c->near : c->used++;
    if (full && s->day == day)
        return s;
    *s = (struct slot){.hash = full ? 0 : hash, .day = day, .counts = full ? s->counts : (struct counts){0}};
    put_name(full ? STR("other") : e->endpoint, s->names[COST_ENDPOINT]);
    put_name(full ? STR("other") : e->model, s->names[COST_MODEL]);
    put_name(full ? STR("other") : e->client, s->names[COST_CLIENT]);
    return s;
}

void cost_days_note(struct cost_days *c, const struct event *e) {
    if (e->endpoint.n == 0 || e->wall_ns < 0)
        return;
    struct counts *to = &slot_of(c, e)->counts;
    to->requests++;
    if (e->cost_nanodollars < 0)
        to->unpriced++;
    else
        to->nanodollars += e->cost_nanodollars;
}

static bool write_row(struct store *s, const struct slot *from, enum cost_kind kind, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "INSERT INTO cost_days (day, kind, name, requests, cost, unpriced)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name, day) DO UPDATE SET"
        " requests = cost_days.requests + excluded.requests,"
        " cost = cost_days.cost + excluded.cost, unpriced = cost_days.unpriced + excluded.unpriced",
        err);
    if (!q)
        return false;
    sql_bind_int(q, 1, from->day);
    sql_bind_int(q, 2, kind);
    sql_bind_str(q, 3, str_from(from->names[kind]));
    sql_bind_int(q, 4, (int64_t)from->counts.requests);
    sql_bind_int(q, 5, from->counts.nanodollars);
    sql_bind_int(q, 6, (int64_t)from->counts.unpriced);
    return sql_run(s, q, err);
}

static bool write_slot(struct store *s, const struct slot *from, struct error *err) {
    for (enum cost_kind kind = 0; from->counts.requests && kind < COST_KINDS; kind++)
        if (!write_row(s, from, kind, err))
            return false;
    return true;
}

static bool write_slots(struct cost_days *c, struct store *s, struct error *err) {
    for (unsigned i = 0; i < c->used; i++)
        if (!write_slot(s, &c->slots[i], err))
            return false;
    return write_slot(s, &c->slots[SLOTS - 1], err);
}

bool cost_days_write(struct cost_days *c, struct store *s, struct error *err) {
    if (c->used == 0)
        return true;
    if (!store_begin(s, false, err))
        return false;
    if (!write_slots(c, s, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    c->slots[SLOTS - 1].counts = (struct counts){0};
    c->used = c->near = 0;
    return true;
}

static bool run_for(struct store *s, const char *constant_sql, const char *client, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, constant_sql, err);
    if (!q)
        return false;
    sql_bind_int(q, 1, COST_CLIENT);
    sql_bind_str(q, 2, str_from(client));
    return sql_run(s, q, err);
}

bool cost_days_forget(struct store *s, const char *client, int64_t *rows, struct error *err) {
    if (!run_for(s,
                 "INSERT INTO cost_days (day, kind, name, requests, cost, unpriced)"
                 " SELECT day, kind, 'forgotten', requests, cost, unpriced FROM cost_days"
                 " WHERE kind = ?1 AND name = ?2 AND name <> 'forgotten'"
                 " ON CONFLICT (kind, name, day) DO UPDATE SET"
                 " requests = cost_days.requests + excluded.requests,"
                 " cost = cost_days.cost + excluded.cost, unpriced = cost_days.unpriced + excluded.unpriced",
                 client, err) ||
        !run_for(s, "DELETE FROM cost_days WHERE kind = ?1 AND name = ?2 AND name <> 'forgotten'", client,
                 err))
        return false;
    *rows += sql_changed_rows(s);
    return true;
}

/* Adds *day to *sum where it is of the same name and span; otherwise visits what was summed. */
struct summing {
    struct cost_row sum;
    char name[NAME_SIZE];
    void (*visit)(const struct cost_row *row, void *ctx);
    void *ctx;
};

static void sum_up(struct summing *s, const struct cost_row *day) {
    if (s->sum.requests && (!day || s->sum.start != day->start || !str_eq(s->sum.name, day->name))) {
        s->visit(&s->sum, s->ctx);
        s->sum = (struct cost_row){0};
    }
    if (!day)
        return;
    str_put(day->name, s->name, sizeof s->name);
    s->sum.name = str_from(s->name);
    s->sum.start = day->start;
    s->sum.requests += day->requests;
    s->sum.unpriced += day->unpriced;
    s->sum.nanodollars += day->nanodollars;
}

bool cost_days_visit(struct store *s, enum cost_kind kind, bool monthly, int64_t from, int64_t to,
                     void (*visit)(const struct cost_row *row, void *ctx), void *ctx, struct error *err) {
    struct summing summing = {.visit = visit, .ctx = ctx};
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT name, day, requests, cost, unpriced FROM cost_days"
                                    " WHERE kind = ? AND day >= ? AND day < ? ORDER BY name, day",
                                    err);
    bool row = q != NULL;
    if (!q)
        return false;
    sql_bind_int(q, 1, kind);
    sql_bind_int(q, 2, (from + DAY_NS - 1) / DAY_NS);
    sql_bind_int(q, 3, (to + DAY_NS - 1) / DAY_NS);
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            break;
        int64_t start = sql_int_at(q, 1) * DAY_NS;
        struct cost_row day = {.name = sql_str_at(q, 0),
                               .start = monthly ? spend_window_start(SPEND_MONTH, start) : start,
                               .requests = (uint64_t)sql_int_at(q, 2),
                               .nanodollars = sql_int_at(q, 3),
                               .unpriced = (uint64_t)sql_int_at(q, 4)};
        sum_up(&summing, &day);
    }
    sum_up(&summing, NULL);
    return true;
}
