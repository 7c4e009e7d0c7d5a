/* How fast an endpoint uses up what its objective allows to go wrong: the error budget. A burn rate of 1 uses
 * it up in exactly the objective's time (30 days), 14.4 uses 2 % of it in an hour. Judged over a long and a
 * short window together, so that it fires soon and ends soon: Google, The Site Reliability Workbook, chapter
 * 5, "Multiwindow, Multi-Burn-Rate Alerts". Counts by the minute for six hours and by the hour for three
 * days; time is what the caller says has passed. Plain value of some 3 KB; may be stored as its bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BURN_MINUTES = 360, BURN_HOURS = 72 };

struct burn_count {
    uint32_t all, bad;
};

struct burn_rate {
    int64_t at_ns;                                              /* time measured so far */
    struct burn_count minutes[BURN_MINUTES], hours[BURN_HOURS]; /* rings, by at_ns */
};

void burn_rate_add(struct burn_rate *b, int64_t elapsed_ns, uint64_t all, uint64_t bad);

/* A pair of windows. */
struct burn_windows {
    unsigned long_minutes, short_minutes;
    double limit;
};
/* Fast: a person must come now. Slow: a ticket. */
enum burn_speed { BURN_FAST, BURN_SLOW };

struct burn_verdict {
    bool enough;   /* requests to judge by; of a slow pair also time: a bad minute is no bad month */
    bool breached; /* one pair's windows both burn faster than its limit */
    double rate;   /* of that pair's long window, or of the pair that is nearest to its limit */
    double limit;
    uint64_t all, bad;
    unsigned minutes; /* the long window */
};
/* `objective`: the share that must be good, below 1. */
struct burn_verdict burn_rate_judge(const struct burn_rate *b, double objective, enum burn_speed speed);

/* The pairs of a speed, for the rules that are made of them. */
const struct burn_windows *burn_windows_of(enum burn_speed speed, unsigned *count);
