/* The program's own log: one JSON object per line on standard error, each written by one write(2), so
 * that lines of several threads never mix. Nothing secret is ever passed here. Any thread. */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* {"time":…,"level":…,"event":EVENT,"message":…}. `event` is a stable, dotted name. */
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/* May what keeps happening be said again? True at most once in `every_ns`; *said is when it was last, by a
 * monotonic clock, 0 for never. Shared by all that say it. */
bool log_is_due(_Atomic int64_t *said, int64_t now, int64_t every_ns) MUST_USE;

/* Whole lines, newline included, as the recorder makes them for requests. */
void log_lines(struct str lines);

/* Below this level nothing is written. Default LOG_INFO. */
void log_set_level(enum log_level level);
