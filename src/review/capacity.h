/* Can the people keep up? What arrived and what was resolved in the last hours, carried forward a day; and
 * whether something has to give, with hysteresis, so that it does not flutter. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct capacity_seen {
    double hours; /* looked at: above 0, at most 24 */
    uint64_t arrived, resolved, depth;
    unsigned people;   /* who resolved something */
    int64_t oldest_ns; /* age of the oldest open item; 0: none */
};

struct capacity {
    double arrivals, resolved, per_person; /* an hour */
    double depth_day;                      /* open items in 24 hours */
    double wait_day_ns;                    /* how long the last of them will then wait; < 0: for ever */
};
struct capacity capacity_forecast(const struct capacity_seen *seen);

enum { OVERFLOW_LEAST = 20, OVERFLOW_HOLD_S = 600 };

/* Start with {0}. */
struct overflow {
    bool active;
    int64_t since, other_since; /* when it became so; since when it should be otherwise, 0: it should not */
};
/* It begins when for ten minutes the forecast wait has been beyond the deadline, with at least
 * OVERFLOW_LEAST items to come; it ends when for ten minutes it has been below half of it. True: it changed
 * just now. */
bool overflow_step(struct overflow *o, const struct capacity *c, int64_t deadline_ns, int64_t now_ns);
