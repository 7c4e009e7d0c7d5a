/* When an incident is told to people, and to whom: grouping, repeats, escalation. An incident is what is
 * wrong with one endpoint at one time: all its alerts that fire together, so that people get one message and
 * not twenty. Pure: time is what the caller says has passed. Plain values; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Numbers are stored. */
enum incident_state { INCIDENT_OPEN = 0, INCIDENT_ACKNOWLEDGED = 1, INCIDENT_RESOLVED = 2 };
const char *incident_state_name(enum incident_state state);

struct incident_timing {
    int64_t wait_ns;     /* the first message waits for other alerts */
    int64_t interval_ns; /* between two messages about changes */
    int64_t repeat_ns;   /* unacknowledged and unchanged */
};

struct incident_progress {
    enum incident_state state;
    unsigned notices;     /* told so far */
    bool changed;         /* since then */
    int64_t waited_ns;    /* open without acknowledgement; stands still after it */
    int64_t quiet_ns;     /* since the last message */
    int64_t untold_ns;    /* since the first change that was not told */
    int64_t escalated_ns; /* receivers with a delay up to this one were told */
};

enum notice {
    NOTICE_NONE,
    NOTICE_OPENED,
    NOTICE_CHANGED,   /* other alerts, a worse class, or one that nobody sees any more */
    NOTICE_REPEATED,  /* nobody acknowledged */
    NOTICE_ESCALATED, /* to those whose delay has passed now */
    NOTICE_RESOLVED,
    NOTICE_TEST, /* somebody tries whether it arrives */
    NOTICE_COUNT
};
const char *notice_name(enum notice notice); /* "opened" */

/* One of its alerts came, went, or changed what is to be told. */
void incident_change(struct incident_progress *p);

/* At most one message: what is to be told now. `firing`: alerts of it that fire and are not muted; none:
 * it is over. `next_delay`: the shortest delay of a receiver that was not told yet, INT64_MAX: none.
 * With NOTICE_ESCALATED, escalated_ns is that delay. */
enum notice incident_step(struct incident_progress *p, const struct incident_timing *t, unsigned firing,
                          int64_t next_delay, int64_t elapsed_ns);
