/* Predictions off the loop, in micro-batches: rows that wait for the same version are predicted in one
 * call, up to BATCH_MAX, and one poisonous row fails alone. A row is the caller's memory, and keeps its
 * model version referenced, from submit to `done`. Any thread. */
#pragma once

#include "models/backend.h"
#include "work/pool.h"

struct batcher;
struct model_version;

enum { BATCH_MAX = 32, BATCHER_QUEUE_MAX = 1024 };

struct batch_row {
    struct model_input input;
    int64_t deadline; /* monotonic ns: a row that waited past it fails with ERR_DEADLINE, unpredicted */
    struct model_answer answer; /* when error.code is ERR_NONE */
    struct error error;
    int64_t ns; /* the time that predicting this row took, its share of the batch's */
    void (*done)(struct batch_row *row); /* on a thread of the pool */
    struct batch_row *next;
};

struct batcher *batcher_new(struct work_pool *pool, const struct backend *backend) MUST_USE;
/* Only after `done` of every row; a drain that is just ending keeps the memory a little longer. NULL is fine.
 */
void batcher_free(struct batcher *b);
/* ERR_OVERLOADED when BATCHER_QUEUE_MAX rows wait; `done` is then not called. */
bool batcher_submit(struct batcher *b, struct batch_row *row, struct error *err) MUST_USE;
