/* Store jobs that wait for a thread: first in, first out, bounded. Any thread puts, one takes. */
#pragma once

#include "watch/recorder.h"

#include <pthread.h>
#include <stdatomic.h>

struct job_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct store_job *first, **last;
    atomic_uint waiting;
    bool closed;
};

void job_queue_init(struct job_queue *q);
void job_queue_free(struct job_queue *q);

/* ERR_OVERLOADED when too many wait, ERR_DRAINING once it is closed. */
bool job_queue_put(struct job_queue *q, struct store_job *job, struct error *err) MUST_USE;
/* At most `most` jobs, linked by next; NULL when there is none. */
struct store_job *job_queue_take(struct job_queue *q, unsigned most);
/* Waits for one; NULL once the queue is closed and empty. */
struct store_job *job_queue_wait(struct job_queue *q);
void job_queue_close(struct job_queue *q);
static inline bool job_queue_has_some(struct job_queue *q) {
    return atomic_load(&q->waiting) > 0;
}
