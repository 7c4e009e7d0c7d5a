/* When the server cannot say by the usual way that something is wrong, since that way leads through the
 * store: when that is told, repeated, and when its end is. Pure: a plain value, stepped once a look. */
#pragma once

#include "watch/alerts/incident.h"

/* Looks of the same kind in a row that begin and end it: a store that is locked for a second is no outage,
 * and a full disk that takes one small write has no room. */
enum { OUTAGE_LOOKS = 3 };

struct outage {
    unsigned bad, good; /* looks in a row; only one of them is not 0 */
    bool open;
    bool told;        /* once at least */
    int64_t quiet_ns; /* since the last message */
};

/* At most one message: OPENED; REPEATED each `repeat_ns` while it lasts; RESOLVED once. The next one is
 * opened `interval_ns` after the last message at the soonest. */
enum notice outage_step(struct outage *o, const struct incident_timing *t, bool bad, int64_t elapsed_ns);
