/* The last five minutes of the counters: once a minute all endpoints' sums are noted, and what is asked for
 * is the difference between now and the note of five to six minutes ago, or the start where there is none
 * yet. Any thread, but for tick: one. Times are monotonic. */
#pragma once

#include "watch/metrics/metrics_sums.h"

struct metrics_window;

/* `m` outlives it. NULL when memory is out. */
struct metrics_window *metrics_window_new(const struct metrics *m, int64_t now) MUST_USE;
void metrics_window_free(struct metrics_window *w); /* NULL is fine */

/* To be called at least once a minute. Without memory for a note that endpoint's window grows longer. */
void metrics_window_tick(struct metrics_window *w, int64_t now);
/* Returns when the window began. */
int64_t metrics_window_read(struct metrics_window *w, unsigned endpoint, struct metrics_sums *out);
