#include "models/onnx_watch.h"

#include "base/clock.h"

#include <pthread.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_once_t once;
    bool runs;
    int64_t awake_at; /* when the thread looks again, unless it is told to look before */
    struct watched *first;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT, .awake_at = INT64_MAX};

static void unlink_watched(struct watched *w) {
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    w->at = NULL;
}

/* Stops what is over, and returns when the next one will be. */
static int64_t stop_late(int64_t now) {
    int64_t earliest = INT64_MAX;
    for (struct watched *w = watch.first, *next; w; w = next) {
        next = w->next;
        if (w->deadline > now) {
            earliest = w->deadline < earliest ? w->deadline : earliest;
            continue;
        }
        unlink_watched(w);
        w->stopped = true;
        w->stop(w->ctx);
    }
    return earliest;
}

static void *keep_watch(void *unused) {
    pthread_mutex_lock(&watch.lock);
    for (;;) {
        watch.awake_at = stop_late(clock_monotonic());
        if (watch.awake_at == INT64_MAX) {
            pthread_cond_wait(&watch.changed, &watch.lock);
            continue;
        }
        struct timespec until = {.tv_sec = watch.awake_at / NS_PER_SECOND,
                                 .tv_nsec = watch.awake_at % NS_PER_SECOND};
        pthread_cond_timedwait(&watch.changed, &watch.lock, &until);
    }
    return NULL;
}

static void start_thread(void) {
    pthread_condattr_t monotonic;
    pthread_t thread;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watch.runs = pthread_create(&thread, NULL, keep_watch, NULL) == 0;
    if (watch.runs)
        pthread_detach(thread);
}

bool onnx_watch_begin(struct watched *w) {
    pthread_once(&watch.once, start_thread);
    if (!watch.runs)
        return false;
    pthread_mutex_lock(&watch.lock);
    w->stopped = false;
    w->next = watch.first;
    w->at = &watch.first;
    if (w->next)
        w->next->at = &w->next;
    watch.first = w;
    if (w->deadline < watch.awake_at)
        pthread_cond_signal(&watch.changed);
    pthread_mutex_unlock(&watch.lock);
    return true;
}

void onnx_watch_end(struct watched *w) {
    pthread_mutex_lock(&watch.lock);
    if (w->at)
        unlink_watched(w);
    pthread_mutex_unlock(&watch.lock);
}
