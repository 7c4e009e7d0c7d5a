/* What was spent, durably: rows of requests, tokens and money by account (everything, a team, a user, a key)
 * and window, written by the recorder in the same transaction as the events they belong to. What was settled
 * but is not committed yet stands in the journal (store/spend_journal.h). Windows are calendar windows in
 * UTC. Same threads as the store that is passed; the plain functions: any thread. */
#pragma once

#include "base/error.h"
#include "store/spend_journal.h"
#include "store/store.h"

enum spend_window { SPEND_MINUTE, SPEND_HOUR, SPEND_DAY, SPEND_MONTH, SPEND_TOTAL, SPEND_WINDOWS };
const char *spend_window_name(enum spend_window window); /* "minute", … "total" */
const char *spend_scope_name(enum spend_scope scope);    /* "global", "team", "user", "key" */

/* When the window that holds `wall_ns` began, and when the next one begins (INT64_MAX for the total, which
 * began at 0). wall_ns >= 0. */
int64_t spend_window_start(enum spend_window window, int64_t wall_ns);
int64_t spend_window_end(enum spend_window window, int64_t wall_ns);

/* The recorder's. A charge belongs to the windows in which its request was admitted. */
struct spend_writer;
bool spend_writer_new(struct spend_writer **out, struct store *s, struct spend_journal *journal,
                      struct error *err) MUST_USE;
void spend_writer_free(struct spend_writer *w); /* NULL is fine */
/* The settled charge of `slot`, within the caller's transaction. */
bool spend_writer_add(struct spend_writer *w, uint32_t slot, struct error *err) MUST_USE;
/* Before the commit: writes the rows, with what was kept. */
bool spend_writer_end(struct spend_writer *w, struct error *err) MUST_USE;
/* A settled charge whose event is given up: it goes with the next transaction. */
void spend_writer_keep(struct spend_writer *w, uint32_t slot);
/* Is the charge of `slot` in a commit that was made? For what an earlier process left. */
bool spend_writer_has(const struct spend_writer *w, uint32_t slot);
/* After it: the slots are free again. Or after it failed: they stay as they were. */
void spend_writer_committed(struct spend_writer *w);
void spend_writer_forget(struct spend_writer *w);

struct spend_row {
    enum spend_scope scope;
    struct str subject; /* "" of SPEND_GLOBAL; good during the call */
    enum spend_window window;
    int64_t start; /* of the window, wall ns */
    struct spend_amount amount;
};
/* Rows of one kind of window that began in [from, to), in the order of their start, then scope and subject.
 */
bool spend_visit(struct store *s, enum spend_window window, int64_t from, int64_t to,
                 void (*visit)(const struct spend_row *row, void *ctx), void *ctx,
                 struct error *err) MUST_USE;

/* Deletes minutes older than a day, hours older than 40 days. Days, months and totals stay. In a transaction
 * of its own. */
bool spend_prune(struct store *s, int64_t wall_ns, struct error *err) MUST_USE;
