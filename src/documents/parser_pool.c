#include "documents/documents.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "documents/parser_run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_PER_WORKER = 64, MOST_WORKERS = 256, WARM_MS = 5000, RESTART_PAUSE_MS = 200 };

#define LATE_IN_QUEUE "the document's time was over before a parser process was free; try again later"

enum ticket_state { TICKET_QUEUED, TICKET_RUNNING, TICKET_DONE };

/* One job. Two hold it: the pool until `done` has run, and the caller who got a ticket. */
struct parser_ticket {
    struct parser_pool *pool;
    struct parser_job job;
    int64_t submitted;
    atomic_bool cancelled;
    atomic_uint holders;
    enum ticket_state state;    /* under the pool's lock */
    struct worker *worker;      /* under the pool's lock; while running */
    struct parser_ticket *next; /* in the queue */
};

/* One thread with its process. */
struct worker {
    struct parser_pool *pool;
    pthread_t thread;
    int wake;                      /* eventfd: the job that runs here was cancelled */
    struct parser_ticket *running; /* under the pool's lock */
    struct parser_bench bench;
};

struct parser_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;  /* the queue has a job, or the pool stops */
    pthread_cond_t watch; /* the queue's head of deadlines may have changed, or something was cancelled */
    struct parser_ticket *first, **last;
    atomic_bool stopping; /* written under the lock */
    unsigned queue_most, started;
    bool watcher_started, prewarm;
    unsigned required_layers;
    pthread_t watcher;
    struct parser_programs programs;
    struct document_limits defaults;
    struct parser_pool_stats stats; /* under the lock */
    struct worker *workers;
    unsigned worker_count;
};

static void release(struct parser_ticket *ticket) {
    if (atomic_fetch_sub(&ticket->holders, 1) == 1)
        free(ticket);
}

static void finish(struct parser_ticket *ticket, struct document_result *result, const struct error *err) {
    if (result) {
        result->ms.total = (float)(clock_monotonic() - ticket->submitted) / (float)NS_PER_MS;
        ticket->job.done(ticket->job.ctx, result, NULL);
    } else {
        ticket->job.done(ticket->job.ctx, NULL, err);
    }
    release(ticket);
}

/* Limits: what the job leaves at 0 is the pool's, what that leaves at 0 is the built-in default. */
static struct document_limits fill_limits(struct document_limits own,
                                          const struct document_limits *defaults) {
#define FILL(field) own.field = own.field ? own.field : defaults->field
    FILL(max_pages);
    FILL(max_pixels);
    FILL(max_text_bytes);
    FILL(memory_bytes);
    FILL(cpu_seconds);
    FILL(quick_ms);
    FILL(wall_ms);
#undef FILL
    return own;
}

static const struct document_limits built_in = {
    .max_pages = 50,
    .max_pixels = 40 * 1000 * 1000,
    .max_text_bytes = 1024 * 1024,
    .memory_bytes = (size_t)1024 * 1024 * 1024,
    .cpu_seconds = 20,
    .quick_ms = 300,
    .wall_ms = 20000,
};

static bool run_job(struct worker *worker, struct parser_ticket *ticket, struct document_result **result,
                    struct error *err) {
    const struct parser_job *job = &ticket->job;
    int64_t now = clock_monotonic();
    int64_t limit = now + (int64_t)job->limits.wall_ms * NS_PER_MS;
    struct patience patience = {.until = job->deadline < limit ? job->deadline : limit,
                                .wake = worker->wake,
                                .cancelled = &ticket->cancelled};
    struct parser_task task = {.bytes = job->bytes,
                               .type = job->type,
                               .want = job->want,
                               .limits = job->limits,
                               .patience = &patience};
    worker->bench.last_end = PARSER_FINE;
    worker->bench.replaced = 0;
    patience.allowed_ms = (unsigned)(patience_left_ns(&patience) / NS_PER_MS);
    if (job->deadline <= now)
        return fail(err, ERR_DEADLINE, LATE_IN_QUEUE);
    if (task.type == FILE_TYPE_UNKNOWN && !file_type_detect(task.bytes, &task.type, err))
        return false;
    if (!parser_run(&worker->bench, &task, result, err))
        return false;
    (*result)->ms.wait = (float)(now - ticket->submitted) / (float)NS_PER_MS;
    return true;
}

/* Forgets a wake-up that was meant for the job that just ended. */
static void settle_wake(struct worker *worker) {
    uint64_t count;
    if (read(worker->wake, &count, sizeof count) < 0)
        return;
}

static void count_end(struct parser_pool *pool, const struct worker *worker, bool ok, enum error_code code) {
    struct parser_pool_stats *stats = &pool->stats;
    const struct parser_bench *bench = &worker->bench;
    stats->busy--;
    stats->jobs++;
    stats->failed += !ok;
    stats->restarts += bench->replaced + (bench->last_end != PARSER_FINE);
    stats->crashes += !ok && code == ERR_DOCUMENT_UNREADABLE;
    stats->timeouts += !ok && code == ERR_DOCUMENT_TIMEOUT;
    stats->memory_kills += !ok && code == ERR_DOCUMENT_TOO_COMPLEX;
    if (bench->pdf_layers)
        stats->pdf_layers = bench->pdf_layers;
    if (bench->process.pid != 0) {
        stats->image_layers = bench->process.layers;
        stats->spawn_ms = bench->process.spawn_ms;
    }
}

static void work_on(struct worker *worker, struct parser_ticket *ticket) {
    struct parser_pool *pool = worker->pool;
    struct document_result *result = NULL;
    struct error err = {0};
    bool ok = run_job(worker, ticket, &result, &err);
    pthread_mutex_lock(&pool->lock);
    ticket->state = TICKET_DONE;
    ticket->worker = NULL;
    worker->running = NULL;
    settle_wake(worker);
    count_end(pool, worker, ok, err.code);
    pthread_mutex_unlock(&pool->lock);
    finish(ticket, result, &err);
}

static void warm(struct worker *worker, const struct patience *patience) {
    struct frame_request request = {
        .magic = FRAME_MAGIC, .kind = FRAME_WARM, .cpu_seconds = worker->pool->defaults.cpu_seconds};
    struct parser_answer answer;
    struct error err;
    enum parser_end end;
    if (!parser_process_ask(&worker->bench.process, &request, STR(""), patience, &answer, &end, &err)) {
        log_event(LOG_WARN, "parser.warm", "a parser process did not load its language: %s", err.message);
        return;
    }
    if (answer.head.status != FRAME_OK)
        log_event(LOG_WARN, "parser.warm", "a parser process did not load its language: %s", answer.message);
    parser_answer_free(&answer);
}

/* Between jobs a missing process is started again, so that the next job need not wait for it. */
static void prepare_process(struct worker *worker) {
    struct patience patience = {.until = clock_monotonic() + WARM_MS * NS_PER_MS,
                                .wake = worker->wake,
                                .cancelled = &worker->pool->stopping,
                                .allowed_ms = WARM_MS};
    struct parser_bench *bench = &worker->bench;
    struct error err;
    if (bench->process.pid != 0)
        return;
    if (!parser_process_start(&bench->process, bench->programs->parser, bench->start_memory,
                              bench->required_layers, &patience, &err)) {
        if (atomic_load(&worker->pool->stopping))
            return;
        log_event(LOG_ERROR, "parser.start", "%s", err.message);
        nanosleep(&(struct timespec){.tv_nsec = RESTART_PAUSE_MS * NS_PER_MS}, NULL);
        return;
    }
    if (worker->pool->prewarm)
        warm(worker, &patience);
}

static struct parser_ticket *take_job(struct worker *worker) {
    struct parser_pool *pool = worker->pool;
    struct parser_ticket *ticket = pool->first;
    pool->first = ticket->next;
    if (!pool->first)
        pool->last = &pool->first;
    ticket->next = NULL;
    ticket->state = TICKET_RUNNING;
    ticket->worker = worker;
    worker->running = ticket;
    pool->stats.queued--;
    pool->stats.busy++;
    return ticket;
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct parser_pool *pool = worker->pool;
    for (;;) {
        prepare_process(worker);
        pthread_mutex_lock(&pool->lock);
        if (worker->bench.process.pid != 0) {
            pool->stats.image_layers = worker->bench.process.layers;
            pool->stats.spawn_ms = worker->bench.process.spawn_ms;
        }
        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (!pool->first)
            break;
        struct parser_ticket *ticket = take_job(worker);
        pthread_mutex_unlock(&pool->lock);
        work_on(worker, ticket);
    }
    pthread_mutex_unlock(&pool->lock);
    parser_process_stop(&worker->bench.process);
    return NULL;
}

/* Takes one job that was cancelled or ran out of time while it waited; else tells when to look again. */
static struct parser_ticket *take_overdue(struct parser_pool *pool, int64_t now, int64_t *next) {
    for (struct parser_ticket **at = &pool->first; *at; at = &(*at)->next) {
        struct parser_ticket *ticket = *at;
        if (atomic_load(&ticket->cancelled) || ticket->job.deadline <= now) {
            *at = ticket->next;
            if (!*at)
                pool->last = at;
            ticket->next = NULL;
            ticket->state = TICKET_DONE;
            pool->stats.queued--;
            pool->stats.jobs++;
            pool->stats.failed++;
            return ticket;
        }
        if (ticket->job.deadline < *next)
            *next = ticket->job.deadline;
    }
    return NULL;
}

static void fail_overdue(struct parser_ticket *ticket) {
    struct error err = {0};
    if (atomic_load(&ticket->cancelled))
        fail(&err, ERR_CANCELLED, "the document was no longer wanted");
    else
        fail(&err, ERR_DEADLINE,
             "the document's time was over before a parser process was free; try again later");
    finish(ticket, NULL, &err);
}

/* The watcher's wait is in real time even where a test replaces the clock. */
static void wait_until(struct parser_pool *pool, int64_t deadline) {
    struct timespec at;
    int64_t left = deadline - clock_monotonic();
    clock_gettime(CLOCK_MONOTONIC, &at);
    if (left < 0)
        left = 0;
    int64_t ns = at.tv_nsec + left % NS_PER_SECOND;
    at.tv_sec += left / NS_PER_SECOND + ns / NS_PER_SECOND;
    at.tv_nsec = ns % NS_PER_SECOND;
    pthread_cond_timedwait(&pool->watch, &pool->lock, &at);
}

static void *watcher_main(void *argument) {
    struct parser_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping || pool->first) {
        int64_t now = clock_monotonic(), next = now + 3600 * NS_PER_SECOND;
        struct parser_ticket *overdue = take_overdue(pool, now, &next);
        if (overdue) {
            pthread_mutex_unlock(&pool->lock);
            fail_overdue(overdue);
            pthread_mutex_lock(&pool->lock);
        } else {
            wait_until(pool, next);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static bool enqueue(struct parser_pool *pool, struct parser_ticket *ticket, struct error *err) {
    bool ok = false;
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping)
        fail(err, ERR_DRAINING, "the server is shutting down");
    else if (pool->stats.queued >= pool->queue_most)
        fail(err, ERR_OVERLOADED, "%u documents are waiting to be read already; try again later",
             pool->stats.queued);
    else {
        *pool->last = ticket;
        pool->last = &ticket->next;
        pool->stats.queued++;
        pthread_cond_signal(&pool->work);
        pthread_cond_signal(&pool->watch);
        ok = true;
    }
    pthread_mutex_unlock(&pool->lock);
    return ok;
}

bool parser_pool_submit(struct parser_pool *pool, const struct parser_job *job, struct parser_ticket **ticket,
                        struct error *err) {
    CHECK(job->done);
    struct parser_ticket *made = calloc(1, sizeof *made);
    if (!made)
        return fail(err, ERR_NO_MEMORY, "no memory was left for reading a document");
    made->pool = pool;
    made->job = *job;
    made->job.limits = fill_limits(job->limits, &pool->defaults);
    made->submitted = clock_monotonic();
    if (made->job.deadline == 0)
        made->job.deadline = made->submitted + (int64_t)made->job.limits.wall_ms * NS_PER_MS;
    atomic_init(&made->cancelled, false);
    atomic_init(&made->holders, ticket ? 2 : 1);
    if (!enqueue(pool, made, err)) {
        free(made);
        return false;
    }
    if (ticket)
        *ticket = made;
    return true;
}

static void wake(const struct worker *worker) {
    const uint64_t one = 1;
    if (write(worker->wake, &one, sizeof one) < 0)
        log_event(LOG_WARN, "parser.cancel", "a parser thread could not be woken");
}

/* Under the lock: a job that ended needs no waking, and its worker may be on another one already. */
static void cancel_locked(struct parser_pool *pool, struct parser_ticket *ticket) {
    if (atomic_exchange(&ticket->cancelled, true))
        return;
    if (ticket->state == TICKET_RUNNING)
        wake(ticket->worker);
    if (ticket->state == TICKET_QUEUED)
        pthread_cond_signal(&pool->watch);
}

void parser_ticket_cancel(struct parser_ticket *ticket) {
    struct parser_pool *pool = ticket->pool;
    pthread_mutex_lock(&pool->lock);
    cancel_locked(pool, ticket);
    pthread_mutex_unlock(&pool->lock);
}

void parser_ticket_free(struct parser_ticket *ticket) {
    if (ticket)
        release(ticket);
}

static bool start_threads(struct parser_pool *pool, struct error *err) {
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->bench.programs = &pool->programs;
        worker->bench.start_memory = pool->defaults.memory_bytes;
        worker->bench.required_layers = pool->required_layers;
        worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->wake < 0 || pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            if (worker->wake >= 0)
                close(worker->wake);
            return fail(err, ERR_INTERNAL, "a thread for parser processes could not be started");
        }
        pool->started++;
    }
    pool->watcher_started = pthread_create(&pool->watcher, NULL, watcher_main, pool) == 0;
    return pool->watcher_started ||
           fail(err, ERR_INTERNAL, "a thread for parser processes could not be started");
}

static void init_conditions(struct parser_pool *pool) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->watch, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct parser_pool *parser_pool_new(const struct parser_pool_options *options, struct error *err) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct parser_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        fail(err, ERR_NO_MEMORY, "no memory was left for parser processes");
        return NULL;
    }
    init_conditions(pool);
    pool->last = &pool->first;
    pool->worker_count = options->workers ? options->workers : cores > 0 ? (unsigned)cores : 1;
    if (pool->worker_count > MOST_WORKERS)
        pool->worker_count = MOST_WORKERS;
    pool->queue_most = options->queue ? options->queue : pool->worker_count * QUEUE_PER_WORKER;
    pool->prewarm = options->prewarm;
    pool->required_layers = options->required_layers | SANDBOX_REQUIRED;
    pool->defaults = fill_limits(options->defaults, &built_in);
    pool->stats.workers = pool->worker_count;
    pool->workers = calloc(pool->worker_count, sizeof *pool->workers);
    bool ok = pool->workers || fail(err, ERR_NO_MEMORY, "no memory was left for parser processes");
    if (ok && parser_programs_find(&pool->programs, options, err) && start_threads(pool, err))
        return pool;
    parser_pool_free(pool);
    return NULL;
}

static void cancel_all(struct parser_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct parser_ticket *ticket = pool->first; ticket; ticket = ticket->next)
        cancel_locked(pool, ticket);
    for (unsigned i = 0; i < pool->started; i++) {
        if (pool->workers[i].running)
            cancel_locked(pool, pool->workers[i].running);
        wake(&pool->workers[i]);
    }
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->watch);
    pthread_mutex_unlock(&pool->lock);
}

void parser_pool_free(struct parser_pool *pool) {
    if (!pool)
        return;
    cancel_all(pool);
    for (unsigned i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    if (pool->watcher_started)
        pthread_join(pool->watcher, NULL);
    for (unsigned i = 0; i < pool->started; i++)
        close(pool->workers[i].wake);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->watch);
    pthread_mutex_destroy(&pool->lock);
    parser_programs_free(&pool->programs);
    free(pool->workers);
    free(pool);
}

void parser_pool_stats(struct parser_pool *pool, struct parser_pool_stats *out) {
    pthread_mutex_lock(&pool->lock);
    *out = pool->stats;
    pthread_mutex_unlock(&pool->lock);
}
