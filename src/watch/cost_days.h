/* What requests cost, by day (UTC): all together, and of each endpoint, model and client. Counted by the
 * recorder as events are committed, written once a second: a crash costs the sums at most a second, the
 * records and what is billed nothing. One thread, but for reading: the store's. */
#pragma once

#include "base/error.h"
#include "store/store.h"
#include "watch/event.h"

/* Numbers are stored. */
enum cost_kind { COST_ALL = 0, COST_ENDPOINT = 1, COST_MODEL = 2, COST_CLIENT = 3, COST_KINDS };

struct cost_days;
struct cost_days *cost_days_new(void) MUST_USE; /* NULL when memory is out */
void cost_days_free(struct cost_days *c);       /* NULL is fine */

/* Some 50 ns. */
void cost_days_note(struct cost_days *c, const struct event *e);
/* In a transaction of its own; what cannot be written stays for the next time. */
bool cost_days_write(struct cost_days *c, struct store *s, struct error *err) MUST_USE;

/* The rows of a client go to "forgotten", so that the sums stay; *rows grows by how many. What is noted but
 * not written yet does not. Within the caller's transaction. */
bool cost_days_forget(struct store *s, const char *client, int64_t *rows, struct error *err) MUST_USE;

struct cost_row {
    struct str name;             /* good during the call */
    int64_t start;               /* wall ns: of the day, or of its first day in the month */
    uint64_t requests, unpriced; /* of them: at no known price, and in no sum */
    int64_t nanodollars;
};
/* Days that began in [from, to) (wall ns); `monthly`: added up by month. By name, then time. */
bool cost_days_visit(struct store *s, enum cost_kind kind, bool monthly, int64_t from, int64_t to,
                     void (*visit)(const struct cost_row *row, void *ctx), void *ctx,
                     struct error *err) MUST_USE;
