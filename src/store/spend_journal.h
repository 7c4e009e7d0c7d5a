/* The journal of spend that no commit holds yet: a file that is mapped into memory, so that noting a charge
 * is a few stores and no system call, and what was noted survives the process (kill -9, a crash, the
 * out-of-memory killer). One slot for each request that has a reservation, from its admission until its event
 * is committed.
 *
 * When the program starts again, what a slot says decides: settled, and streaming up to the last progress
 * noted, are billed; a reservation whose reply had not begun is released; what a commit already holds is left
 * (the number of the commit stands in the slot and, by the same transaction, in the store), so nothing is
 * billed twice. After a power failure (another boot) the journal is not trusted: then the spend of the last
 * 50 ms may be missing, as may be the events themselves. Each process has a file of its own, locked. Slots:
 * any thread, one at a time each. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

enum spend_scope { SPEND_GLOBAL, SPEND_TEAM, SPEND_USER, SPEND_KEY, SPEND_SCOPES };

struct spend_amount {
    int64_t requests;
    int64_t tokens;
    int64_t nanodollars;
    int64_t unpriced; /* requests whose cost is unknown: they are in no sum of money */
};

enum { SPEND_SUBJECT_MAX = 120, SPEND_JOURNALS_MAX = 8 };

struct spend_journal;
struct spend_journal_options { /* each at most 65536 */
    uint32_t slots;            /* requests between admission and commit; default 32768 */
    uint32_t accounts;         /* known at the same time; default 16384 */
};

/* Opens a journal in the store's folder, billing first what an earlier process left there. Main thread,
 * before the recorder starts. `recovered` (may be NULL) receives how many charges that were. */
bool spend_journal_open(struct spend_journal **out, struct store *s,
                        const struct spend_journal_options *options, uint64_t *recovered,
                        struct error *err) MUST_USE;
/* After the recorder has stopped. What is left in it is billed at the next start; with nothing left it is
 * empty. NULL is fine. */
void spend_journal_close(struct spend_journal *j);

/* Bills what processes that ended left in the folder's journals, and empties them. */
bool spend_journal_settle_left(struct store *s, struct error *err) MUST_USE;

/* Accounts are named by number, 1 … accounts. A number is given another name only while no slot uses it. */
uint32_t spend_journal_accounts(const struct spend_journal *j);
void spend_journal_name(struct spend_journal *j, uint32_t account, enum spend_scope scope,
                        struct str subject);
/* Overwrites the name of one that no slot uses. */
void spend_journal_unname(struct spend_journal *j, uint32_t account);
/* Does a slot that is not free belong to it? */
bool spend_journal_in_use(const struct spend_journal *j, uint32_t account);
enum spend_scope spend_journal_account(const struct spend_journal *j, uint32_t account, struct str *subject);

/* A slot for a request admitted at `wall_ns`, charged to these accounts (0: none); 0 when all are taken. */
uint32_t spend_slot_take(struct spend_journal *j, int64_t wall_ns,
                         const uint32_t accounts[SPEND_SCOPES]) MUST_USE;
/* The reply has begun: so much is spent by now, whatever happens. May be called often. */
void spend_slot_progress(struct spend_journal *j, uint32_t slot, const struct spend_amount *so_far);
/* So much was spent. Before the reply's last byte leaves. The slot then belongs to the recorder. */
void spend_slot_settle(struct spend_journal *j, uint32_t slot, const struct spend_amount *amount);
/* Nothing was spent, or what was is committed. */
void spend_slot_free(struct spend_journal *j, uint32_t slot);

/* The recorder's (store/spend.c). */
struct spend_slot_view {
    int64_t wall_ns;
    uint32_t accounts[SPEND_SCOPES];
    struct spend_amount amount;
};
void spend_slot_read(const struct spend_journal *j, uint32_t slot, struct spend_slot_view *out);
void spend_slot_mark(struct spend_journal *j, uint32_t slot, uint64_t commit); /* 0: in none */
uint64_t spend_slot_commit(const struct spend_journal *j, uint32_t slot);
unsigned spend_journal_index(const struct spend_journal *j); /* which of the folder's journals it is */
