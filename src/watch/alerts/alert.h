/* One alert over time: inactive → pending → firing → resolved, from readings that come one after the other.
 * Pure: time is what the caller says has passed, measured by a clock that does not jump, so that neither a
 * wall clock that is set nor a machine that slept fires or resolves anything.
 *
 * "No data" and "void" are no verdict: a pending alert stands still, a firing one stays and stops clearing;
 * after a while that it is blind is told, once. Plain values; any thread. */
#pragma once

#include "watch/monitors/reading.h"

#include <stdbool.h>

/* Numbers are stored; 0: inactive, of which there is no record. */
enum alert_state { ALERT_INACTIVE = 0, ALERT_PENDING = 1, ALERT_FIRING = 2, ALERT_RESOLVED = 3 };
const char *alert_state_name(enum alert_state state);

/* What the last reading was. SIGHT_GONE: there was none, nobody measures it any more. Stored. */
enum alert_sight { SIGHT_GOOD = 0, SIGHT_BREACHED = 1, SIGHT_NO_DATA = 2, SIGHT_VOID = 3, SIGHT_GONE = 4 };
const char *alert_sight_name(enum alert_sight sight); /* "no data" */

struct alert_timing {
    int64_t hold_ns;   /* breached for so long before it fires */
    int64_t clear_ns;  /* good for so long before it is resolved */
    int64_t blind_ns;  /* firing without data for so long before that is told */
    double hysteresis; /* share of the limit by which a value must be better to count as good */
};

struct alert_progress {
    enum alert_state state;
    enum alert_sight sight;
    bool above;      /* values above the limit are the bad ones */
    bool told_blind; /* since it was last seen */
    int64_t held_ns, cleared_ns, blind_ns;
};

enum alert_move {
    ALERT_STAYS,
    ALERT_BEGINS,   /* pending */
    ALERT_FIRES,    /* from inactive too, where it need not hold */
    ALERT_DROPS,    /* was pending, is inactive: nothing to tell */
    ALERT_RESOLVES, /* was firing */
    ALERT_BLINDED,  /* still firing, to be told: nobody sees whether it is so */
    ALERT_SEES      /* still firing, and seen again after that was told */
};

/* `r` NULL: nothing was measured. `elapsed_ns`: since the step before, 0 at the first. */
enum alert_move alert_step(struct alert_progress *p, const struct alert_timing *t, const struct reading *r,
                           int64_t elapsed_ns);
