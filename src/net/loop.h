/* An event loop with its thread: one per core. Everything that a loop owns (connections, exchanges, timers)
 * is touched on the loop's own thread only; loop_post is the one door for the others. Timers are a wheel
 * (timer_wheel.h) behind a single uv_timer, so that arming and disarming cost some nanoseconds and no system
 * call: use them for deadlines of stages and connections alike. */
#pragma once

#include "base/error.h"
#include "net/timer_wheel.h"

#include <uv.h>

struct loop;

/* Lies inside the caller's own structure (intrusive, nothing is allocated). One that was posted belongs to
 * the loop until `run` is called; `run` may post it again or free it. */
struct loop_task {
    void (*run)(struct loop_task *task);
    struct loop_task *next; /* the loop's */
};

/* A loop that does not run yet. `index` counts from 0 and is what loop_index gives. */
struct loop *loop_new(unsigned index, struct error *err) MUST_USE;
/* Starts the thread; tasks posted before are run first. */
bool loop_run(struct loop *loop, struct error *err) MUST_USE;
/* Ends the thread and joins it: what was posted before is still run, what is posted later is not. Closes the
 * loop's own handles; the owners of others have closed theirs. Any thread but the loop's own. */
void loop_stop(struct loop *loop);
void loop_free(struct loop *loop); /* after loop_stop, or when it never ran; NULL is fine */

unsigned loop_index(const struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop); /* the loop's thread only */

/* Runs the task on the loop's thread, soon. Tasks of one poster keep their order. Any thread. */
void loop_post(struct loop *loop, struct loop_task *task);

/* `timer->fire` is called once, at or within some milliseconds after `deadline_ns` (monotonic clock). A timer
 * already armed is moved. Zero a timer before its first use. Both: the loop's thread only. */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t deadline_ns);
void loop_timer_disarm(struct loop *loop, struct loop_timer *timer); /* one not armed is fine */

/* Runs the task before the loop waits for events again: what is cheaper done together, as sends, which wake
 * the other side. Whatever was closed in the meantime is still there then, as libuv tells of that later. The
 * loop's thread only, as the next. */
void loop_defer(struct loop *loop, struct loop_task *task);
/* For whoever handles an event, first: runs what was deferred when that is enough, so that a long row of
 * events does not hold it up. Returns the monotonic clock, which clock_recent says from here. */
int64_t loop_begin_event(struct loop *loop);
