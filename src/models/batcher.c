#include "models/batcher.h"

#include "base/check.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* One drain per thread of the pool at most: a drain is the work item that empties the queue. */
struct drain {
    struct work_item item;
    struct batcher *batcher;
    struct scratch *scratch;
    bool running;
};

struct batcher {
    atomic_uint refs; /* the owner's and one for each running drain */
    struct work_pool *pool;
    const struct backend *backend;
    pthread_mutex_t lock;
    struct batch_row *first, **end;
    unsigned waiting;
    unsigned drain_count;
    struct drain drains[];
};

static unsigned take(struct batcher *b, struct drain *d, struct batch_row **rows) {
    unsigned count = 0;
    pthread_mutex_lock(&b->lock);
    while (count < BATCH_MAX && b->first) {
        rows[count++] = b->first;
        b->first = b->first->next;
    }
    if (!b->first)
        b->end = &b->first;
    b->waiting -= count;
    if (count == 0)
        d->running = false;
    pthread_mutex_unlock(&b->lock);
    return count;
}

/* Answers the rows that are too late, and returns how many are left, moved to the front. */
static unsigned drop_late(struct batch_row **rows, unsigned count) {
    unsigned left = 0;
    int64_t now = clock_monotonic();
    for (unsigned i = 0; i < count; i++) {
        if (now < rows[i]->deadline) {
            rows[left++] = rows[i];
            continue;
        }
        fail(&rows[i]->error, ERR_DEADLINE, "The prediction waited past its deadline for its turn.");
        rows[i]->done(rows[i]);
    }
    return left;
}

static void predict(struct drain *d, struct batch_row **rows, unsigned count) {
    struct model_input inputs[BATCH_MAX];
    struct model_answer answers[BATCH_MAX];
    struct error errors[BATCH_MAX];
    for (unsigned i = 0; i < count; i++) {
        inputs[i] = rows[i]->input;
        errors[i].code = ERR_NONE;
    }
    int64_t started = clock_monotonic();
    backend_predict(d->batcher->backend, d->scratch, inputs, count, answers, errors);
    int64_t each = (clock_monotonic() - started) / count;
    for (unsigned i = 0; i < count; i++) {
        rows[i]->ns = each;
        rows[i]->error = errors[i];
        if (errors[i].code == ERR_NONE)
            rows[i]->answer = answers[i];
        rows[i]->done(rows[i]);
    }
}

static void drain(struct work_item *item, unsigned worker) {
    struct drain *d = CONTAINER_OF(item, struct drain, item);
    struct batch_row *rows[BATCH_MAX];
    unsigned count;
    while ((count = take(d->batcher, d, rows)) > 0) {
        count = drop_late(rows, count);
        if (count)
            predict(d, rows, count);
    }
    batcher_free(d->batcher);
}

struct batcher *batcher_new(struct work_pool *pool, const struct backend *backend) {
    unsigned threads = work_pool_threads(pool);
    struct batcher *b = calloc(1, sizeof *b + threads * sizeof(struct drain));
    if (!b)
        return NULL;
    *b = (struct batcher){.refs = 1, .pool = pool, .backend = backend};
    b->end = &b->first;
    pthread_mutex_init(&b->lock, NULL);
    for (; b->drain_count < threads; b->drain_count++) {
        struct drain *d = &b->drains[b->drain_count];
        *d = (struct drain){.item.run = drain, .batcher = b, .scratch = scratch_new()};
        if (!d->scratch) {
            batcher_free(b);
            return NULL;
        }
    }
    return b;
}

void batcher_free(struct batcher *b) {
    if (!b || atomic_fetch_sub(&b->refs, 1) > 1)
        return;
    CHECK(!b->first);
    for (unsigned i = 0; i < b->drain_count; i++)
        scratch_free(b->drains[i].scratch);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

bool batcher_submit(struct batcher *b, struct batch_row *row, struct error *err) {
    struct drain *start = NULL;
    row->next = NULL;
    pthread_mutex_lock(&b->lock);
    bool room = b->waiting < BATCHER_QUEUE_MAX;
    if (room) {
        *b->end = row;
        b->end = &row->next;
        b->waiting++;
        for (unsigned i = 0; i < b->drain_count && !start; i++)
            if (!b->drains[i].running)
                start = &b->drains[i];
        if (start) {
            start->running = true;
            atomic_fetch_add(&b->refs, 1);
        }
    }
    pthread_mutex_unlock(&b->lock);
    if (!room)
        return fail(err, ERR_OVERLOADED, "%d predictions already wait for this model; try again later.",
                    BATCHER_QUEUE_MAX);
    if (start)
        work_pool_submit(b->pool, &start->item);
    return true;
}
