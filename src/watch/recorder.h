/* The recorder: one thread that drains every loop's events, writes them in group commits, keeps the
 * review queue, and prints one JSON log line per request. No request writes to the store but through it.
 * It gives way to the loops, and the log of the store is copied for it (watch/checkpointer.h). Loops reach it
 * through bounded queues, one per loop (single producer): a full queue pushes back at admission, an event is
 * never dropped. Each function says its threads. */
#pragma once

#include "base/error.h"
#include "watch/alerts/alert_retention.h"
#include "watch/event.h"

struct recorder;
struct spend_journal;
struct store;

struct recorder_options {
    const char *store_path;
    unsigned loops;        /* producers */
    unsigned queue_length; /* events a loop may have waiting, default 32768 */
    unsigned flush_ms; /* an event that nobody waits for is committed at the latest after this; default 50 */
    bool log_requests; /* one log line per request */
    struct tracing *tracing;       /* where spans go; NULL: nowhere. Outlives the recorder */
    struct arms *arms;             /* of running rollouts; NULL: nobody counts. Outlives the recorder */
    struct monitors *monitors;     /* are given every event; NULL: nobody watches. Outlive the recorder */
    struct spend_journal *journal; /* of the events' spend_slot; NULL: none has one. Outlives the recorder */
    int64_t keep_reviews_ns, keep_feedback_ns; /* the same of decided review items, and of feedback */
    int64_t keep_ns;                           /* records older than this are deleted; 0: none */
    struct alert_retention keep_alerts;
};

/* Opens the store and starts the thread. Main thread. */
bool recorder_start(struct recorder **out, const struct recorder_options *options,
                    struct error *err) MUST_USE;
/* Another keep_ns, keep_reviews_ns, keep_feedback_ns, keep_alerts from now on. Any thread. */
void recorder_keep(struct recorder *r, int64_t keep_ns);
void recorder_keep_said(struct recorder *r, int64_t reviews_ns, int64_t feedback_ns);
void recorder_keep_alerts(struct recorder *r, const struct alert_retention *keep);
/* Commits what is queued and stops; NULL is fine. Main thread, after the loops have ended. */
void recorder_stop(struct recorder *r);

/* Reserves room for one event in loop `loop`'s queue; false (ERR_OVERLOADED or, when the last commit
 * failed, ERR_STORE with the reason) when a new request cannot be recorded. That loop's thread. Each
 * successful call is followed by exactly one recorder_push or recorder_release. */
bool recorder_reserve(struct recorder *r, unsigned loop, struct error *err) MUST_USE;
void recorder_release(struct recorder *r, unsigned loop);
/* An event to be pushed by that loop, as event_new would make it: one that was pushed before, where there is
 * one. That loop's thread. */
struct event *recorder_event(struct recorder *r, unsigned loop, size_t room) MUST_USE;
/* Hands the event over; cannot fail. An event with `committed` set, or a review, is committed at once. */
void recorder_push(struct recorder *r, unsigned loop, struct event *e);

/* Work on the store for others. `run` is called on the recorder's thread inside the next group commit
 * (its changes are undone when it returns false), `done` after that commit, on the same thread. */
struct store_job {
    bool (*run)(struct store_job *job, struct store *store, struct error *err);
    void (*done)(struct store_job *job, bool ok, const struct error *err);
    struct store_job *next;
};
/* Any thread. False (ERR_OVERLOADED) when too many wait. */
bool recorder_submit(struct recorder *r, struct store_job *job, struct error *err) MUST_USE;
/* The same for jobs that only read: on a reader thread with its own connection, no transaction kept. */
bool recorder_submit_read(struct recorder *r, struct store_job *job, struct error *err) MUST_USE;

struct recorder_state {
    uint64_t committed; /* events since start */
    uint64_t commits, failed_commits;
    uint64_t queued;
    int64_t lag_us;        /* age of the oldest event not yet committed */
    uint64_t review_depth; /* open review items */
    bool healthy;          /* the last commit succeeded */
    bool disk_full;        /* why it is not healthy */
};
/* Any thread. */
void recorder_state(struct recorder *r, struct recorder_state *out);
