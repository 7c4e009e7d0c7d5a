#include "watch/alerts/delivery.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "watch/alerts/delivery_send.h"
#include "watch/metrics/metrics.h"
#include "watch/alerts/notice.h"
#include "watch/alerts/outbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MAX = 500, /* looked at together, the oldest */
    RUN_MS = 200,
    LOOK_MS = 1000,
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 5 * 60 * 1000,
    PATIENCE_MS = 2000
};

/* A message that waits, as far as it was tried by this process. */
struct waiting {
    char id[ID_SIZE], receiver[64], shape[16], incident[ID_SIZE];
    bool seen; /* in the look under way */
    bool running;
    bool settled; /* the result is not written yet */
    enum outbox_state state;
    int status;
    char answer[OUTGOING_ANSWER_MAX];
    unsigned tries;
    int64_t next_ns, first_ns; /* monotonic; 0: not tried yet */
};

struct delivery {
    pthread_t thread;
    struct store *store;
    struct outgoing *outgoing;
    struct pager *pager;
    atomic_bool stopping, due;
    pthread_mutex_t lock; /* of config and state */
    const struct config *config;
    struct delivery_state state;
    struct page page; /* to be told; NOTICE_NONE: nothing */
    /* the thread's own */
    struct waiting *waiting[WAITING_MAX];
    unsigned count;
    int64_t next_look;
    _Atomic int64_t said;
};

/* A call under way. */
struct trying {
    struct delivery *d;
    struct waiting *w;
    const struct config *config;
};

static void trying_free(struct trying *t) {
    config_unref(t->config);
    free(t);
}

int64_t delivery_pause(unsigned tries, double random) {
    int64_t ms = FIRST_PAUSE_MS;
    for (unsigned i = 1; i < tries && ms < LONGEST_PAUSE_MS; i++)
        ms *= 2;
    if (ms > LONGEST_PAUSE_MS)
        ms = LONGEST_PAUSE_MS;
    return (int64_t)((double)(ms * NS_PER_MS) * (0.5 + 0.5 * random));
}

/* By tries and not by the clock, which may jump. */
int64_t delivery_span(unsigned tries) {
    int64_t sum = 0;
    for (unsigned i = 1; i <= tries; i++)
        sum += delivery_pause(i, 1);
    return sum;
}

static double random_share(void) {
    uint32_t bits;
    random_bytes(&bits, sizeof bits);
    return (double)bits / UINT32_MAX;
}

/* ---- what happened, for others ---- */

static struct delivery_lane *lane_of(struct delivery *d, const char *receiver) {
    struct delivery_state *s = &d->state;
    for (unsigned i = 0; i < s->lane_count; i++)
        if (strcmp(s->lanes[i].receiver, receiver) == 0)
            return &s->lanes[i];
    unsigned at = s->lane_count < CONFIG_RECEIVERS_MAX ? s->lane_count++ : CONFIG_RECEIVERS_MAX - 1;
    s->lanes[at] = (struct delivery_lane){0};
    snprintf(s->lanes[at].receiver, sizeof s->lanes[at].receiver, "%s", receiver);
    return &s->lanes[at];
}

static void count_try(struct delivery *d, const struct waiting *w, const struct outgoing_answer *a) {
    pthread_mutex_lock(&d->lock);
    struct delivery_lane *lane = lane_of(d, w->receiver);
    lane->delivered += a->good;
    lane->failed += !a->good;
    snprintf(lane->problem, sizeof lane->problem, "%s", a->problem);
    d->state.given_up += w->state == OUTBOX_GIVEN_UP;
    pthread_mutex_unlock(&d->lock);
}

static void publish(struct delivery *d, bool healthy) {
    int64_t now = clock_monotonic();
    pthread_mutex_lock(&d->lock);
    d->state.healthy = healthy;
    d->state.waiting = d->count;
    for (unsigned i = 0; i < d->state.lane_count; i++)
        d->state.lanes[i].waiting = 0, d->state.lanes[i].stuck_ns = 0;
    for (unsigned i = 0; i < d->count; i++) {
        const struct waiting *w = d->waiting[i];
        struct delivery_lane *lane = lane_of(d, w->receiver);
        lane->waiting++;
        if (w->first_ns && w->tries && now - w->first_ns > lane->stuck_ns)
            lane->stuck_ns = now - w->first_ns;
    }
    pthread_mutex_unlock(&d->lock);
}

/* ---- one message ---- */

static bool settle(struct delivery *d, struct waiting *w) {
    struct error err;
    if (!outbox_tried(d->store, w->id, w->state, w->status, str_from(w->answer), &err)) {
        if (log_is_due(&d->said, clock_monotonic(), 60 * NS_PER_SECOND))
            log_event(LOG_ERROR, "delivery.failed", "What came of messages cannot be written. %s",
                      err.message);
        return false;
    }
    w->settled = false;
    return true;
}

static void finish(struct delivery *d, struct waiting *w, enum outbox_state state, int status,
                   const char *answer) {
    w->state = state;
    w->status = status;
    snprintf(w->answer, sizeof w->answer, "%s", answer);
    w->settled = true;
    settle(d, w);
}

static void answered(void *ctx, const struct outgoing_answer *a) {
    struct trying *t = ctx;
    struct delivery *d = t->d;
    struct waiting *w = t->w;
    int64_t give_up = t->config->alerts.give_up, wait = 0;
    w->running = false;
    if (a->dropped) {
        trying_free(t);
        return;
    }
    w->tries++;
    bool over = !a->good && delivery_span(w->tries) >= give_up;
    if (!a->good) {
        wait = delivery_pause(w->tries, random_share());
        if ((int64_t)a->retry_after_ms * NS_PER_MS > wait)
            wait = (int64_t)a->retry_after_ms * NS_PER_MS;
        w->next_ns = clock_monotonic() + wait;
    }
    finish(d, w,
           a->good ? OUTBOX_DELIVERED
           : over  ? OUTBOX_GIVEN_UP
                   : OUTBOX_WAITING,
           a->status, a->good ? a->said : a->problem);
    count_try(d, w, a);
    if (!a->good)
        log_event(over ? LOG_ERROR : LOG_WARN, over ? "alert.lost" : "alert.undelivered",
                  "Receiver \"%s\" did not take message %s (try %u): %s. %s", w->receiver, w->id, w->tries,
                  a->problem, over ? "It is given up." : "It is tried again.");
    trying_free(t);
    d->next_look = 0;
}

static const struct config_receiver *receiver_of(const struct config *c, const struct waiting *w) {
    for (size_t i = 0; i < c->alerts.receiver_count; i++) {
        const struct config_receiver *r = &c->alerts.receivers[i];
        if (strcmp(r->name, w->receiver) == 0)
            return strcmp(receiver_kind_name(r->kind), w->shape) == 0 ? r : NULL;
    }
    return NULL;
}

struct sent {
    struct trying *t;
    const struct config_receiver *receiver;
    bool started;
    struct error err;
};

static void send_one(const struct outbox_message *m, void *ctx) {
    struct sent *s = ctx;
    struct delivery_message out = {m->id, s->t->w->incident, m->subject, m->body};
    s->started = delivery_send(s->t->d->outgoing, s->receiver, &out, answered, s->t, &s->err);
}

static void start(struct delivery *d, struct waiting *w) {
    pthread_mutex_lock(&d->lock);
    const struct config *config = config_ref(d->config);
    pthread_mutex_unlock(&d->lock);
    struct sent s = {.receiver = receiver_of(config, w), .t = calloc(1, sizeof *s.t)};
    if (!w->first_ns)
        w->first_ns = clock_monotonic();
    w->next_ns = clock_monotonic() + FIRST_PAUSE_MS * NS_PER_MS;
    if (!s.receiver)
        finish(d, w, OUTBOX_GIVEN_UP, 0, "there is no receiver of that name and kind any more");
    if (s.receiver && s.t) {
        *s.t = (struct trying){d, w, config};
        struct outbox_filter one = {.id = str_from(w->id), .waiting = true, .limit = 1};
        if (outbox_list(d->store, &one, send_one, &s, &s.err) && s.started) {
            w->running = true;
            return; /* the configuration goes with it */
        }
    }
    free(s.t);
    config_unref(config);
}

/* ---- without the store ---- */

void delivery_page(struct delivery *d, const struct page *page) {
    pthread_mutex_lock(&d->lock);
    d->page = *page;
    pthread_mutex_unlock(&d->lock);
    delivery_wake(d);
}

static void take_page(struct delivery *d) {
    pthread_mutex_lock(&d->lock);
    const struct config *config = config_ref(d->config);
    struct page page = d->page;
    d->page.what = NOTICE_NONE;
    pthread_mutex_unlock(&d->lock);
    if (page.what != NOTICE_NONE)
        pager_tell(d->pager, config, &page);
    config_unref(config);
}

/* ---- all of them ---- */

static struct waiting *known(struct delivery *d, const char *id) {
    for (unsigned i = 0; i < d->count; i++)
        if (strcmp(d->waiting[i]->id, id) == 0)
            return d->waiting[i];
    return NULL;
}

static void take(const struct outbox_message *m, void *ctx) {
    struct delivery *d = ctx;
    struct waiting *w = known(d, m->id);
    if (!w && d->count < WAITING_MAX && (w = calloc(1, sizeof *w))) {
        memcpy(w->id, m->id, sizeof w->id);
        str_put(m->receiver, w->receiver, sizeof w->receiver);
        str_put(m->shape, w->shape, sizeof w->shape);
        str_put(m->incident, w->incident, sizeof w->incident);
        w->tries = m->tries;
        d->waiting[d->count++] = w;
    }
    if (w)
        w->seen = true;
}

static void forget_gone(struct delivery *d) {
    unsigned kept = 0;
    for (unsigned i = 0; i < d->count; i++) {
        struct waiting *w = d->waiting[i];
        if (w->seen || w->running || w->settled)
            d->waiting[kept++] = w;
        else
            free(w);
    }
    d->count = kept;
}

/* An incident's messages go one after the other; so do all of a receiver that are not about the same one, as
 * long as one is on its way. */
static bool must_wait(const struct delivery *d, unsigned at) {
    const struct waiting *w = d->waiting[at];
    for (unsigned i = 0; i < d->count; i++) {
        const struct waiting *other = d->waiting[i];
        if (i == at || strcmp(other->receiver, w->receiver) != 0)
            continue;
        if (other->running || (i < at && !(other->settled && other->state != OUTBOX_WAITING) &&
                               w->incident[0] && strcmp(other->incident, w->incident) == 0))
            return true;
    }
    return false;
}

static void look(struct delivery *d) {
    struct error err;
    bool good = true;
    for (unsigned i = 0; i < d->count; i++) {
        d->waiting[i]->seen = false;
        if (d->waiting[i]->settled)
            good = settle(d, d->waiting[i]) && good;
    }
    if (!outbox_list(d->store, &(struct outbox_filter){.waiting = true, .limit = WAITING_MAX}, take, d,
                     &err)) {
        if (log_is_due(&d->said, clock_monotonic(), 60 * NS_PER_SECOND))
            log_event(LOG_ERROR, "delivery.failed", "Messages cannot be read. %s", err.message);
        publish(d, false);
        return;
    }
    forget_gone(d);
    int64_t now = clock_monotonic();
    for (unsigned i = 0; i < d->count; i++) {
        struct waiting *w = d->waiting[i];
        if (!w->running && !w->settled && w->next_ns <= now && !must_wait(d, i))
            start(d, w);
    }
    publish(d, good);
}

static void *delivery_main(void *arg) {
    struct delivery *d = arg;
    pthread_setname_np(pthread_self(), "delivery");
    while (!atomic_load(&d->stopping)) {
        int64_t now = clock_monotonic();
        if (atomic_exchange(&d->due, false) || now >= d->next_look) {
            d->next_look = now + LOOK_MS * NS_PER_MS;
            take_page(d);
            pager_run(d->pager, now);
            look(d);
        }
        outgoing_run(d->outgoing, RUN_MS);
    }
    return NULL;
}

/* ---- beginning and end ---- */

static void delivery_free(struct delivery *d) {
    outgoing_free(d->outgoing);
    pager_free(d->pager);
    store_close(d->store);
    for (unsigned i = 0; i < d->count; i++)
        free(d->waiting[i]);
    config_unref(d->config);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

bool delivery_begin(struct delivery **out, const char *store_path, const struct config *config,
                    struct error *err) {
    struct delivery *d = calloc(1, sizeof *d);
    if (!d)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the delivery of alerts.");
    pthread_mutex_init(&d->lock, NULL);
    d->config = config_ref(config);
    d->state.healthy = true;
    d->outgoing = outgoing_new();
    d->pager = d->outgoing ? pager_new(d->outgoing) : NULL;
    bool good = d->pager || fail(err, ERR_NO_MEMORY, "Out of memory for the delivery of alerts.");
    good = good && store_open(&d->store, store_path, err);
    if (good) {
        store_set_patience(d->store, PATIENCE_MS);
        good = pthread_create(&d->thread, NULL, delivery_main, d) == 0 ||
               fail(err, ERR_NO_MEMORY, "The thread that delivers alerts cannot be started.");
    }
    if (!good) {
        delivery_free(d);
        return false;
    }
    *out = d;
    return true;
}

void delivery_end(struct delivery *d) {
    if (!d)
        return;
    atomic_store(&d->stopping, true);
    outgoing_wake(d->outgoing);
    pthread_join(d->thread, NULL);
    delivery_free(d);
}

void delivery_configure(struct delivery *d, const struct config *config) {
    pthread_mutex_lock(&d->lock);
    const struct config *before = d->config;
    d->config = config_ref(config);
    pthread_mutex_unlock(&d->lock);
    config_unref(before);
}

void delivery_wake(struct delivery *d) {
    atomic_store(&d->due, true);
    outgoing_wake(d->outgoing);
}

void delivery_state(struct delivery *d, struct delivery_state *out) {
    pthread_mutex_lock(&d->lock);
    *out = d->state;
    pthread_mutex_unlock(&d->lock);
}

void delivery_metrics(struct buf *out, void *delivery) {
    static const char tries[] = "penstock_alert_messages_total",
                      waiting[] = "penstock_alert_messages_waiting",
                      lost[] = "penstock_alert_messages_given_up_total";
    struct delivery_state s;
    delivery_state(delivery, &s);
    metrics_family(out, tries, METRICS_COUNTER,
                   "Messages about alerts, by receiver and what came of the try.");
    for (unsigned i = 0; i < s.lane_count; i++) {
        const struct delivery_lane *l = &s.lanes[i];
        metrics_sample(out, tries,
                       (const char *const[]){"receiver", l->receiver, "result", "delivered", NULL},
                       (double)l->delivered);
        metrics_sample(out, tries, (const char *const[]){"receiver", l->receiver, "result", "failed", NULL},
                       (double)l->failed);
    }
    metrics_family(out, waiting, METRICS_GAUGE, "Messages about alerts that no receiver has taken yet.");
    metrics_sample(out, waiting, (const char *const[]){NULL}, (double)s.waiting);
    metrics_family(out, lost, METRICS_COUNTER, "Messages about alerts that were given up.");
    metrics_sample(out, lost, (const char *const[]){NULL}, (double)s.given_up);
}
