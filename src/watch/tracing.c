#include "watch/tracing.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "net/outgoing.h"
#include "watch/spans.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BUFFER_MAX = 4 << 20, /* of spans that wait */
    BATCH_ENOUGH = 256 << 10,
    PERIOD_MS = 1000,
    TRIES = 5,
    FIRST_PAUSE_MS = 500,
    CONNECT_MS = 3000,
    TOTAL_MS = 10000,
    LAST_MS = 2000, /* at the end */
    COMPLAINT_S = 60
};

struct tracing {
    char *url, *header, *ca;
    const struct span_format *format;
    char *version, instance[ID_SIZE];
    struct outgoing *outgoing;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows; held for copies only */
    pthread_cond_t filled;
    struct buf waiting;
    unsigned waiting_spans;
    bool stopping;

    _Atomic uint64_t exported, dropped, failed;
    _Atomic int64_t complained;

    struct buf scratch; /* the adding thread's */
    /* the sending thread's */
    struct buf taken, message;
    unsigned message_spans;
    struct outgoing_answer answer;
    bool answered;
    bool abandoned; /* a call that did not end in time is still there: nothing more is sent */
};

/* ---- adding ---- */

void tracing_add(struct tracing *t, const struct event *e) {
    buf_clear(&t->scratch);
    unsigned spans = spans_add(e, t->format, &t->scratch);
    bool room = !t->scratch.failed;
    t->scratch.failed = false;
    pthread_mutex_lock(&t->lock);
    room =
        room && t->waiting.n + t->scratch.n + 1 <= BUFFER_MAX && buf_reserve(&t->waiting, t->scratch.n + 1);
    if (room) {
        if (t->waiting.n > 0)
            buf_add_str(&t->waiting, t->format->separator);
        buf_add_str(&t->waiting, buf_str(&t->scratch));
        t->waiting_spans += spans;
    }
    t->waiting.failed = false;
    bool enough = t->waiting.n >= BATCH_ENOUGH;
    pthread_mutex_unlock(&t->lock);
    if (!room)
        atomic_fetch_add_explicit(&t->dropped, spans, memory_order_relaxed);
    if (enough)
        pthread_cond_signal(&t->filled);
}

void tracing_counts(struct tracing *t, struct tracing_counts *out) {
    *out = (struct tracing_counts){.exported = atomic_load(&t->exported),
                                   .dropped = atomic_load(&t->dropped),
                                   .failed = atomic_load(&t->failed)};
}

/* ---- sending ---- */

static void deadline_in(uint32_t ms, struct timespec *out) {
    clock_gettime(CLOCK_MONOTONIC, out);
    int64_t ns = out->tv_nsec + (int64_t)ms * NS_PER_MS;
    out->tv_sec += ns / NS_PER_SECOND;
    out->tv_nsec = ns % NS_PER_SECOND;
}

static bool is_stopping(struct tracing *t) {
    pthread_mutex_lock(&t->lock);
    bool stopping = t->stopping;
    pthread_mutex_unlock(&t->lock);
    return stopping;
}

/* Waits for enough, for a second, or for the end; takes what there is. The buffers change places, so that the
 * message is made outside the lock. */
static bool take_batch(struct tracing *t) {
    struct timespec until;
    deadline_in(PERIOD_MS, &until);
    buf_clear(&t->taken);
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && t->waiting.n < BATCH_ENOUGH &&
           pthread_cond_timedwait(&t->filled, &t->lock, &until) == 0)
        continue;
    struct buf taken = t->waiting;
    t->waiting = t->taken;
    t->taken = taken;
    t->message_spans = t->waiting_spans;
    t->waiting_spans = 0;
    pthread_mutex_unlock(&t->lock);
    if (t->taken.n == 0)
        return false;
    buf_clear(&t->message);
    t->format->message(&(struct span_source){t->version, t->instance}, buf_str(&t->taken), &t->message);
    if (!t->message.failed)
        return true;
    t->message.failed = false;
    atomic_fetch_add(&t->dropped, t->message_spans);
    return false;
}

static void done(void *ctx, const struct outgoing_answer *answer) {
    struct tracing *t = ctx;
    t->answer = *answer;
    t->answered = true;
}

/* False: it never began. */
static bool send_once(struct tracing *t, uint32_t total_ms) {
    char type[64];
    const char *const headers[] = {type, t->header, NULL};
    struct outgoing_call call = {.url = t->url,
                                 .headers = headers,
                                 .body = buf_str(&t->message),
                                 .ca = t->ca,
                                 .connect_ms = CONNECT_MS < total_ms ? CONNECT_MS : total_ms,
                                 .total_ms = total_ms};
    struct error err;
    snprintf(type, sizeof type, "content-type: %s", t->format->content_type);
    t->answered = false;
    t->answer = (struct outgoing_answer){0};
    if (!outgoing_start(t->outgoing, &call, done, t, &err)) {
        str_put(str_from(err.message), t->answer.problem, sizeof t->answer.problem);
        return false;
    }
    for (int64_t end = 0; !t->answered && (end == 0 || clock_monotonic() < end);) {
        outgoing_run(t->outgoing, 200);
        if (end == 0 && is_stopping(t))
            end = clock_monotonic() + LAST_MS * NS_PER_MS;
    }
    t->abandoned = !t->answered;
    return t->answered;
}

/* OTLP/HTTP, "Failures": which may be sent again. */
static bool may_retry(const struct outgoing_answer *a) {
    return !a->good &&
           (a->status == 0 || a->status == 429 || a->status == 502 || a->status == 503 || a->status == 504);
}

/* False: the end has come. */
static bool pause_for(struct tracing *t, uint32_t ms) {
    struct timespec until;
    deadline_in(ms, &until);
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && pthread_cond_timedwait(&t->filled, &t->lock, &until) == 0)
        continue;
    bool go_on = !t->stopping;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void complain(struct tracing *t) {
    if (log_is_due(&t->complained, clock_monotonic(), COMPLAINT_S * NS_PER_SECOND))
        log_event(LOG_WARN, "tracing.lost", "%u spans did not reach the collector (status %d). %s",
                  t->message_spans, t->answer.status, t->answer.problem);
}

static void send_batch(struct tracing *t) {
    uint32_t pause = FIRST_PAUSE_MS;
    for (int i = 0; i < TRIES; i++, pause *= 2) {
        bool last = is_stopping(t);
        if (!t->abandoned && send_once(t, last ? LAST_MS : TOTAL_MS) && t->answer.good) {
            atomic_fetch_add(&t->exported, t->message_spans);
            return;
        }
        uint32_t wanted = t->answer.retry_after_ms;
        if (last || t->abandoned || !may_retry(&t->answer) || i + 1 == TRIES ||
            !pause_for(t, wanted > pause && wanted < 60000 ? wanted : pause))
            break;
    }
    atomic_fetch_add(&t->failed, t->message_spans);
    complain(t);
}

static void *run(void *arg) {
    struct tracing *t = arg;
    bool stopping;
    pthread_setname_np(pthread_self(), "tracing");
    do {
        stopping = is_stopping(t);
        if (take_batch(t))
            send_batch(t);
    } while (!stopping);
    return NULL;
}

/* ---- beginning and end ---- */

static void tracing_free(struct tracing *t) {
    if (!t)
        return;
    outgoing_free(t->outgoing);
    buf_free(&t->waiting);
    buf_free(&t->scratch);
    buf_free(&t->taken);
    buf_free(&t->message);
    if (t->header)
        explicit_bzero(t->header, strlen(t->header));
    free(t->url);
    free(t->header);
    free(t->ca);
    free(t->version);
    free(t);
}

static char *copy(const char *text) {
    return text ? str_dup(str_from(text)) : NULL;
}

static bool start_thread(struct tracing *t) {
    pthread_condattr_t monotonic;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pthread_create(&t->thread, NULL, run, t) == 0;
}

bool tracing_start(struct tracing **out, const struct tracing_options *options, struct error *err) {
    struct tracing *t = calloc(1, sizeof *t);
    bool good = t != NULL;
    if (good) {
        t->waiting = t->taken = t->scratch = BUF_INIT(BUFFER_MAX);
        t->message = BUF_INIT(BUFFER_MAX + 4096);
        t->url = copy(options->url);
        t->header = copy(options->header);
        t->ca = copy(options->ca);
        t->outgoing = outgoing_new();
        t->version = copy(options->version);
        t->format = options->format;
        id_make(clock_wall(), t->instance);
        good = t->url && t->version && !t->header == !options->header && !t->ca == !options->ca &&
               t->outgoing && start_thread(t);
    }
    if (!good) {
        tracing_free(t);
        return fail(err, ERR_NO_MEMORY, "Out of memory, or no thread to be had, for the export of traces.");
    }
    *out = t;
    return true;
}

void tracing_stop(struct tracing *t) {
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_mutex_unlock(&t->lock);
    pthread_cond_signal(&t->filled);
    outgoing_wake(t->outgoing);
    pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->filled);
    tracing_free(t);
}
