/* What the recorder has drained and not yet committed, and how it becomes a commit. Private to the
 * recorder and its thread. */
#pragma once

#include "store/spend.h"
#include "watch/cost_days.h"
#include "watch/event_json.h"
#include "watch/pace.h"
#include "watch/recorder.h"
#include "watch/records.h"

struct batch {
    struct store *store;
    struct record_writer *writer;
    struct spend_writer *spend; /* NULL: none; the batch's */
    struct cost_days *costs;    /* NULL: none; the batch's */
    bool log_requests;
    struct tracing *tracing; /* NULL: none */
    struct event_log log;
    struct event *first, **last; /* oldest first */
    size_t count;
    size_t urgent; /* of them: somebody waits */
    uint64_t committed, commits;
    uint64_t reviews; /* items committed */
    uint64_t jobs;    /* whose changes were committed */
    struct pace pace;
};

/* `spend`, `costs` and `tracing` (may be NULL) are set by the caller. */
void batch_init(struct batch *b, struct store *store, struct record_writer *writer, bool log_requests);
void batch_free(struct batch *b); /* events that are still there are lost */
void batch_add(struct batch *b, struct event *e);
/* Nobody waits for an audit. */
static inline bool batch_is_urgent(const struct event *e) {
    return (e->review && e->review->kind != REVIEW_AUDIT) || e->committed;
}

enum { BATCH_JOBS_MAX = 32, BATCH_HURRY = 4096 /* events */ };

/* Somebody waits for an event of it, or there are so many that the queues might fill up. */
static inline bool batch_hurries(const struct batch *b) {
    return b->urgent > 0 || b->count > BATCH_HURRY;
}

/* Commits all events, some hundreds at a time, and runs the jobs (at most BATCH_JOBS_MAX) in the first of
 * these commits. Events whose commit succeeded are acknowledged, logged and freed; so is, refused, one
 * that can never be written. Every job's done is called, whatever comes. False: the store does not take
 * anything at the moment; the events are still there. */
bool batch_commit(struct batch *b, struct store_job *jobs, struct error *err) MUST_USE;

/* Does the store take a durable write? For when there is nothing else to learn it from. */
bool batch_probe(struct batch *b, struct error *err) MUST_USE;

/* Refuses the events for which somebody has waited since before `pushed_before`. */
void batch_give_up(struct batch *b, int64_t pushed_before, const struct error *why);
