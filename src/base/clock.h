/* Time. Deadlines and durations use the monotonic clock; records use the wall clock. Both are
 * replaceable, so that tests play days in milliseconds. Any thread; replace only before threads start. */
#pragma once

#include "base/str.h"

#include <stdint.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)

struct clock_source {
    int64_t (*monotonic)(void); /* ns */
    int64_t (*wall)(void);      /* ns since 1970-01-01 UTC */
};

int64_t clock_monotonic(void);
/* What clock_monotonic last said on this thread: for who handles an event, at whose beginning it was asked.
 */
int64_t clock_recent(void);
int64_t clock_wall(void);

/* NULL restores the real clocks. */
void clock_replace(const struct clock_source *source);

enum { CLOCK_TEXT_SIZE = 32 };
/* RFC 3339 with milliseconds, UTC: 2026-11-20T23:13:05.123Z */
void clock_format(int64_t wall_ns, char text[CLOCK_TEXT_SIZE]);
/* The inverse, with any number of decimals or none, and for a day alone ("2026-11-20": its beginning). False:
 * it is no such text, or of a year before 1970 or after 2200. */
bool clock_parse(struct str text, int64_t *wall_ns) MUST_USE;
