#include "pipeline/review_driver.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/log.h"
#include "pipeline/thresholds.h"
#include "review/gold.h"
#include "review/stats.h"
#include "store/endpoint_states.h"
#include "watch/metrics/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands before the rows in what is noted. */
static const char rows_mark[] = ". Thresholds: ";

enum { LOOK_MS = 1000, FORECAST_S = 10, ENDPOINTS_MAX = CONFIG_ENDPOINTS_MAX };

struct queue_watch {
    char *name;
    struct overflow overflow;
    struct capacity capacity;
    bool known;
    char rows[256]; /* what moved thresholds are held against, as was noted; "" none */
};

struct review_driver {
    struct store *store;
    int64_t next_ns, next_forecast_ns; /* monotonic */
    int64_t looked;                    /* wall: arrivals until then had their gold */
    uint64_t chance;
    pthread_mutex_t lock; /* of what follows, which metrics read */
    struct queue_watch *watches;
    size_t count;
};

struct review_driver *review_driver_new(struct store *store) {
    struct review_driver *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->store = store;
    d->looked = clock_wall();
    random_bytes(&d->chance, sizeof d->chance);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void review_driver_free(struct review_driver *d) {
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        free(d->watches[i].name);
    free(d->watches);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* ---- gold ---- */

static double chance(void *ctx) {
    struct review_driver *d = ctx;
    d->chance += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash64_u64(d->chance) >> 11) * 0x1p-53;
}

static void plant(struct review_driver *d, const struct config_endpoint *e, int64_t now) {
    struct gold_terms terms = {e->review.gold, e->review.deadline, e->review.lease};
    struct error err;
    unsigned planted;
    if (e->review.gold > 0 &&
        !gold_plant(d->store, e->name, &terms, d->looked, now, chance, d, &planted, &err))
        log_event(LOG_WARN, "review.gold_failed", "No gold was mixed into the queue of endpoint \"%s\". %s",
                  e->name, err.message);
}

/* ---- what gives ---- */

/* Its watch; a new one goes on as the store says. NULL: no memory. */
static struct queue_watch *watch_of(struct review_driver *d, const char *endpoint, struct error *err) {
    struct endpoint_state state;
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->watches[i].name, endpoint) == 0)
            return &d->watches[i];
    if (!endpoint_state_get(d->store, endpoint, ENDPOINT_OVERFLOW, &state, err))
        return NULL;
    char *name = strdup(endpoint);
    pthread_mutex_lock(&d->lock);
    struct queue_watch *more =
        name && d->count < ENDPOINTS_MAX ? realloc(d->watches, (d->count + 1) * sizeof *more) : NULL;
    if (more) {
        d->watches = more;
        more = &d->watches[d->count++];
        *more = (struct queue_watch){.name = name};
        more->overflow.active = state.value[0] && strcmp(state.value, "none") != 0;
        more->overflow.since = state.at;
        const char *rows = strstr(state.why, rows_mark);
        str_put(rows ? str_from(rows + strlen(rows_mark)) : STR(""), more->rows, sizeof more->rows);
    }
    pthread_mutex_unlock(&d->lock);
    if (!more) {
        free(name);
        fail(err, ERR_NO_MEMORY, "out of memory");
    }
    return more;
}

static const char *const gives[] = {
    [OVERFLOW_NONE] = "none", [OVERFLOW_THRESHOLDS] = "thresholds", [OVERFLOW_FALLBACK] = "fallback"};

static bool note(struct review_driver *d, const struct config_endpoint *e, const struct queue_watch *w,
                 struct error *err) {
    char why[512], wait[64] = "for ever";
    if (w->capacity.wait_day_ns >= 0)
        snprintf(wait, sizeof wait, "%.1f h", w->capacity.wait_day_ns / 3600e9);
    snprintf(
        why, sizeof why,
        "%.1f items an hour come, %.1f are resolved; in a day %.0f would be open and the last wait %s%s%s",
        w->capacity.arrivals, w->capacity.resolved, w->capacity.depth_day, wait, w->rows[0] ? rows_mark : "",
        w->rows);
    const char *value = w->overflow.active ? gives[e->review.overflow] : "none";
    log_event(w->overflow.active ? LOG_WARN : LOG_INFO, "review.overflow",
              "The review queue of endpoint \"%s\" %s: %s. What gives: %s.", e->name,
              w->overflow.active ? "outgrows its people" : "is within its people's reach again", why, value);
    return endpoint_state_set(d->store, e->name, ENDPOINT_OVERFLOW, value, "penstock", why, err);
}

/* Which rows are in force. True: others than were noted, as after a rollout. */
static bool take_rows(struct queue_watch *w, const struct endpoint *endpoint) {
    char now[sizeof w->rows] = "";
    AUTO_BUF text = BUF_INIT(4096);
    if (w->overflow.active && endpoint->config->review.overflow == OVERFLOW_THRESHOLDS)
        thresholds_describe(endpoint, &text);
    str_put(buf_str(&text), now, sizeof now);
    bool others = strcmp(now, w->rows) != 0;
    memcpy(w->rows, now, sizeof now);
    return others && w->overflow.active;
}

static bool forecast(struct review_driver *d, const struct endpoint *endpoint, int64_t now,
                     struct error *err) {
    const struct config_endpoint *e = endpoint->config;
    struct capacity_seen seen;
    struct queue_watch *w = watch_of(d, e->name, err);
    if (!w || !review_seen(d->store, str_from(e->name), now, &seen, err))
        return false;
    pthread_mutex_lock(&d->lock);
    w->capacity = capacity_forecast(&seen);
    w->known = true;
    bool changed = overflow_step(&w->overflow, &w->capacity, e->review.deadline, now);
    pthread_mutex_unlock(&d->lock);
    changed |= take_rows(w, endpoint);
    return !changed || note(d, e, w, err);
}

void review_driver_tick(struct review_driver *d, const struct snapshot *now_serving) {
    int64_t now = clock_monotonic(), wall = clock_wall();
    struct error err;
    if (now < d->next_ns)
        return;
    d->next_ns = now + LOOK_MS * NS_PER_MS;
    bool forecasts = now >= d->next_forecast_ns;
    if (forecasts)
        d->next_forecast_ns = now + FORECAST_S * NS_PER_SECOND;
    for (size_t i = 0; i < now_serving->endpoint_count; i++) {
        const struct endpoint *e = &now_serving->endpoints[i];
        plant(d, e->config, wall);
        if (forecasts && !forecast(d, e, wall, &err))
            log_event(LOG_WARN, "review.forecast_failed",
                      "The review queue of endpoint \"%s\" cannot be forecast. %s", e->config->name,
                      err.message);
    }
    d->looked = wall;
}

/* ---- metrics ---- */

static double arrivals(const struct queue_watch *w) {
    return w->capacity.arrivals;
}
static double resolved(const struct queue_watch *w) {
    return w->capacity.resolved;
}
static double depth(const struct queue_watch *w) {
    return w->capacity.depth_day;
}
static double overflows(const struct queue_watch *w) {
    return w->overflow.active;
}

void review_driver_metrics(struct buf *out, void *driver) {
    static const struct {
        const char *name, *help;
        double (*read)(const struct queue_watch *w);
    } families[] = {
        {"penstock_review_arrivals_per_hour", "Items that come into the review queue, of the last 24 hours.",
         arrivals},
        {"penstock_review_resolved_per_hour", "Items that people resolve, of the last 24 hours.", resolved},
        {"penstock_review_forecast_open", "Items that will be open in 24 hours if it goes on so.", depth},
        {"penstock_review_overflow", "1 while the queue outgrows its people.", overflows},
    };
    struct review_driver *d = driver;
    pthread_mutex_lock(&d->lock);
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        metrics_family(out, families[f].name, METRICS_GAUGE, families[f].help);
        for (size_t i = 0; i < d->count; i++)
            if (d->watches[i].known)
                metrics_sample(out, families[f].name,
                               (const char *const[]){"endpoint", d->watches[i].name, NULL},
                               families[f].read(&d->watches[i]));
    }
    pthread_mutex_unlock(&d->lock);
}
