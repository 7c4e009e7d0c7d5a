/* Budgets: requests, tokens and money, limited for everything, a team, a user or a key, per window. A request
 * reserves the most that it can cost before it starts, and settles with what it did cost: what is left comes
 * back, what is missing is added. One lock over all accounts, held for some dozen instructions, so checks and
 * bookings of all limits that a request touches are one step: no limit is passed by two requests that look at
 * once, and none is refused for a reservation that is itself refused. So, at any time and for every limit,
 *     settled + reserved <= amount + sum over settled requests of max(0, actual - reserved):
 * the overshoot is what estimates fell short by, and nothing else. A refused request changes nothing.
 *
 * Settled spend survives a crash through the journal (store/spend_journal.h). Any thread unless said. */
#pragma once

#include "base/error.h"
#include "store/spend.h"

enum budget_dimension { BUDGET_REQUESTS, BUDGET_TOKENS, BUDGET_MONEY, BUDGET_DIMENSIONS };
const char *budget_dimension_name(enum budget_dimension dimension); /* "requests", "tokens", "money" */

struct budget_limit {
    enum spend_scope scope;
    const char
        *subject; /* NULL or "": each team, user or key by itself; a limit that names one goes before */
    enum budget_dimension dimension;
    enum spend_window window;
    int64_t amount; /* requests, tokens or nano-dollars; >= 0 */
};

/* Limits of one configuration, immutable and reference counted: a reload makes new ones, the accounts stay.
 */
struct budget_limits;
struct budget_limits *budget_limits_new(const struct budget_limit *list, size_t count,
                                        struct error *err) MUST_USE;
struct budget_limits *budget_limits_ref(struct budget_limits *l);
void budget_limits_unref(struct budget_limits *l); /* NULL is fine */

struct budget;
/* Reads what the current windows hold already. `journal` and the store are the process's; the store is used
 * during the call only. Main thread. */
bool budget_new(struct budget **out, struct spend_journal *journal, struct store *s, int64_t wall_ns,
                struct error *err) MUST_USE;
void budget_free(struct budget *b); /* NULL is fine */

/* Somebody was forgotten: lets go of users of whom the store has no spend any more, and overwrites their
 * names, in memory and in the journal. *left: some have requests under way; to be called again then. One
 * caller at a time; the store is used during the call only. */
bool budget_forget(struct budget *b, struct store *s, bool *left, struct error *err) MUST_USE;

/* Whose request it is; "" where there is none. A user is the tenant's: name it "client/user". Names beyond
 * SPEND_SUBJECT_MAX bytes are shortened and marked by a hash. */
struct budget_subjects {
    struct str team, user, key;
};

/* Money that is not known is not zero: with `nanodollars` < 0 a request under a money limit is refused. */
struct budget_amount {
    int64_t requests, tokens, nanodollars;
};

/* A reservation. Plain; one owner; settled or released exactly once. */
struct budget_hold {
    uint32_t accounts[SPEND_SCOPES]; /* the journal's numbers; 0: none */
    uint32_t slot;
    int64_t wall_ns;
    struct budget_amount reserved;
    bool live;
};

struct budget_verdict {
    bool allowed;
    enum budget_refusal {
        BUDGET_FINE,
        BUDGET_EXCEEDED,      /* `limit` */
        BUDGET_PRICE_UNKNOWN, /* `limit` is one of money */
        BUDGET_CROWDED        /* too many accounts or requests at once */
    } refusal;
    struct budget_limit limit; /* the one that frees last; its subject is the account's. Views good until the
                                * limits are unreferenced; `subject` as below */
    char subject[SPEND_SUBJECT_MAX + 1];
    int64_t settled, reserved, wanted; /* in the limit's unit */
    int64_t
        frees_at; /* wall ns: when its window ends, or at once where running requests may give back enough;
                   * 0: never, since the total is used up or the request alone exceeds the limit */
};

/* Reserves `worst` in all accounts, or in none. On success *hold is live. */
bool budget_reserve(struct budget *b, const struct budget_limits *limits, const struct budget_subjects *who,
                    const struct budget_amount *worst, int64_t wall_ns, struct budget_hold *hold,
                    struct budget_verdict *verdict) MUST_USE;
/* A verdict in words: ERR_BUDGET (429) naming the limit, its window, used and limit, and when it frees. */
bool budget_explain(const struct budget_verdict *verdict, int64_t wall_ns, struct error *err);

/* The reply has begun, so much is spent by now: what a crash would leave as spent. No lock. */
void budget_progress(struct budget *b, struct budget_hold *hold, const struct budget_amount *so_far);
/* Books `actual` in place of what was reserved. Returns the journal's slot for the request's event
 * (event.spend_slot): the recorder frees it with its commit. Call it before the reply's last byte. */
uint32_t budget_settle(struct budget *b, struct budget_hold *hold,
                       const struct budget_amount *actual) MUST_USE;
/* Nothing was spent. Safe on a hold that is not live. */
void budget_release(struct budget *b, struct budget_hold *hold);

struct budget_use {
    enum spend_scope scope;
    struct str subject; /* good during the call */
    enum spend_window window;
    int64_t start;
    struct spend_amount settled;
    struct budget_amount reserved;
};
/* What all accounts hold in their current windows, for metrics and the API. Under the lock: `visit` is short.
 */
void budget_visit(struct budget *b, int64_t wall_ns, void (*visit)(const struct budget_use *use, void *ctx),
                  void *ctx);
