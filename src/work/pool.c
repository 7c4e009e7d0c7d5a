#include "work/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct worker {
    struct work_pool *pool;
    unsigned index;
    pthread_t thread;
};

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct work_item *first, **end;
    bool ending;
    unsigned count;
    struct worker workers[];
};

static void *work(void *ctx) {
    struct worker *w = ctx;
    struct work_pool *pool = w->pool;
    pthread_setname_np(pthread_self(), "worker");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->ending)
            pthread_cond_wait(&pool->some, &pool->lock);
        struct work_item *item = pool->first;
        if (!item)
            break;
        pool->first = item->next;
        if (!pool->first)
            pool->end = &pool->first;
        pthread_mutex_unlock(&pool->lock);
        item->run(item, w->index);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct work_pool *work_pool_new(unsigned threads) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = threads ? threads : cores > 0 ? (unsigned)cores : 1;
    struct work_pool *pool = calloc(1, sizeof *pool + count * sizeof(struct worker));
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->some, NULL);
    pool->end = &pool->first;
    for (; pool->count < count; pool->count++) {
        struct worker *w = &pool->workers[pool->count];
        *w = (struct worker){.pool = pool, .index = pool->count};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            work_pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

void work_pool_free(struct work_pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->some);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->some);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

unsigned work_pool_threads(const struct work_pool *pool) {
    return pool->count;
}

void work_pool_submit(struct work_pool *pool, struct work_item *item) {
    item->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->end = item;
    pool->end = &item->next;
    pthread_cond_signal(&pool->some);
    pthread_mutex_unlock(&pool->lock);
}
