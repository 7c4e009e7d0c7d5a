/* Shadow rollouts at work: what was asked of the model that serves is asked of a candidate as well, after the
 * reply is on its way, within a budget (traffic/mirror.h), and both answers are counted (watch/arms.h). The
 * client sees nothing of it. Predictions run on a thread of their own that gives way to all others, both
 * versions there, one after the other, so that their times can be compared; chats are asked by the request's
 * loop, one call, beside breakers, places and retries, so that a bad candidate does not shut its upstream for
 * others. */
#pragma once

#include "pipeline/request.h"
#include "traffic/mirror.h"
#include "watch/arms.h"

struct shadow_runner;
/* NULL: no memory, or no thread. */
struct shadow_runner *shadow_runner_new(struct arms *arms) MUST_USE;
/* Runs what waits, then ends. NULL is fine. */
void shadow_runner_free(struct shadow_runner *s);

struct shadow;
/* A copy of what is asked, while the request still is there, whose r->mirror is set. NULL: it is not
 * mirrored. On the request's loop, as the next. */
struct shadow *shadow_prepare(struct request *r);
/* Once the reply is given out. */
void shadow_start(struct shadow *s); /* NULL is fine */

/* Writes what became of the requests of shadows' shares, for metrics (metrics_add_writer). */
void shadow_metrics_write(struct buf *out, void *engine);

/* What the loop asks for shadows comes to nothing. */
void shadow_stop_loop(struct loop_state *loop);

/* ---- of predictions and chats (shadow_chat.c) ---- */

struct shadow {
    void (*start)(struct shadow *s);
    struct shadow_runner *runner;
    struct snapshot *snapshot; /* the request's */
    const struct endpoint *endpoint;
    struct mirror *mirror;
    int64_t estimate; /* nano-dollars; -1: none */
    struct shadow_answer pair;
};

/* Fills what both kinds have. False: the budget does not allow it. */
bool shadow_begin(struct shadow *s, struct request *r, int64_t estimate);
/* Counts the pair. */
void shadow_count(struct shadow *s);
/* Lets go of what shadow_begin took, but for the memory. `cost`: nano-dollars, < 0 unknown. */
void shadow_end(struct shadow *s, double cost);

struct shadow *shadow_chat_prepare(struct request *r);
