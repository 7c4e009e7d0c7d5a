#include "watch/alerts/alerting.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/delivery.h"
#include "watch/alerts/outage.h"
#include "watch/metrics/metrics.h"
#include "watch/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000, TEXTS_MAX = 8 << 20, STUCK_MINUTES = 5 };

struct alerting {
    struct alerting_options options;
    pthread_t thread;
    struct store *store;
    struct delivery *delivery; /* while this process holds the lock */
    int lock_file;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    const struct config *config;
    bool stopping;
    struct alert_outcome outcome;
    uint64_t looks, failed_looks;
    bool healthy, leads;
    /* the thread's own */
    struct reading *readings;
    size_t count;
    struct arena *texts;
    int64_t last_ns; /* monotonic, of the last look that went well */
    struct outage outage;
    struct page page;  /* of the outage */
    int64_t source_ns; /* of the last time that the sources were asked */
    _Atomic int64_t said;
};

/* ---- readings ---- */

static const char *keep(struct alerting *a, const char *text) {
    struct str copy = arena_copy(a->texts, str_from(text));
    return copy.p ? copy.p : "";
}

static void take(void *ctx, const struct reading *r) {
    struct alerting *a = ctx;
    if (a->count == READINGS_MAX)
        return;
    struct reading *to = &a->readings[a->count++];
    *to = *r;
    to->endpoint = keep(a, r->endpoint);
    to->monitor = keep(a, r->monitor);
    to->part = keep(a, r->part);
    to->unit = keep(a, r->unit);
    to->detail = keep(a, r->detail);
}

/* Who watches the watchman: messages that a receiver does not take go to the others. */
static void read_delivery(struct alerting *a) {
    struct delivery_state s;
    delivery_state(a->delivery, &s);
    for (unsigned i = 0; i < s.lane_count; i++) {
        const struct delivery_lane *l = &s.lanes[i];
        char detail[320];
        double minutes = (double)l->stuck_ns / (60.0 * (double)NS_PER_SECOND);
        snprintf(detail, sizeof detail, "Receiver \"%s\" does not take %u messages: %s.", l->receiver,
                 l->waiting, l->problem);
        bool stuck = l->stuck_ns >= STUCK_MINUTES * 60 * NS_PER_SECOND;
        take(a, &(struct reading){.endpoint = "",
                                  .monitor = "delivery",
                                  .part = l->receiver,
                                  .state = stuck ? READING_BREACHED : READING_GOOD,
                                  .value = minutes,
                                  .expected = 0,
                                  .limit = STUCK_MINUTES,
                                  .unit = "min",
                                  .samples = l->waiting,
                                  .from = clock_wall() - l->stuck_ns,
                                  .to = clock_wall(),
                                  .detail = stuck ? detail : ""});
    }
}

static void gather(struct alerting *a, const struct config *config, int64_t elapsed) {
    a->count = 0;
    arena_reset(a->texts);
    for (unsigned i = 0; i < a->options.source_count; i++)
        a->options.sources[i].read(a->options.sources[i].ctx, config, elapsed, take, a);
    read_delivery(a);
}

/* ---- one look ---- */

static void keep_outcome(struct alerting *a, bool good, const struct alert_outcome *outcome) {
    pthread_mutex_lock(&a->lock);
    a->looks++;
    a->failed_looks += !good;
    a->healthy = good;
    if (good)
        a->outcome = *outcome;
    pthread_mutex_unlock(&a->lock);
}

/* Time in which nothing could be judged counts for little: nobody saw what was so then. */
static int64_t elapsed_since(int64_t last, int64_t now, int64_t interval) {
    int64_t elapsed = last ? now - last : 0;
    return elapsed > 2 * interval ? 2 * interval : elapsed;
}

/* "": it can. */
static void why_not_recorded(const struct alerting *a, char *out, size_t size) {
    struct recorder_state s = {.healthy = true};
    if (a->options.recorder)
        recorder_state(a->options.recorder, &s);
    snprintf(out, size, "%s",
             s.healthy ? ""
             : s.disk_full
                 ? "The disk is full: requests are refused with 503, since they cannot be recorded."
                 : "The store cannot be written: requests are refused with 503, since they cannot be "
                   "recorded. The server's log says why.");
}

/* What may not be writable is told without it. `unjudged`: why this look failed, "" where it did not. */
static void page(struct alerting *a, const struct config_alerts *c, const char *unjudged, int64_t elapsed) {
    const struct incident_timing timing = {0, c->group_interval, c->repeat};
    char unrecorded[ALERT_TEXT_SIZE];
    why_not_recorded(a, unrecorded, sizeof unrecorded);
    struct page *p = &a->page;
    p->what = outage_step(&a->outage, &timing, unjudged[0] || unrecorded[0], elapsed);
    if (p->what == NOTICE_OPENED) {
        *p = (struct page){.what = NOTICE_OPENED, .began = clock_wall()};
        id_make(p->began, p->id);
        snprintf(p->monitor, sizeof p->monitor, "%s", unrecorded[0] ? "recording" : "alerting");
    }
    if (p->what == NOTICE_NONE || !alert_judging_of(c, p->monitor).enabled)
        return;
    p->ended = p->what == NOTICE_RESOLVED ? clock_wall() : 0;
    str_put(p->ended        ? STR("The store is written again; nothing that was acknowledged is lost.")
            : unrecorded[0] ? str_from(unrecorded)
                            : str_from(unjudged),
            p->why, sizeof p->why);
    delivery_page(a->delivery, p);
}

static void look(struct alerting *a, const struct config *config) {
    int64_t now = clock_monotonic(), interval = config->alerts.interval;
    struct alert_outcome outcome = {0};
    struct error err;
    int64_t since = a->source_ns ? now - a->source_ns : 0;
    gather(a, config, since);
    a->source_ns = now;
    struct alert_look l = {.readings = a->readings,
                           .count = a->count,
                           .elapsed_ns = elapsed_since(a->last_ns, now, interval),
                           .wall_ns = clock_wall()};
    bool good = alert_engine_look(a->store, config, &l, &outcome, &err);
    keep_outcome(a, good, &outcome);
    page(a, &config->alerts, good ? "" : err.message, since);
    if (!good) {
        if (log_is_due(&a->said, now, 60 * NS_PER_SECOND))
            log_event(LOG_ERROR, "alerts.failed",
                      "Alerts cannot be judged, and will be as soon as the store can be written. %s",
                      err.message);
        return;
    }
    a->last_ns = now;
    if (outcome.refused)
        log_event(LOG_ERROR, "alerts.full", "%u alerts more than the %d that are kept at once were left out",
                  outcome.refused, ALERTS_ACTIVE_MAX);
    if (outcome.messages)
        delivery_wake(a->delivery);
}

/* The kernel gives the lock back when the process ends, however it ends. */
static bool lead(struct alerting *a, const struct config *config) {
    struct error err;
    if (a->delivery)
        return true;
    if (flock(a->lock_file, LOCK_EX | LOCK_NB) != 0)
        return false;
    if (!delivery_begin(&a->delivery, a->options.store_path, config, &err)) {
        log_event(LOG_ERROR, "alerts.failed", "%s", err.message);
        flock(a->lock_file, LOCK_UN);
        return false;
    }
    pthread_mutex_lock(&a->lock);
    a->leads = true;
    pthread_mutex_unlock(&a->lock);
    return true;
}

/* Under the lock. False: to be ended. */
static bool rest(struct alerting *a, int64_t until) {
    struct timespec deadline = {.tv_sec = until / NS_PER_SECOND, .tv_nsec = until % NS_PER_SECOND};
    while (!a->stopping && clock_monotonic() < until)
        pthread_cond_timedwait(&a->wake, &a->lock, &deadline);
    return !a->stopping;
}

static void *alerting_main(void *arg) {
    struct alerting *a = arg;
    pthread_setname_np(pthread_self(), "alerting");
    pthread_mutex_lock(&a->lock);
    while (!a->stopping) {
        const struct config *config = config_ref(a->config);
        int64_t next = clock_monotonic() + config->alerts.interval;
        pthread_mutex_unlock(&a->lock);
        if (config->alerts.enabled && lead(a, config)) {
            delivery_configure(a->delivery, config);
            look(a, config);
        }
        config_unref(config);
        pthread_mutex_lock(&a->lock);
        rest(a, next);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void alerting_free(struct alerting *a) {
    delivery_end(a->delivery);
    store_close(a->store);
    if (a->lock_file >= 0)
        close(a->lock_file);
    arena_free(a->texts);
    free(a->readings);
    config_unref(a->config);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static bool open_lock(struct alerting *a, struct error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/alerts.lock", a->options.store_path);
    a->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return a->lock_file >= 0 || fail(err, ERR_STORE, "%s cannot be opened: %s", path, strerror(errno));
}

static bool prepare(struct alerting *a, struct error *err) {
    a->readings = calloc(READINGS_MAX, sizeof *a->readings);
    a->texts = arena_new(TEXTS_MAX);
    if (!a->readings || !a->texts)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the alerts.");
    if (!store_open(&a->store, a->options.store_path, err) || !open_lock(a, err))
        return false;
    store_set_patience(a->store, PATIENCE_MS);
    return pthread_create(&a->thread, NULL, alerting_main, a) == 0 ||
           fail(err, ERR_NO_MEMORY, "The thread that judges alerts cannot be started.");
}

bool alerting_start(struct alerting **out, const struct alerting_options *options, struct error *err) {
    struct alerting *a = calloc(1, sizeof *a);
    pthread_condattr_t monotonic;
    if (!a)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the alerts.");
    *a = (struct alerting){.options = *options, .lock_file = -1, .healthy = true};
    a->config = config_ref(options->config);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!prepare(a, err)) {
        alerting_free(a);
        return false;
    }
    *out = a;
    return true;
}

void alerting_stop(struct alerting *a) {
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    alerting_free(a);
}

void alerting_configure(struct alerting *a, const struct config *config) {
    pthread_mutex_lock(&a->lock);
    const struct config *before = a->config;
    a->config = config_ref(config);
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    config_unref(before);
}

void alerting_metrics(struct buf *out, void *alerting) {
    struct alerting *a = alerting;
    static const char alerts[] = "penstock_alerts", open[] = "penstock_incidents_open",
                      healthy[] = "penstock_alerting_healthy";
    pthread_mutex_lock(&a->lock);
    struct alert_outcome o = a->outcome;
    bool good = a->healthy;
    struct delivery *delivery = a->leads ? a->delivery : NULL;
    pthread_mutex_unlock(&a->lock);
    const struct {
        const char *state;
        unsigned count;
    } states[] = {{"pending", o.pending}, {"firing", o.firing}, {"muted", o.muted}};
    metrics_family(out, alerts, METRICS_GAUGE, "Alerts by state; muted ones fire, too, and nobody is told.");
    for (size_t i = 0; i < ARRAY_COUNT(states); i++)
        metrics_sample(out, alerts, (const char *const[]){"state", states[i].state, NULL}, states[i].count);
    metrics_family(out, open, METRICS_GAUGE, "Incidents that are not over, by class.");
    for (int i = ALERT_P1; i <= ALERT_P4; i++)
        metrics_sample(out, open, (const char *const[]){"class", alert_class_name((enum alert_class)i), NULL},
                       o.open[i]);
    metrics_family(out, healthy, METRICS_GAUGE, "1 when alerts could be judged at the last look.");
    metrics_sample(out, healthy, (const char *const[]){NULL}, good);
    if (delivery)
        delivery_metrics(out, delivery);
}
