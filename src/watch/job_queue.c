#include "watch/job_queue.h"

enum { JOBS_MAX = 1024 };

void job_queue_init(struct job_queue *q) {
    *q = (struct job_queue){.last = &q->first};
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
}

void job_queue_free(struct job_queue *q) {
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->filled);
}

bool job_queue_put(struct job_queue *q, struct store_job *job, struct error *err) {
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed, full = atomic_load(&q->waiting) >= JOBS_MAX;
    if (!closed && !full) {
        job->next = NULL;
        *q->last = job;
        q->last = &job->next;
        atomic_fetch_add(&q->waiting, 1);
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    if (closed)
        return fail(err, ERR_DRAINING, "The server is shutting down.");
    return !full || fail(err, ERR_OVERLOADED, "%d requests already wait for the store; try again.", JOBS_MAX);
}

static struct store_job *take_locked(struct job_queue *q, unsigned most) {
    struct store_job *taken = q->first, **end = &q->first;
    unsigned count = 0;
    for (; *end && count < most; count++)
        end = &(*end)->next;
    struct store_job *rest = *end;
    *end = NULL;
    q->first = rest;
    if (!rest)
        q->last = &q->first;
    atomic_fetch_sub(&q->waiting, count);
    return count ? taken : NULL;
}

struct store_job *job_queue_take(struct job_queue *q, unsigned most) {
    if (!job_queue_has_some(q))
        return NULL;
    pthread_mutex_lock(&q->lock);
    struct store_job *taken = take_locked(q, most);
    pthread_mutex_unlock(&q->lock);
    return taken;
}

struct store_job *job_queue_wait(struct job_queue *q) {
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closed)
        pthread_cond_wait(&q->filled, &q->lock);
    struct store_job *taken = take_locked(q, 1);
    pthread_mutex_unlock(&q->lock);
    return taken;
}

void job_queue_close(struct job_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}
