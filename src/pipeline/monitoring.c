#include "pipeline/monitoring.h"

#include "base/clock.h"
#include "base/log.h"
#include "watch/monitors/monitor_store.h"

#include <pthread.h>
#include <stdlib.h>

enum { UPSTREAMS_MAX = CONFIG_UPSTREAMS_MAX };
/* With what a request is refused that cannot be recorded. */
static const enum error_code unrecorded[] = {ERR_STORE, ERR_OVERLOADED};
#define EXPIRE_NS (3600 * NS_PER_SECOND)

struct monitoring {
    struct monitors *monitors;
    const struct metrics *counts;
    struct recorder *recorder;
    struct store *store;
    uint64_t refused[METRICS_ENDPOINTS_MAX][ARRAY_COUNT(unrecorded)]; /* counted so far */
    bool loaded;
    int64_t next_expiry; /* monotonic */
    /* Between the two threads. */
    pthread_mutex_t lock;
    struct monitor_row *failed; /* to be tried again */
};

struct rows_job {
    struct store_job job;
    struct monitor_row *rows;
    struct monitoring *owner;
    bool expire;
};

struct monitoring *monitoring_new(struct monitors *m, const struct metrics *counts, struct recorder *r,
                                  struct store *s) {
    struct monitoring *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct monitoring){.monitors = m, .counts = counts, .recorder = r, .store = s};
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void monitoring_free(struct monitoring *g) {
    if (!g)
        return;
    monitor_rows_free(g->failed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* ---- what is watched ---- */

/* The models of upstreams have no profile: one of which nothing is known counts their confidences. */
static struct reference_profile *profile_of(const struct share *target) {
    struct reference_profile *bare;
    if (target->version)
        return reference_profile_ref(target->version->profile);
    return reference_profile_read(&bare, NULL, NULL) ? bare : NULL;
}

static void watch_target(struct monitoring *g, const struct endpoint *e, const struct share *target) {
    struct str name = share_reference(target);
    char terminated[WINDOW_NAME_SIZE];
    struct reference_profile *profile = name.n < sizeof terminated ? profile_of(target) : NULL;
    if (!profile)
        return;
    memcpy(terminated, name.p, name.n);
    terminated[name.n] = '\0';
    monitors_watch(g->monitors, e->monitored, terminated, profile);
    reference_profile_unref(profile);
}

static void load(struct monitoring *g) {
    struct error err;
    if (!g->loaded && !monitors_load(g->monitors, g->store, clock_wall(), &err))
        log_event(LOG_ERROR, "monitors.not_loaded", "The monitors begin anew, without the week before. %s",
                  err.message);
    g->loaded = true;
}

static void load_references(struct monitoring *g) {
    struct error err;
    if (!monitors_load_references(g->monitors, g->store, &err))
        log_event(LOG_ERROR, "monitors.not_loaded",
                  "Versions without a profile are compared with nothing. %s", err.message);
}

/* Which version all requests go to, as long as nothing goes wrong. */
static void say_alone(struct monitoring *g, const struct endpoint *e) {
    char version[WINDOW_NAME_SIZE] = "";
    struct str name =
        e->share_count == 1 && e->switched == SWITCH_AUTO ? share_reference(&e->shares[0]) : STR("");
    if (name.n < sizeof version)
        str_put(name, version, sizeof version);
    monitors_alone(g->monitors, e->monitored, version, clock_wall());
}

void monitoring_adopt(struct monitoring *g, const struct snapshot *s) {
    load_references(g);
    monitors_begin_configuring(g->monitors);
    for (size_t i = 0; i < s->endpoint_count; i++) {
        const struct endpoint *e = &s->endpoints[i];
        monitors_configure(g->monitors, e->monitored, &e->config->monitors);
        /* Fallbacks first: where there are too many versions, the first ones give way. */
        for (unsigned k = 0; k < e->step_count; k++)
            if (e->steps[k].kind == STEP_MODEL)
                watch_target(g, e, &e->steps[k].target);
        for (unsigned k = 0; k < e->share_count; k++)
            watch_target(g, e, &e->shares[k]);
        say_alone(g, e);
    }
    load(g);
}

/* ---- keeping ---- */

static bool write_rows(struct store_job *job, struct store *store, struct error *err) {
    struct rows_job *j = CONTAINER_OF(job, struct rows_job, job);
    return monitor_rows_write(store, j->rows, err) &&
           (!j->expire || monitor_rows_expire(store, clock_wall(), err));
}

/* Behind `rows`. */
static struct monitor_row *join(struct monitor_row *rows, struct monitor_row *more) {
    struct monitor_row **end = &rows;
    while (*end)
        end = &(*end)->next;
    *end = more;
    return rows;
}

static void rows_done(struct store_job *job, bool ok, const struct error *err) {
    struct rows_job *j = CONTAINER_OF(job, struct rows_job, job);
    struct monitoring *g = j->owner;
    if (ok) {
        monitor_rows_free(j->rows);
    } else {
        log_event(LOG_WARN, "monitors.not_kept", "Windows of the monitors wait for the store. %s",
                  err->message);
        pthread_mutex_lock(&g->lock);
        g->failed = join(g->failed, j->rows);
        pthread_mutex_unlock(&g->lock);
    }
    free(j);
}

static bool submit(struct monitoring *g, struct monitor_row *rows) {
    struct error err;
    int64_t now = clock_monotonic();
    struct rows_job *j = malloc(sizeof *j);
    if (!j)
        return false;
    *j = (struct rows_job){.job = {.run = write_rows, .done = rows_done},
                           .rows = rows,
                           .owner = g,
                           .expire = now >= g->next_expiry};
    if (j->expire)
        g->next_expiry = now + EXPIRE_NS;
    if (recorder_submit(g->recorder, &j->job, &err))
        return true;
    free(j);
    return false;
}

static void keep_rows(struct monitoring *g) {
    pthread_mutex_lock(&g->lock);
    struct monitor_row *failed = g->failed;
    g->failed = NULL;
    pthread_mutex_unlock(&g->lock);
    monitors_give_rows_back(g->monitors, failed);
    struct monitor_row *rows = monitors_take_rows(g->monitors);
    if (rows && !submit(g, rows))
        monitors_give_rows_back(g->monitors, rows);
}

/* ---- closing ---- */

static size_t upstreams_of(const struct snapshot *s, struct monitor_upstream *out) {
    int64_t now = clock_monotonic();
    for (size_t i = 0; i < s->upstream_count; i++) {
        const struct upstream *u = s->upstreams[i];
        struct breaker_state state = breaker_state(&u->breaker, &u->breaker_options, now);
        out[i] =
            (struct monitor_upstream){.name = u->config->name, .left_alone = state.phase != BREAKER_CLOSED};
        for (enum failure f = FAILURE_NONE; f < FAILURE_COUNT; f++) {
            uint64_t n = atomic_load_explicit(&u->calls[f], memory_order_relaxed);
            out[i].calls += n;
            out[i].failed += f == FAILURE_NONE ? 0 : n;
        }
    }
    return s->upstream_count;
}

/* They never became an event, and are errors of their endpoint all the same. */
static void count_unrecorded(struct monitoring *g, const struct snapshot *s) {
    for (size_t i = 0; i < s->endpoint_count; i++) {
        const struct endpoint *e = &s->endpoints[i];
        for (size_t k = 0; e->metrics != METRICS_NO_ENDPOINT && k < ARRAY_COUNT(unrecorded); k++) {
            uint64_t now = metrics_refusals(g->counts, e->metrics, unrecorded[k]);
            monitors_refused(g->monitors, e->monitored, unrecorded[k], now - g->refused[e->metrics][k]);
            g->refused[e->metrics][k] = now;
        }
    }
}

static void close_windows(struct monitoring *g, const struct snapshot *s, int64_t now) {
    struct monitor_upstream upstreams[UPSTREAMS_MAX];
    struct monitor_known known = {0};
    struct error err;
    if (!monitor_known_read(&known, g->store, now, &err))
        log_event(LOG_ERROR, "monitors.blind", "What the store knows is missing from the readings. %s",
                  err.message);
    struct monitor_facts facts = {.queues = known.queues,
                                  .queue_count = known.queue_count,
                                  .labels = known.labels,
                                  .label_count = known.label_count,
                                  .scores = known.scores,
                                  .score_count = known.score_count,
                                  .upstreams = upstreams,
                                  .upstream_count = upstreams_of(s, upstreams)};
    count_unrecorded(g, s);
    monitors_close(g->monitors, now, &facts);
    monitor_known_free(&known);
}

bool monitoring_tick(struct monitoring *g, const struct snapshot *s) {
    int64_t now = clock_wall();
    if (!monitors_due(g->monitors, now))
        return false;
    close_windows(g, s, now);
    keep_rows(g);
    return true;
}

void monitoring_end(struct monitoring *g, const struct snapshot *s) {
    close_windows(g, s, clock_wall());
    keep_rows(g);
}
