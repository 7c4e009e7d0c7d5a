#include "pipeline/engine.h"

#include "base/check.h"
#include "base/ids.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/shadow.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { REPLY_MAX = 36 << 20 }; /* a whole reply of an upstream, with room for what is added */

struct engine {
    struct engine_parts parts;
    pthread_mutex_t lock;             /* current, states */
    struct snapshot *_Atomic current; /* written under the lock */
    struct loop_state **states;       /* by loop; NULL while it does not run */
    atomic_uint outstanding;
    atomic_bool draining;
};

struct engine *engine_new(const struct engine_parts *parts, struct snapshot *first) {
    struct engine *e = calloc(1, sizeof *e);
    struct loop_state **states = calloc(parts->loops, sizeof(*states));
    if (!e || !states) {
        free(e);
        free(states);
        return NULL;
    }
    e->parts = *parts;
    atomic_init(&e->current, first);
    e->states = states;
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

void engine_free(struct engine *e) {
    if (!e)
        return;
    snapshot_unref(atomic_load(&e->current));
    pthread_mutex_destroy(&e->lock);
    free(e->states);
    free(e);
}

struct loop_state *engine_loop_start(struct engine *e, struct loop *loop) {
    struct loop_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->engine = e;
    state->parts = &e->parts;
    state->loop = loop;
    state->index = loop_index(loop);
    CHECK(state->index < e->parts.loops);
    state->reply = BUF_INIT(REPLY_MAX);
    state->metrics = metrics_shard(e->parts.metrics, state->index);
    state->scratch = scratch_new();
    random_bytes(&state->chance, sizeof state->chance);
    state->client = http_client_new(loop);
    if (!state->scratch || !state->client) {
        scratch_free(state->scratch);
        http_client_free(state->client);
        free(state);
        return NULL;
    }
    pthread_mutex_lock(&e->lock);
    state->snapshot = snapshot_ref(atomic_load(&e->current));
    e->states[state->index] = state;
    pthread_mutex_unlock(&e->lock);
    return state;
}

void engine_loop_stop(struct loop_state *state) {
    struct engine *e = state->engine;
    pthread_mutex_lock(&e->lock);
    e->states[state->index] = NULL;
    pthread_mutex_unlock(&e->lock);
    shadow_stop_loop(state);
    snapshot_unref(state->snapshot);
    scratch_free(state->scratch);
    http_client_free(state->client);
    buf_free(&state->reply);
    free(state);
}

void engine_renew(struct loop_state *state) {
    struct engine *e = state->engine;
    /* As long as it is held here, no other one has its address. */
    if (atomic_load_explicit(&e->current, memory_order_acquire) == state->snapshot)
        return;
    struct snapshot *next = engine_snapshot(e);
    snapshot_unref(state->snapshot);
    state->snapshot = next;
}

/* A loop that nobody asks anything lets go of the one before, too. */
struct swap {
    struct loop_task task;
    struct loop_state *state;
};

static void swap(struct loop_task *task) {
    struct swap *s = CONTAINER_OF(task, struct swap, task);
    engine_renew(s->state);
    free(s);
}

void engine_publish(struct engine *e, struct snapshot *next) {
    pthread_mutex_lock(&e->lock);
    struct snapshot *before = atomic_exchange(&e->current, next);
    for (unsigned i = 0; i < e->parts.loops; i++) {
        if (!e->states[i])
            continue;
        struct swap *s = malloc(sizeof *s);
        CHECK(s); /* some bytes, on an administrator's act */
        *s = (struct swap){.task.run = swap, .state = e->states[i]};
        loop_post(s->state->loop, &s->task);
    }
    pthread_mutex_unlock(&e->lock);
    snapshot_unref(before);
}

struct snapshot *engine_snapshot(struct engine *e) {
    pthread_mutex_lock(&e->lock);
    struct snapshot *s = snapshot_ref(atomic_load(&e->current));
    pthread_mutex_unlock(&e->lock);
    return s;
}

void engine_outstanding_begin(struct engine *e) {
    atomic_fetch_add(&e->outstanding, 1);
}

void engine_outstanding_end(struct engine *e) {
    atomic_fetch_sub(&e->outstanding, 1);
}

bool engine_wait_idle(struct engine *e, int64_t deadline) {
    while (atomic_load(&e->outstanding) > 0) {
        if (clock_monotonic() >= deadline)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
    }
    return true;
}

void engine_set_draining(struct engine *e) {
    atomic_store(&e->draining, true);
}

bool engine_draining(const struct engine *e) {
    return atomic_load(&e->draining);
}
