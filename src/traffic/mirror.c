#include "traffic/mirror.h"

#include "base/clock.h"
#include "traffic/split.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY (24 * 3600 * NS_PER_SECOND)

struct mirror {
    atomic_uint refs;
    char rollout[ID_SIZE];
    struct mirror_terms terms;
    pthread_mutex_t lock; /* of the rest */
    unsigned open;
    int64_t day, spent, reserved;
    uint64_t counts[MIRROR_VERDICTS];
};

const char *mirror_verdict_name(enum mirror_verdict v) {
    static const char *const names[MIRROR_VERDICTS] = {"mirrored", "busy", "spent", "no price"};
    return names[v];
}

struct mirror *mirror_new(const char *rollout, const struct mirror_terms *terms, int64_t spent,
                          int64_t wall_ns) {
    struct mirror *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->refs = 1;
    m->terms = *terms;
    m->spent = spent;
    m->day = wall_ns / DAY;
    snprintf(m->rollout, sizeof m->rollout, "%s", rollout);
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

struct mirror *mirror_ref(struct mirror *m) {
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void mirror_unref(struct mirror *m) {
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

const char *mirror_rollout(const struct mirror *m) {
    return m->rollout;
}

bool mirror_takes(const struct mirror *m, struct str request_id) {
    return split_point(str_from(m->rollout), request_id) < m->terms.share;
}

static enum mirror_verdict judge(const struct mirror *m, int64_t estimate) {
    if (m->open >= m->terms.at_once)
        return MIRROR_BUSY;
    if (m->terms.per_day == 0)
        return MIRROR_GO;
    if (estimate < 0)
        return MIRROR_NO_PRICE;
    return m->spent + m->reserved + estimate > m->terms.per_day ? MIRROR_SPENT : MIRROR_GO;
}

enum mirror_verdict mirror_enter(struct mirror *m, int64_t estimate, int64_t wall_ns) {
    pthread_mutex_lock(&m->lock);
    if (wall_ns / DAY > m->day) {
        m->day = wall_ns / DAY;
        m->spent = 0;
    }
    enum mirror_verdict v = judge(m, estimate);
    m->counts[v]++;
    if (v == MIRROR_GO) {
        m->open++;
        m->reserved += estimate > 0 ? estimate : 0;
    }
    pthread_mutex_unlock(&m->lock);
    return v;
}

void mirror_leave(struct mirror *m, int64_t estimate, int64_t cost) {
    int64_t reserved = estimate > 0 ? estimate : 0;
    pthread_mutex_lock(&m->lock);
    m->open--;
    m->reserved -= reserved;
    m->spent += cost >= 0 ? cost : reserved;
    pthread_mutex_unlock(&m->lock);
}

uint64_t mirror_count(struct mirror *m, enum mirror_verdict v) {
    pthread_mutex_lock(&m->lock);
    uint64_t n = m->counts[v];
    pthread_mutex_unlock(&m->lock);
    return n;
}
