#include "watch/arms.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct watched {
    struct watched *next;
    char *endpoint, *id;
    struct arm arms[2];
    struct shadow_answer *pairs; /* room for ARMS_PAIRS_MAX; NULL: none came yet */
    size_t pair_count;
};

struct arms {
    pthread_mutex_t lock;
    struct watched *first; /* few */
    atomic_uint count;     /* so that without a rollout no event costs anything */
};

struct arms *arms_new(void) {
    struct arms *a = calloc(1, sizeof *a);
    if (a)
        pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void watched_free(struct watched *w) {
    free(w->endpoint);
    free(w->id);
    free(w->pairs);
    free(w);
}

void arms_free(struct arms *a) {
    if (!a)
        return;
    for (struct watched *w = a->first, *next; w; w = next) {
        next = w->next;
        watched_free(w);
    }
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* Under the lock. */
static struct watched **find(struct arms *a, const char *id) {
    struct watched **at = &a->first;
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static struct watched *watched_new(const char *endpoint, const char *id, const struct arm before[2]) {
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->endpoint = str_dup(str_from(endpoint));
    w->id = str_dup(str_from(id));
    memcpy(w->arms, before, sizeof w->arms);
    if (w->endpoint && w->id)
        return w;
    watched_free(w);
    return NULL;
}

bool arms_watch(struct arms *a, const char *endpoint, const char *id, const struct arm before[2]) {
    pthread_mutex_lock(&a->lock);
    struct watched **at = find(a, id);
    if (!*at && (*at = watched_new(endpoint, id, before)))
        atomic_fetch_add(&a->count, 1);
    bool good = *at != NULL;
    pthread_mutex_unlock(&a->lock);
    return good;
}

static bool is_one_of(const char *id, const char *const *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(id, ids[i]) == 0)
            return true;
    return false;
}

void arms_retain(struct arms *a, const char *const *ids, size_t count) {
    pthread_mutex_lock(&a->lock);
    for (struct watched **at = &a->first; *at;) {
        struct watched *w = *at;
        if (is_one_of(w->id, ids, count)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        atomic_fetch_sub(&a->count, 1);
        watched_free(w);
    }
    pthread_mutex_unlock(&a->lock);
}

bool arms_read(struct arms *a, const char *id, struct arm out[2]) {
    pthread_mutex_lock(&a->lock);
    const struct watched *w = *find(a, id);
    if (w)
        memcpy(out, w->arms, sizeof w->arms);
    pthread_mutex_unlock(&a->lock);
    return w != NULL;
}

static void keep_pair(struct watched *w, const struct shadow_answer *pair) {
    if (!w->pairs)
        w->pairs = malloc(ARMS_PAIRS_MAX * sizeof *w->pairs);
    if (w->pairs && w->pair_count < ARMS_PAIRS_MAX)
        w->pairs[w->pair_count++] = *pair;
}

void arms_note_pair(struct arms *a, const struct shadow_answer *pair) {
    pthread_mutex_lock(&a->lock);
    struct watched *w = *find(a, pair->rollout);
    if (w) {
        arm_add(&w->arms[0], &pair->stable);
        arm_add(&w->arms[1], &pair->candidate);
        keep_pair(w, pair);
    }
    pthread_mutex_unlock(&a->lock);
}

bool arms_take(struct arms *a, const char *id, struct arm out[2], struct shadow_answer **pairs,
               size_t *count) {
    *pairs = NULL;
    *count = 0;
    pthread_mutex_lock(&a->lock);
    struct watched *w = *find(a, id);
    if (w) {
        memcpy(out, w->arms, sizeof w->arms);
        *pairs = w->pairs;
        *count = w->pair_count;
        w->pairs = NULL;
        w->pair_count = 0;
    }
    pthread_mutex_unlock(&a->lock);
    return w != NULL;
}

void arms_add_label(struct arms *a, const char *id, bool candidate, struct str label, bool right) {
    pthread_mutex_lock(&a->lock);
    struct watched *w = *find(a, id);
    if (w)
        arm_add_label(&w->arms[candidate], label, right);
    pthread_mutex_unlock(&a->lock);
}

void arms_add_score(struct arms *a, const char *id, bool candidate, double score) {
    pthread_mutex_lock(&a->lock);
    struct watched *w = *find(a, id);
    if (w)
        arm_add_score(&w->arms[candidate], score);
    pthread_mutex_unlock(&a->lock);
}

/* A mistake of the client is nobody's. What a cache answered shows nothing about either side. */
static bool counts(const struct event *e) {
    return e->side != SIDE_NONE && !cache_state_answers(e->cache) && (e->status < 400 || e->status >= 500);
}

void arms_note(struct arms *a, const struct event *e) {
    if (!a || atomic_load_explicit(&a->count, memory_order_relaxed) == 0 || !counts(e))
        return;
    struct arm_answer answer = {.failed = e->status >= 500,
                                .fallback = e->fallback.n > 0,
                                .review = e->decision == DECISION_REVIEW,
                                .latency_us = e->total_us,
                                .confidence = e->confidence,
                                .cost = (double)e->cost_nanodollars};
    pthread_mutex_lock(&a->lock);
    for (struct watched *w = a->first; w; w = w->next)
        if (str_eq(e->endpoint, str_from(w->endpoint)))
            arm_add(&w->arms[e->side == SIDE_CANDIDATE], &answer);
    pthread_mutex_unlock(&a->lock);
}
