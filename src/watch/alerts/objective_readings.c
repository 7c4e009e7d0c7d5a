#include "watch/alerts/objective_readings.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/sql.h"
#include "watch/alerts/burn_rate.h"
#include "watch/metrics/metrics_shard.h"
#include "watch/metrics/metrics_sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_EVERY_S = 60 };

/* Of one endpoint; kept over reloads. */
struct kept {
    struct kept *next;
    char endpoint[ALERT_NAME_SIZE];
    struct outcome {
        uint64_t requests, failed, timed, quick;
    } seen;           /* since the process began */
    int64_t quick_us; /* that `seen` was counted with */
    struct burn_rate errors, slow;
};

struct objective_readings {
    struct metrics *metrics;
    struct recorder *recorder;
    struct kept *first;
    int64_t kept_at; /* monotonic */
};

static struct kept *kept_of(struct objective_readings *o, const char *endpoint) {
    for (struct kept *k = o->first; k; k = k->next)
        if (strcmp(k->endpoint, endpoint) == 0)
            return k;
    struct kept *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    snprintf(k->endpoint, sizeof k->endpoint, "%s", endpoint);
    k->next = o->first;
    return o->first = k;
}

/* ---- over restarts ---- */

struct keeping {
    struct store_job job;
    int64_t at;
    size_t count;
    struct keeping_row {
        char endpoint[ALERT_NAME_SIZE];
        struct burn_rate errors, slow;
    } rows[];
};

static bool keep_one(struct store *s, const char *endpoint, const char *objective, int64_t at,
                     const struct burn_rate *b, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO objectives (endpoint, objective, at, counts)"
                                    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (endpoint, objective)"
                                    " DO UPDATE SET at = ?3, counts = ?4",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(endpoint));
    sql_bind_str(q, 2, str_from(objective));
    sql_bind_int(q, 3, at);
    sql_bind_blob(q, 4, b, sizeof *b);
    return sql_run(s, q, err);
}

static bool keep_all(struct store_job *job, struct store *s, struct error *err) {
    struct keeping *k = CONTAINER_OF(job, struct keeping, job);
    for (size_t i = 0; i < k->count; i++)
        if (!keep_one(s, k->rows[i].endpoint, "errors", k->at, &k->rows[i].errors, err) ||
            !keep_one(s, k->rows[i].endpoint, "slow", k->at, &k->rows[i].slow, err))
            return false;
    return true;
}

/* What could not be kept is kept the next time. */
static void kept_all(struct store_job *job, bool ok, const struct error *err) {
    free(CONTAINER_OF(job, struct keeping, job));
}

static void keep(struct objective_readings *o) {
    size_t count = 0;
    struct error err;
    for (struct kept *k = o->first; k; k = k->next)
        count++;
    struct keeping *made =
        o->recorder && count ? calloc(1, sizeof *made + count * sizeof made->rows[0]) : NULL;
    if (!made)
        return;
    made->job = (struct store_job){.run = keep_all, .done = kept_all};
    made->at = clock_wall();
    for (struct kept *k = o->first; k; k = k->next) {
        struct keeping_row *row = &made->rows[made->count++];
        memcpy(row->endpoint, k->endpoint, sizeof row->endpoint);
        row->errors = k->errors;
        row->slow = k->slow;
    }
    if (!recorder_submit(o->recorder, &made->job, &err))
        free(made);
}

/* The time between counts as time without requests. The wall clock is asked for it once; one that went back
 * gives none. */
static void restore(struct objective_readings *o, sqlite3_stmt *q) {
    char endpoint[ALERT_NAME_SIZE];
    struct str bytes = sql_blob_at(q, 3);
    int64_t away = clock_wall() - sql_int_at(q, 2);
    str_put(sql_str_at(q, 0), endpoint, sizeof endpoint);
    struct kept *k = bytes.n == sizeof(struct burn_rate) ? kept_of(o, endpoint) : NULL;
    if (!k)
        return;
    struct burn_rate *b = str_eq(sql_str_at(q, 1), STR("slow")) ? &k->slow : &k->errors;
    memcpy(b, bytes.p, sizeof *b);
    if (b->at_ns < 0 || b->at_ns > INT64_MAX / 4)
        *b = (struct burn_rate){0};
    burn_rate_add(b, away, 0, 0);
}

static bool restore_all(struct objective_readings *o, struct store *s, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT endpoint, objective, at, counts FROM objectives", err);
    bool row;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        restore(o, q);
    }
    return false;
}

struct objective_readings *objective_readings_new(struct metrics *m, struct recorder *r,
                                                  struct store *store) {
    struct objective_readings *o = calloc(1, sizeof *o);
    struct error err;
    if (!o)
        return NULL;
    *o = (struct objective_readings){.metrics = m, .recorder = r, .kept_at = clock_monotonic()};
    if (!restore_all(o, store, &err))
        log_event(LOG_WARN, "objectives.failed",
                  "How objectives were kept before is not known; it is counted from now on. %s", err.message);
    return o;
}

void objective_readings_free(struct objective_readings *o) {
    if (o)
        keep(o);
    for (struct kept *k = o ? o->first : NULL, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    free(o);
}

/* ---- counting ---- */

static uint64_t more(uint64_t now, uint64_t before) {
    return now > before ? now - before : 0;
}

/* Quick: as far as the histogram tells; what lies in the bucket of the limit counts as slow. */
static struct outcome outcome_of(const struct objective_readings *o, const char *endpoint, int64_t quick_us) {
    /* The configuration's endpoints have their handles already, so that none is made here. */
    unsigned handle = metrics_endpoint(o->metrics, endpoint);
    struct metrics_sums *sums = handle == METRICS_NO_ENDPOINT ? NULL : calloc(1, sizeof *sums);
    struct outcome out = {0};
    if (!sums)
        return out;
    metrics_sum(o->metrics, handle, sums);
    out = (struct outcome){
        .requests = sums->requests, .failed = sums->server_errors, .timed = sums->total.count};
    for (unsigned i = 0; i + 1 < TIME_BUCKETS && metrics_time_bounds[i] <= quick_us; i++)
        out.quick += sums->total.buckets[i];
    free(sums);
    return out;
}

static void count(struct objective_readings *o, struct kept *k, const struct config_objectives *c,
                  int64_t elapsed) {
    int64_t quick_us = c->latency / 1000;
    if (k->quick_us && k->quick_us != quick_us)
        k->seen = outcome_of(o, k->endpoint, quick_us); /* what counts as quick has changed */
    k->quick_us = quick_us;
    struct outcome now = outcome_of(o, k->endpoint, quick_us);
    uint64_t timed = more(now.timed, k->seen.timed), quick = more(now.quick, k->seen.quick);
    burn_rate_add(&k->errors, elapsed, more(now.requests, k->seen.requests),
                  more(now.failed, k->seen.failed));
    burn_rate_add(&k->slow, elapsed, timed, more(timed, quick));
    k->seen = now;
}

struct giving {
    void (*take)(void *ctx, const struct reading *r);
    void *ctx;
    const char *endpoint;
};

static void give(const struct giving *g, const char *monitor, const struct burn_rate *b, double objective,
                 enum burn_speed speed, const char *what) {
    struct burn_verdict v = burn_rate_judge(b, objective, speed);
    char detail[240] = "";
    int64_t now = clock_wall();
    if (v.breached)
        snprintf(detail, sizeof detail,
                 "%llu of %llu requests in %u minutes %s; the objective is %.6g %%: this uses up what may go "
                 "wrong "
                 "%.*f times as fast as it may.",
                 (unsigned long long)v.bad, (unsigned long long)v.all, v.minutes, what, 100 * objective,
                 v.rate < 10 ? 1 : 0, v.rate);
    g->take(g->ctx, &(struct reading){.endpoint = g->endpoint,
                                      .monitor = monitor,
                                      .part = "",
                                      .state = v.breached ? READING_BREACHED
                                               : v.enough ? READING_GOOD
                                                          : READING_NO_DATA,
                                      .value = v.rate,
                                      .expected = 1,
                                      .limit = v.limit,
                                      .unit = "× budget",
                                      .samples = v.all,
                                      .from = now - v.minutes * 60 * NS_PER_SECOND,
                                      .to = now,
                                      .detail = detail});
}

static void read_all(void *ctx, const struct config *config, int64_t elapsed_ns,
                     void (*take)(void *take_ctx, const struct reading *r), void *take_ctx) {
    struct objective_readings *o = ctx;
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *e = &config->endpoints[i];
        const struct config_objectives *c = &e->objectives;
        struct kept *k = kept_of(o, e->name);
        struct giving g = {take, take_ctx, e->name};
        if (!k)
            continue;
        count(o, k, c, elapsed_ns);
        if (c->availability > 0 && c->availability < 1) {
            give(&g, "availability_fast", &k->errors, c->availability, BURN_FAST, "failed");
            give(&g, "availability_slow", &k->errors, c->availability, BURN_SLOW, "failed");
        }
        if (c->quick > 0 && c->quick < 1) {
            give(&g, "quick_fast", &k->slow, c->quick, BURN_FAST, "were slow");
            give(&g, "quick_slow", &k->slow, c->quick, BURN_SLOW, "were slow");
        }
    }
    if (clock_monotonic() - o->kept_at < KEEP_EVERY_S * NS_PER_SECOND)
        return;
    o->kept_at = clock_monotonic();
    keep(o);
}

struct reading_source objective_readings_source(struct objective_readings *o) {
    return (struct reading_source){read_all, o};
}
