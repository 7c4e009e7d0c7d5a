#include "watch/objective_readings.h"

#include "base/clock.h"
#include "watch/burn_rate.h"
#include "watch/metrics_shard.h"
#include "watch/metrics_sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
};

struct objective_readings *objective_readings_new(struct metrics *m, struct recorder *r) {
    struct objective_readings *o = calloc(1, sizeof *o);
    if (o)
        *o = (struct objective_readings){.metrics = m, .recorder = r};
    return o;
}

void objective_readings_free(struct objective_readings *o) {
    for (struct kept *k = o ? o->first : NULL, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    free(o);
}

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
                 "%.3g times as fast as it may.",
                 (unsigned long long)v.bad, (unsigned long long)v.all, v.minutes, what, 100 * objective,
                 v.rate);
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
}

struct reading_source objective_readings_source(struct objective_readings *o) {
    return (struct reading_source){read_all, o};
}
