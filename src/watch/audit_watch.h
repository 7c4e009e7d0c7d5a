/* Verifies the audit log (store/audit.h) while the server runs: a piece each second, all of it once an hour.
 * At the end of each round the head goes to the log (audit.head), so that it is noted outside the store; a
 * broken chain is said there (audit.broken) and in the metrics. The main thread ticks; any thread asks. */
#pragma once

#include "base/json.h"
#include "store/audit.h"

struct audit_watch;

struct audit_watch *audit_watch_new(void) MUST_USE; /* NULL when memory is out */
void audit_watch_free(struct audit_watch *w);       /* NULL is fine */

/* To be called at least once a second. `now`: monotonic ns. */
void audit_watch_tick(struct audit_watch *w, struct store *s, int64_t now);

struct audit_watch_state {
    bool finished;          /* a round was finished since the start */
    int64_t finished_at;    /* wall ns; of the last round */
    struct audit_mark head; /* the last row that is good, as far as was looked */
    struct audit_flaw flaw; /* of the last round that found one */
};
void audit_watch_state(struct audit_watch *w, struct audit_watch_state *out);
/* {"intact": true, false or (before the first round's end) null, "verified", "head", "finished_at",
 * "first_bad", "message"} */
void audit_watch_write(struct audit_watch *w, struct json_writer *out);
