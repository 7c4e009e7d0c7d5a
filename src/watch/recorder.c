#include "watch/recorder.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "review/review.h"
#include "store/blobs.h"
#include "store/conversations.h"
#include "store/presence.h"
#include "store/sql.h"
#include "store/store.h"
#include "watch/arms.h"
#include "watch/batch.h"
#include "watch/checkpointer.h"
#include "watch/forget.h"
#include "watch/job_queue.h"
#include "watch/monitors/monitors.h"
#include "watch/retention.h"
#include "work/ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    /* nice(2): a loop on the same processor goes first, and still leaves a sixth of it, where records need a
       tenth */
    GIVE_WAY = 7,
    QUEUE_DEFAULT = 32768,
    FLUSH_MS_DEFAULT = 50,
    ENOUGH = 512, /* events that are committed without waiting for more */
    RETRY_MS = 200,
    GIVE_UP_MS = 2000,
    PATIENCE_MS = 1500, /* for another program's write lock: less than GIVE_UP_MS */
    TICK_MS = 1000,
    RETENTION_S = 60,
    RETENTION_ROWS = 256,
    RETENTION_PAUSE_MS = 5, /* between the pieces of a larger deletion, while there is nothing else to do */
    ROOM_LEAST = 1 << 20 /* bytes that a disk that was full must have free before requests are taken again */
};

/* What the recorder's thread is doing, as far as a producer must know. */
enum sleep { AWAKE, GATHERING, IDLE };

struct loop_queue {
    struct ring ring;
    struct event_spares spares;
    /* the loop's */
    alignas(CACHE_LINE) size_t reserved;
    atomic_size_t urgent_pushed;
    /* the recorder's */
    alignas(CACHE_LINE) size_t urgent_drained;
};

struct recorder {
    struct recorder_options options;
    struct loop_queue *queues;
    size_t queue_length;
    int wake;
    int presence; /* says that a server runs on this store */
    alignas(CACHE_LINE) atomic_int sleep;
    alignas(CACHE_LINE) atomic_bool healthy;
    atomic_bool stopping;
    struct job_queue jobs, reads;
    pthread_t thread, reader;
    struct store *store, *reader_store;
    struct checkpointer *checkpointer;

    _Atomic int64_t keep_ns, keep_reviews_ns, keep_feedback_ns;
    _Atomic int64_t keep_ended_ns, keep_silences_ns, keep_messages_ns; /* struct alert_retention */
    atomic_bool disk_full; /* why it is not healthy, as far as a client should know */

    /* the recorder's own */
    struct record_writer *writer;
    struct batch batch;
    struct error failure;
    int64_t next_tick, next_retention, data_version;
    unsigned sweep_slice;
    bool deleting;   /* records whose time is over, a piece at a time */
    bool forgetting; /* a person, a piece at a time */

    /* for recorder_state */
    _Atomic uint64_t committed, commits, failed_commits, pending, review_depth;
    _Atomic int64_t oldest;
};

static void wake_recorder(struct recorder *r) {
    if (atomic_exchange(&r->sleep, AWAKE) == AWAKE)
        return;
    uint64_t one = 1;
    while (write(r->wake, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

/* Paths and the system's own words are for the log. */
static bool refuse_unhealthy(struct recorder *r, struct error *err) {
    fail(err, ERR_STORE, "Requests cannot be recorded at the moment: %s.",
         atomic_load(&r->disk_full) ? "the disk is full"
                                    : "the store cannot be written, and the server's log says why");
    if (err)
        err->retry_after_ms = 1000;
    return false;
}

bool recorder_reserve(struct recorder *r, unsigned loop, struct error *err) {
    struct loop_queue *q = &r->queues[loop];
    if (UNLIKELY(!atomic_load_explicit(&r->healthy, memory_order_relaxed)))
        return refuse_unhealthy(r, err);
    if (q->reserved < r->queue_length &&
        ring_used_at_most(&q->ring, r->queue_length - q->reserved) < r->queue_length - q->reserved) {
        q->reserved++;
        event_take_soon(&q->spares);
        return true;
    }
    fail(err, ERR_OVERLOADED, "%zu requests already wait to be recorded; try again.", r->queue_length);
    if (err)
        err->retry_after_ms = 1000;
    return false;
}

struct event *recorder_event(struct recorder *r, unsigned loop, size_t room) {
    return event_take(&r->queues[loop].spares, room);
}

void recorder_release(struct recorder *r, unsigned loop) {
    CHECK(r->queues[loop].reserved > 0);
    r->queues[loop].reserved--;
}

void recorder_push(struct recorder *r, unsigned loop, struct event *e) {
    struct loop_queue *q = &r->queues[loop];
    bool urgent = batch_is_urgent(e);
    CHECK(q->reserved > 0);
    q->reserved--;
    if (e->pushed_ns == 0)
        e->pushed_ns = clock_monotonic();
    bool pushed = ring_push(&q->ring, e);
    CHECK(pushed);
    if (urgent)
        atomic_store(&q->urgent_pushed, atomic_load_explicit(&q->urgent_pushed, memory_order_relaxed) + 1);
    int asleep = atomic_load(&r->sleep);
    if (asleep == AWAKE)
        return;
    if (asleep == IDLE || urgent || ring_used_at_most(&q->ring, r->queue_length / 2) >= r->queue_length / 2)
        wake_recorder(r);
}

bool recorder_submit(struct recorder *r, struct store_job *job, struct error *err) {
    if (!job_queue_put(&r->jobs, job, err))
        return false;
    wake_recorder(r);
    return true;
}

bool recorder_submit_read(struct recorder *r, struct store_job *job, struct error *err) {
    return job_queue_put(&r->reads, job, err);
}

static void *reader_main(void *arg) {
    struct recorder *r = arg;
    pthread_setname_np(pthread_self(), "reader");
    for (struct store_job *job; (job = job_queue_wait(&r->reads));) {
        struct error err = {0};
        bool ok = job->run(job, r->reader_store, &err);
        job->done(job, ok, ok ? NULL : &err);
    }
    return NULL;
}

/* Without the monitors' lock, which the main thread may wait for. */
static void rest_after(struct recorder *r, size_t event) {
    struct pace *p = &r->batch.pace;
    p->hurried = batch_hurries(&r->batch);
    if (!pace_tired(p, event))
        return;
    monitors_end_notes(r->options.monitors);
    pace_rest(p);
    monitors_begin_notes(r->options.monitors);
}

static void drain(struct recorder *r) {
    size_t item = 0;
    monitors_begin_notes(r->options.monitors);
    for (unsigned i = 0; i < r->options.loops; i++) {
        struct loop_queue *q = &r->queues[i];
        for (struct event *e; (e = ring_pop(&q->ring));) {
            q->urgent_drained += batch_is_urgent(e);
            arms_note(r->options.arms, e);
            monitors_note(r->options.monitors, e);
            batch_add(&r->batch, e);
            rest_after(r, item++);
        }
    }
    monitors_end_notes(r->options.monitors);
    atomic_store_explicit(&r->pending, r->batch.count, memory_order_relaxed);
    atomic_store_explicit(&r->oldest, r->batch.first ? r->batch.first->pushed_ns : 0, memory_order_relaxed);
}

/* Has something come that must not wait, between the last drain and the sign that we sleep? */
static bool must_not_sleep(struct recorder *r, enum sleep kind) {
    if (job_queue_has_some(&r->jobs) || atomic_load(&r->stopping))
        return true;
    for (unsigned i = 0; i < r->options.loops; i++) {
        struct loop_queue *q = &r->queues[i];
        if (atomic_load(&q->urgent_pushed) != q->urgent_drained ||
            (kind == IDLE && atomic_load(&q->ring.tail) != atomic_load(&q->ring.head)))
            return true;
    }
    return false;
}

static void sleep_until(struct recorder *r, enum sleep kind, int64_t deadline) {
    atomic_store(&r->sleep, kind);
    int64_t left = deadline - clock_monotonic();
    if (left > 0 && !must_not_sleep(r, kind)) {
        struct timespec wait = {.tv_sec = left / NS_PER_SECOND, .tv_nsec = left % NS_PER_SECOND};
        struct pollfd fd = {.fd = r->wake, .events = POLLIN};
        uint64_t count;
        if (ppoll(&fd, 1, &wait, NULL) == 1 && read(r->wake, &count, sizeof count) < 0)
            CHECK(errno == EAGAIN || errno == EINTR);
    }
    atomic_store(&r->sleep, AWAKE);
}

static void set_healthy(struct recorder *r, bool healthy) {
    if (healthy == atomic_load(&r->healthy))
        return;
    if (healthy)
        log_event(LOG_INFO, "recorder.recovered", "Records are written again.");
    else
        log_event(LOG_ERROR, "recorder.failed", "Records cannot be written; new requests get 503. %s",
                  r->failure.message);
    atomic_store(&r->disk_full, strcmp(r->failure.param, STORE_DISK_FULL) == 0);
    atomic_store(&r->healthy, healthy);
}

static void count_reviews(struct recorder *r) {
    uint64_t open;
    if (review_depth(r->store, &open, NULL))
        atomic_store(&r->review_depth, open);
}

static void publish(struct recorder *r) {
    const struct batch *b = &r->batch;
    atomic_store_explicit(&r->committed, b->committed, memory_order_relaxed);
    atomic_store_explicit(&r->commits, b->commits, memory_order_relaxed);
    atomic_store_explicit(&r->pending, b->count, memory_order_relaxed);
    atomic_store_explicit(&r->oldest, b->first ? b->first->pushed_ns : 0, memory_order_relaxed);
}

/* A full disk mostly has room for one more small record: going by that, requests would be taken, kept
 * waiting and refused by turns. */
static bool still_full(struct recorder *r) {
    struct statvfs disk;
    return atomic_load(&r->disk_full) && !atomic_load(&r->healthy) &&
           statvfs(store_folder(r->store), &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize < ROOM_LEAST;
}

/* Without anything to commit: finds out whether the store works again. */
static bool commit(struct recorder *r, struct store_job *jobs) {
    uint64_t reviews = r->batch.reviews, done = r->batch.jobs;
    bool ok = r->batch.count > 0 || jobs ? batch_commit(&r->batch, jobs, &r->failure)
                                         : batch_probe(&r->batch, &r->failure);
    if (r->batch.reviews != reviews || r->batch.jobs != done)
        count_reviews(r);
    if (!ok)
        atomic_fetch_add(&r->failed_commits, 1);
    publish(r);
    ok = ok && !still_full(r);
    set_healthy(r, ok);
    return ok;
}

static void write_costs(struct recorder *r) {
    struct error err;
    if (r->batch.costs && atomic_load(&r->healthy) && !cost_days_write(r->batch.costs, r->store, &err))
        log_event(LOG_WARN, "recorder.costs_failed", "What requests cost could not be added up. %s",
                  err.message);
}

/* Once a second: what other programs did to the review queue, and inputs whose time is over. */
static void tick(struct recorder *r) {
    int64_t now = clock_monotonic(), version;
    struct error err;
    if (now < r->next_tick)
        return;
    r->next_tick = now + TICK_MS * NS_PER_MS;
    write_costs(r);
    r->forgetting = true; /* perhaps: somebody may have asked for it */
    if (sql_number(r->store, "PRAGMA data_version", &version, NULL) && version != r->data_version) {
        r->data_version = version;
        count_reviews(r);
    }
    if (now < r->next_retention || !atomic_load(&r->healthy))
        return;
    bool more = false;
    if (!retention_run(r->store, clock_wall(), RETENTION_ROWS, &more, &err) ||
        !retention_sweep(r->store, r->sweep_slice++, &err))
        log_event(LOG_WARN, "recorder.retention_failed",
                  "Kept inputs whose time is over could not be deleted. %s", err.message);
    if (!responses_expire(r->store, clock_wall(), RETENTION_ROWS, &err) ||
        !conversations_expire(r->store, clock_wall(), &err))
        log_event(LOG_WARN, "recorder.retention_failed", "Old responses could not be deleted. %s",
                  err.message);
    if (r->options.journal && !spend_prune(r->store, clock_wall(), &err))
        log_event(LOG_WARN, "recorder.retention_failed", "Old rows of spend could not be deleted. %s",
                  err.message);
    struct alert_retention keep = {atomic_load(&r->keep_ended_ns), atomic_load(&r->keep_silences_ns),
                                   atomic_load(&r->keep_messages_ns)};
    if (!alert_retention_run(r->store, &keep, clock_wall(), RETENTION_ROWS, &err))
        log_event(LOG_WARN, "recorder.retention_failed", "Old alerts could not be deleted. %s", err.message);
    r->deleting = true;
    r->next_retention = more ? r->next_tick : now + RETENTION_S * NS_PER_SECOND;
}

/* The store takes nothing: keep, wait, try again; those who wait for an answer get one in time. */
static void after_failure(struct recorder *r) {
    struct timespec pause = {.tv_nsec = RETRY_MS * NS_PER_MS};
    nanosleep(&pause, NULL);
    drain(r);
    batch_give_up(&r->batch, clock_monotonic() - GIVE_UP_MS * NS_PER_MS, &r->failure);
    publish(r);
}

static int64_t gather_deadline(const struct recorder *r) {
    if (r->batch.count == 0 || r->batch.count >= ENOUGH || r->batch.urgent > 0)
        return 0;
    return r->batch.first->pushed_ns + r->options.flush_ms * NS_PER_MS / 2;
}

/* What people said, where its time is over. */
static bool delete_said(struct recorder *r, struct error *err) {
    int64_t now = clock_wall(), reviews = atomic_load(&r->keep_reviews_ns),
            feedback = atomic_load(&r->keep_feedback_ns);
    bool more = false;
    if (reviews > 0 && !retention_reviews(r->store, now - reviews, RETENTION_ROWS, &more, err))
        return false;
    r->deleting |= more;
    if (feedback > 0 && !retention_feedback(r->store, now - feedback, RETENTION_ROWS, &more, err))
        return false;
    r->deleting |= more;
    return true;
}

/* A piece of what is to be deleted. Between pieces the recorder looks at its queues, so that nobody waits for
 * more than one. */
static void delete_some(struct recorder *r) {
    int64_t keep = atomic_load(&r->keep_ns);
    struct error err;
    if (!r->deleting || r->batch.urgent > 0 || !atomic_load(&r->healthy))
        return;
    r->deleting = false;
    if (keep > 0 && !retention_records(r->store, clock_wall() - keep, &r->deleting, &err))
        log_event(LOG_WARN, "recorder.retention_failed", "Old records could not be deleted. %s", err.message);
    if (!delete_said(r, &err))
        log_event(LOG_WARN, "recorder.retention_failed", "Old review items could not be deleted. %s",
                  err.message);
}

static void forget_some(struct recorder *r) {
    struct error err;
    if (!r->forgetting || r->batch.urgent > 0 || !atomic_load(&r->healthy))
        return;
    write_costs(r); /* so that what it has noted of them goes, too */
    if (forget_step(r->store, &r->forgetting, &err))
        return;
    r->forgetting = false; /* until the next second */
    log_event(LOG_WARN, "recorder.forget_failed",
              "What is to be forgotten could not be removed and is tried again. %s", err.message);
}

/* The last commits; what cannot be had within GIVE_UP_MS is lost, and said to be. */
static void finish(struct recorder *r) {
    int64_t deadline = clock_monotonic() + GIVE_UP_MS * NS_PER_MS;
    for (;;) {
        drain(r);
        struct store_job *jobs = job_queue_take(&r->jobs, BATCH_JOBS_MAX);
        if (r->batch.count == 0 && !jobs)
            return;
        if (commit(r, jobs))
            continue;
        if (clock_monotonic() >= deadline)
            break;
        after_failure(r);
    }
    batch_give_up(&r->batch, INT64_MAX, &r->failure);
    if (r->batch.count > 0)
        log_event(LOG_ERROR, "recorder.lost", "%zu records were not written before the end. %s",
                  r->batch.count, r->failure.message);
}

static void *recorder_main(void *arg) {
    struct recorder *r = arg;
    pthread_setname_np(pthread_self(), "recorder");
    if (getenv("PEN_NICE"))
        setpriority(PRIO_PROCESS, 0, atoi(getenv("PEN_NICE")));
    blob_sweep(store_folder(r->store));
    blob_sweep(store_inputs_folder(r->store));
    while (!atomic_load(&r->stopping)) {
        drain(r);
        struct store_job *jobs = job_queue_take(&r->jobs, BATCH_JOBS_MAX);
        int64_t gather = jobs ? 0 : gather_deadline(r);
        bool nothing = r->batch.count == 0 && !jobs;
        if (nothing && atomic_load(&r->healthy))
            sleep_until(r, IDLE,
                        r->deleting || r->forgetting ? clock_monotonic() + RETENTION_PAUSE_MS * NS_PER_MS
                                                     : r->next_tick);
        else if (gather > clock_monotonic())
            sleep_until(r, GATHERING, gather);
        else if (!commit(r, jobs))
            after_failure(r);
        tick(r);
        delete_some(r);
        forget_some(r);
    }
    finish(r);
    write_costs(r);
    return NULL;
}

static void recorder_free(struct recorder *r) {
    if (!r)
        return;
    batch_free(&r->batch);
    record_writer_free(r->writer);
    checkpointer_stop(r->checkpointer);
    store_close(r->store);
    store_close(r->reader_store);
    for (unsigned i = 0; r->queues && i < r->options.loops; i++) {
        ring_free(&r->queues[i].ring);
        event_spares_free(&r->queues[i].spares);
    }
    free(r->queues);
    job_queue_free(&r->jobs);
    job_queue_free(&r->reads);
    if (r->wake >= 0)
        close(r->wake);
    if (r->presence >= 0)
        close(r->presence);
    free(r);
}

static struct recorder *recorder_new(const struct recorder_options *options) {
    struct recorder *r = aligned_alloc(CACHE_LINE, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct recorder){
        .options = *options, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .presence = -1};
    r->queue_length = options->queue_length ? options->queue_length : QUEUE_DEFAULT;
    if (!r->options.flush_ms)
        r->options.flush_ms = FLUSH_MS_DEFAULT;
    atomic_store(&r->healthy, true);
    atomic_store(&r->keep_ns, options->keep_ns);
    recorder_keep_said(r, options->keep_reviews_ns, options->keep_feedback_ns);
    recorder_keep_alerts(r, &options->keep_alerts);
    job_queue_init(&r->jobs);
    job_queue_init(&r->reads);
    batch_init(&r->batch, NULL, NULL, false);
    size_t size = options->loops * sizeof *r->queues;
    r->queues = aligned_alloc(CACHE_LINE, size ? size : CACHE_LINE);
    bool ok = r->queues && r->wake >= 0;
    if (r->queues)
        memset(r->queues, 0, size);
    for (unsigned i = 0; ok && i < options->loops; i++)
        ok = ring_init(&r->queues[i].ring, r->queue_length) && event_spares_init(&r->queues[i].spares);
    if (ok)
        return r;
    recorder_free(r);
    return NULL;
}

static bool open_stores(struct recorder *r, struct error *err) {
    if (!store_open(&r->store, r->options.store_path, err) ||
        !store_open(&r->reader_store, r->options.store_path, err) ||
        !presence_hold(r->options.store_path, &r->presence, err) ||
        !record_writer_new(&r->writer, r->store, err))
        return false;
    store_set_patience(r->store, PATIENCE_MS);
    batch_init(&r->batch, r->store, r->writer, r->options.log_requests);
    r->batch.tracing = r->options.tracing;
    if (r->options.journal && !spend_writer_new(&r->batch.spend, r->store, r->options.journal, err))
        return false;
    if (!(r->batch.costs = cost_days_new()))
        return fail(err, ERR_NO_MEMORY, "Out of memory while starting the recorder.");
    count_reviews(r);
    return checkpointer_start(&r->checkpointer, r->store, err);
}

static bool start_threads(struct recorder *r, struct error *err) {
    if (pthread_create(&r->reader, NULL, reader_main, r) != 0)
        return fail(err, ERR_NO_MEMORY, "The recorder's reading thread cannot be started.");
    if (pthread_create(&r->thread, NULL, recorder_main, r) == 0)
        return true;
    job_queue_close(&r->reads);
    pthread_join(r->reader, NULL);
    return fail(err, ERR_NO_MEMORY, "The recorder's thread cannot be started.");
}

bool recorder_start(struct recorder **out, const struct recorder_options *options, struct error *err) {
    struct recorder *r = recorder_new(options);
    if (!r)
        return fail(err, ERR_NO_MEMORY, "Out of memory while starting the recorder.");
    if (!open_stores(r, err) || !start_threads(r, err)) {
        recorder_free(r);
        return false;
    }
    *out = r;
    return true;
}

void recorder_keep(struct recorder *r, int64_t keep_ns) {
    atomic_store(&r->keep_ns, keep_ns);
}

void recorder_keep_said(struct recorder *r, int64_t reviews_ns, int64_t feedback_ns) {
    atomic_store(&r->keep_reviews_ns, reviews_ns);
    atomic_store(&r->keep_feedback_ns, feedback_ns);
}

void recorder_keep_alerts(struct recorder *r, const struct alert_retention *keep) {
    atomic_store(&r->keep_ended_ns, keep->ended);
    atomic_store(&r->keep_silences_ns, keep->silences);
    atomic_store(&r->keep_messages_ns, keep->messages);
}

void recorder_stop(struct recorder *r) {
    if (!r)
        return;
    job_queue_close(&r->jobs);
    job_queue_close(&r->reads);
    atomic_store(&r->stopping, true);
    wake_recorder(r);
    pthread_join(r->thread, NULL);
    pthread_join(r->reader, NULL);
    recorder_free(r);
}

void recorder_state(struct recorder *r, struct recorder_state *out) {
    uint64_t queued = atomic_load_explicit(&r->pending, memory_order_relaxed);
    for (unsigned i = 0; i < r->options.loops; i++)
        queued += ring_used(&r->queues[i].ring);
    int64_t oldest = atomic_load_explicit(&r->oldest, memory_order_relaxed);
    int64_t age = oldest ? (clock_monotonic() - oldest) / 1000 : 0;
    *out = (struct recorder_state){
        .committed = atomic_load_explicit(&r->committed, memory_order_relaxed),
        .commits = atomic_load_explicit(&r->commits, memory_order_relaxed),
        .failed_commits = atomic_load_explicit(&r->failed_commits, memory_order_relaxed),
        .queued = queued,
        .lag_us = age > 0 ? age : 0,
        .review_depth = atomic_load_explicit(&r->review_depth, memory_order_relaxed),
        .healthy = atomic_load_explicit(&r->healthy, memory_order_relaxed),
        .disk_full = atomic_load_explicit(&r->disk_full, memory_order_relaxed)};
}
