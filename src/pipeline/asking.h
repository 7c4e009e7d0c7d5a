/* One remote model asked one question: within its upstream's breaker, in one of its places, and again where
 * that may help. Several may be under way for one request: a hedge, samples, a question on the side. Lies in
 * its asker's memory; on one loop's thread. */
#pragma once

#include "pipeline/attempt.h"

struct asking;

struct asking_events {
    /* A call was made, and ended or was cancelled (a->attempt tells of it). Each at most once per attempt. */
    void (*on_call)(struct asking *a);
    void (*on_called)(struct asking *a, enum failure failure);
    /* As an attempt's. Who lets them reach the client sets a->committed: no other call may follow. */
    void (*on_output)(struct asking *a, struct str bytes);
    void (*on_read)(struct asking *a);
    /* Never from inside asking_start; once unless it is cancelled. The answer is in a->attempt, which is the
     * asker's to clear; why there is none stands in a->attempt.error. */
    void (*ended)(struct asking *a, enum failure failure);
};

enum asking_wait { ASKING_IDLE, ASKING_FOR_PLACE, ASKING_CALL, ASKING_PAUSE };

struct asking {
    /* The asker's, to be set before the start; what they point to outlives it. */
    const struct asking_events *events;
    void *asker;
    const struct question *question;
    const struct remote_model *remote;
    int64_t timeout_ns; /* for one call; 0: the upstream's own */
    bool has_next;      /* another would be asked if this one fails */
    bool committed;

    struct attempt attempt;
    unsigned calls; /* made so far */

    /* Its own. */
    enum asking_wait wait;
    struct place *place; /* held, or waited for */
    struct breaker_token token;
    struct loop_timer pause;
};

/* FAILURE_NONE: it is under way. */
enum failure asking_start(struct asking *a) MUST_USE;
static inline bool asking_is_under_way(const struct asking *a) {
    return a->wait != ASKING_IDLE;
}
/* One that has ended, or was never started, is fine. */
void asking_cancel(struct asking *a);
