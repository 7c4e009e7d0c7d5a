/* Deletes what is left of alerts when its time is over: the recorder's, between its commits. What people did
 * about them stays in the history and the audit log (store/history.h). */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* ns; 0: for good. */
struct alert_retention {
    int64_t ended;    /* alerts that ended, and incidents that are resolved, with their timelines */
    int64_t silences; /* that are over */
    int64_t messages; /* that were taken or given up, and whose incident is resolved */
};

/* `now`: wall ns. At most `most` rows of each kind. */
bool alert_retention_run(struct store *s, const struct alert_retention *keep, int64_t now, unsigned most,
                         struct error *err) MUST_USE;
