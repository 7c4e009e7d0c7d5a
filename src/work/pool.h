/* A fixed set of threads for work that would hold up a loop. Items are the caller's memory; the queue
 * of waiting items is intrusive, so that handing one over allocates nothing. How many may wait is the
 * caller's to bound (models/batcher.h does). Any thread may submit. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>

struct work_item {
    void (*run)(struct work_item *item, unsigned worker); /* worker: 0 … threads - 1 */
    struct work_item *next;
};

struct work_pool;

/* NULL when threads cannot be made. 0: one per core. */
struct work_pool *work_pool_new(unsigned threads) MUST_USE;
/* Runs what is queued, then ends the threads. NULL is fine. */
void work_pool_free(struct work_pool *pool);
unsigned work_pool_threads(const struct work_pool *pool);
void work_pool_submit(struct work_pool *pool, struct work_item *item);
