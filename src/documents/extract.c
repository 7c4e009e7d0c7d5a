#include "documents/documents.h"

#include <pthread.h>

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    struct document_result *result;
    struct error err;
};

static void wake_waiting(void *ctx, struct document_result *result, const struct error *err) {
    struct waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->lock);
    waiting->result = result;
    if (err)
        waiting->err = *err;
    waiting->over = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

bool documents_extract(struct parser_pool *pool, struct str bytes, unsigned want,
                       const struct document_limits *limits, int64_t deadline, struct document_result **out,
                       struct error *err) {
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct parser_job job = {
        .bytes = bytes, .want = want, .deadline = deadline, .done = wake_waiting, .ctx = &waiting};
    if (limits)
        job.limits = *limits;
    if (!parser_pool_submit(pool, &job, NULL, err))
        return false;
    /* Bounded by the job's deadline: the pool calls back then at the latest. */
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.over)
        pthread_cond_wait(&waiting.ended, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    if (waiting.result) {
        *out = waiting.result;
        return true;
    }
    if (err)
        *err = waiting.err;
    return false;
}
