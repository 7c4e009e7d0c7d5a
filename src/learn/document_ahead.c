#include "learn/document_ahead.h"

#include "base/clock.h"
#include "learn/file_text.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { DOCUMENT_MAX = 64 << 20, AHEAD_PER_WORKER = 3, DOCUMENT_SECONDS = 60 };

struct reading {
    struct document_ahead *owner;
    bool over;
    struct document_result *result;
    struct document_file file;
};

struct document_ahead {
    struct document_ahead_options o;
    struct parser_pool *pool; /* NULL: files are read and not understood */
    struct reading *list;
    size_t submitted, forgotten; /* the first so many */
    size_t ahead, at;
    pthread_mutex_t lock; /* over, result and error of readings under way */
    pthread_cond_t ended;
};

static void forget(struct reading *r) {
    document_result_free(r->result);
    free((char *)r->file.bytes.p);
    r->result = NULL;
    r->file = (struct document_file){0};
}

void document_ahead_free(struct document_ahead *a) {
    if (!a)
        return;
    /* Ends what is still under way, so that nobody calls back after this. */
    parser_pool_free(a->pool);
    for (size_t i = 0; i < a->o.count && a->list; i++)
        forget(&a->list[i]);
    free(a->list);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->ended);
    free(a);
}

/* On a thread of the pool. */
static void reading_over(void *ctx, struct document_result *result, const struct error *err) {
    struct reading *r = ctx;
    struct document_ahead *a = r->owner;
    pthread_mutex_lock(&a->lock);
    r->result = result;
    if (!result)
        r->file.error = *err;
    r->over = true;
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
}

/* Afterwards the reading is over or under way. */
static void understand(struct document_ahead *a, struct reading *r, unsigned want) {
    struct parser_job job = {
        .bytes = r->file.bytes,
        .want = want,
        /* Recognition that is cut short after so many milliseconds, as in serving, would make what is read
         * depend on how busy the machine is; a text that was read to its end trains for its beginning too. */
        .limits = {.wall_ms = DOCUMENT_SECONDS * 1000, .quick_ms = DOCUMENT_SECONDS * 1000},
        /* The time that it waits behind others does not count. */
        .deadline = clock_monotonic() + (int64_t)(a->ahead + 1) * DOCUMENT_SECONDS * NS_PER_SECOND,
        .done = reading_over,
        .ctx = r,
    };
    r->over = false;
    if (!parser_pool_submit(a->pool, &job, NULL, &r->file.error))
        r->over = true;
}

static void submit(struct document_ahead *a, size_t i) {
    struct reading *r = &a->list[i];
    const char *path = a->o.path(a->o.ctx, i);
    size_t n = 0;
    *r = (struct reading){.owner = a, .over = true};
    if (!path)
        return;
    r->file.bytes.p = file_text(path, DOCUMENT_MAX, &n, &r->file.error);
    r->file.bytes.n = n;
    if (r->file.bytes.p && a->pool)
        understand(a, r, a->o.want);
}

static const struct document_file *await(struct document_ahead *a, struct reading *r) {
    pthread_mutex_lock(&a->lock);
    while (!r->over)
        pthread_cond_wait(&a->ended, &a->lock);
    pthread_mutex_unlock(&a->lock);
    r->file.result = r->result;
    return &r->file;
}

const struct document_file *document_ahead_get(struct document_ahead *a, size_t i) {
    a->at = i;
    while (a->submitted < a->o.count && a->submitted < i + a->ahead)
        submit(a, a->submitted++);
    for (; a->forgotten < i; a->forgotten++) {
        (void)await(a, &a->list[a->forgotten]);
        forget(&a->list[a->forgotten]);
    }
    return await(a, &a->list[i]);
}

const struct document_file *document_ahead_again(struct document_ahead *a, unsigned want) {
    struct reading *r = &a->list[a->at];
    document_result_free(r->result);
    r->result = NULL;
    if (r->file.bytes.p && a->pool)
        understand(a, r, want);
    return await(a, r);
}

static bool start_pool(struct document_ahead *a, struct error *err) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct parser_pool_options options = {.workers = cores < 1 ? 1 : (unsigned)cores, .prewarm = true};
    a->ahead = (size_t)options.workers * AHEAD_PER_WORKER;
    a->pool = parser_pool_new(&options, err);
    return a->pool != NULL;
}

struct document_ahead *document_ahead_new(const struct document_ahead_options *o, struct error *err) {
    struct document_ahead *a = calloc(1, sizeof *a);
    if (!a) {
        (void)fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    a->o = *o;
    a->ahead = 1;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->ended, NULL);
    a->list = calloc(o->count + 1, sizeof *a->list);
    if ((a->list || fail(err, ERR_NO_MEMORY, "out of memory")) && (!o->understand || start_pool(a, err)))
        return a;
    document_ahead_free(a);
    return NULL;
}

bool document_file_has_text(const struct document_file *f) {
    struct str text = f->result ? f->result->text : STR("");
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] > ' ')
            return true;
    return false;
}
