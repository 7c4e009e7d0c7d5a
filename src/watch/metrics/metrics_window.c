#include "watch/metrics/metrics_window.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { NOTES = 6 };
static const int64_t NOTE_EVERY = 60 * NS_PER_SECOND;

struct note {
    int64_t at;
    struct metrics_sums sums;
};

struct metrics_window {
    const struct metrics *metrics;
    int64_t began;
    int64_t next;
    pthread_mutex_t lock; /* what follows */
    struct ring_of_notes {
        struct note *notes; /* NULL: none yet */
        unsigned count, newest;
        int64_t since; /* the minute before the first note */
    } endpoints[METRICS_ENDPOINTS_MAX];
};

struct metrics_window *metrics_window_new(const struct metrics *m, int64_t now) {
    struct metrics_window *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->metrics = m;
    w->began = now;
    w->next = now + NOTE_EVERY;
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void metrics_window_free(struct metrics_window *w) {
    if (!w)
        return;
    for (unsigned i = 0; i < METRICS_ENDPOINTS_MAX; i++)
        free(w->endpoints[i].notes);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void note(struct metrics_window *w, unsigned endpoint, int64_t now) {
    struct ring_of_notes *r = &w->endpoints[endpoint];
    struct metrics_sums sums;
    metrics_sum(w->metrics, endpoint, &sums);
    pthread_mutex_lock(&w->lock);
    if (!r->notes) {
        r->notes = calloc(NOTES, sizeof *r->notes);
        r->since = now - NOTE_EVERY > w->began ? now - NOTE_EVERY : w->began;
    }
    if (r->notes) {
        r->newest = (r->newest + 1) % NOTES;
        r->notes[r->newest] = (struct note){.at = now, .sums = sums};
        r->count += r->count < NOTES;
    }
    pthread_mutex_unlock(&w->lock);
}

void metrics_window_tick(struct metrics_window *w, int64_t now) {
    if (now < w->next)
        return;
    w->next = now + NOTE_EVERY;
    for (unsigned i = 0; i < metrics_endpoint_count(w->metrics); i++)
        note(w, i, now);
}

int64_t metrics_window_read(struct metrics_window *w, unsigned endpoint, struct metrics_sums *out) {
    int64_t since = w->began;
    struct ring_of_notes *r = &w->endpoints[endpoint];
    metrics_sum(w->metrics, endpoint, out);
    pthread_mutex_lock(&w->lock);
    if (r->count)
        since = r->since;
    if (r->count == NOTES) {
        const struct note *oldest = &r->notes[(r->newest + 1) % NOTES];
        metrics_sums_subtract(out, &oldest->sums);
        since = oldest->at;
    }
    pthread_mutex_unlock(&w->lock);
    return since;
}
