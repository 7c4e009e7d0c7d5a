/* One look at all readings: every alert takes its step, those that fire become incidents, incidents that have
 * something to tell become messages in the outbox; all of it in one transaction. The store is the only
 * memory: a crash between two looks loses and repeats nothing, and a look whose transaction fails did not
 * happen. Same threads as the store that is passed. */
#pragma once

#include "config/config.h"
#include "watch/alerts/incidents.h"

enum { ALERTS_ACTIVE_MAX = 1000, READINGS_MAX = 8192 };

struct alert_look {
    const struct reading *readings;
    size_t count;
    int64_t elapsed_ns; /* since the last look that went well; 0: this is the first */
    int64_t wall_ns;    /* what people call now */
};

/* What is so after it. */
struct alert_outcome {
    unsigned pending, firing, muted;
    unsigned open[4];  /* incidents that are not over, by class */
    unsigned messages; /* put in the outbox by this look */
    unsigned refused;  /* new alerts for which there was no room */
};

bool alert_engine_look(struct store *s, const struct config *config, const struct alert_look *look,
                       struct alert_outcome *out, struct error *err) MUST_USE;
