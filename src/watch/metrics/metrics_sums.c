#include "watch/metrics/metrics_sums.h"

#include "watch/metrics/metrics_shard.h"

#include <string.h>

_Static_assert((int)SUMS_TIME_BUCKETS == (int)TIME_BUCKETS && (int)SUMS_STAGES == (int)STAGE_SLOTS &&
                   (int)SUMS_MODELS == (int)MODEL_SLOTS && (int)SUMS_NAME_SIZE == (int)LABEL_SIZE,
               "sums have room for all that a shard counts");

static void add_counters(uint64_t *to, const counter *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] += counter_read(&from[i]);
}

static void add_times(struct metrics_times *to, const struct time_histogram *from) {
    for (size_t i = 0; i < TIME_BUCKETS; i++) {
        uint64_t n = counter_read(&from->buckets[i]);
        to->buckets[i] += n;
        to->count += n;
    }
    to->sum_us += counter_read(&from->sum_us);
}

/* Where the names differ too much the last place takes what is left, as in the shards. */
static struct metrics_stage_sums *stage_named(struct metrics_sums *s, const char *name) {
    for (unsigned i = 0; i < s->stage_count; i++)
        if (strcmp(s->stages[i].name, name) == 0)
            return &s->stages[i];
    if (s->stage_count == SUMS_STAGES)
        return &s->stages[SUMS_STAGES - 1];
    s->stages[s->stage_count].name = name;
    return &s->stages[s->stage_count++];
}

static struct metrics_model_sums *model_named(struct metrics_sums *s, const char *name) {
    for (unsigned i = 0; i < s->model_count; i++)
        if (strcmp(s->models[i].name, name) == 0)
            return &s->models[i];
    if (s->model_count == SUMS_MODELS)
        return &s->models[SUMS_MODELS - 1];
    memcpy(s->models[s->model_count].name, name, strlen(name) + 1);
    return &s->models[s->model_count++];
}

static void add_model(struct metrics_sums *s, const struct model_counts *from) {
    struct metrics_model_sums *to = model_named(s, from->name);
    add_counters(to->decisions, from->decisions, DECISION_COUNT);
    add_counters(s->decisions, from->decisions, DECISION_COUNT);
    for (unsigned i = 0; i < CONFIDENCE_BUCKETS; i++)
        s->confidence_count += counter_read(&from->confidence[i]);
    s->confidence_sum += (double)counter_read(&from->confidence_sum) / 1e6;
    s->nanodollars += counter_read(&from->language.nanodollars);
    s->unpriced += counter_read(&from->language.unpriced);
}

static void add_statuses(struct metrics_sums *s, const struct endpoint_counts *from) {
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        uint64_t n = counter_read(&from->statuses[i]);
        int status = metrics_statuses[i];
        s->requests += n;
        s->client_errors += status >= 400 && status < 500 ? n : 0;
        s->server_errors += status >= 500 ? n : 0;
    }
}

static unsigned used(const atomic_uint *count) {
    return atomic_load_explicit(count, memory_order_acquire);
}

static void add_shard(struct metrics_sums *s, const struct endpoint_counts *from) {
    add_statuses(s, from);
    add_times(&s->total, &from->seconds);
    add_counters(s->cache, from->cache, CACHE_STATES);
    add_counters(s->errors, from->errors, ERR_COUNT);
    s->rate_limited += counter_read(&from->rate_limited);
    for (unsigned i = 0; i < used(&from->steps.count); i++)
        s->fallbacks += counter_read(&from->steps.slots[i].taken);
    for (unsigned i = 0; i < used(&from->models.count); i++)
        add_model(s, &from->models.slots[i]);
    for (unsigned i = 0; i < used(&from->stages.count); i++)
        add_times(&stage_named(s, from->stages.names[i])->times, &from->stages.seconds[i]);
}

void metrics_sum(const struct metrics *m, unsigned endpoint, struct metrics_sums *out) {
    *out = (struct metrics_sums){0};
    for (unsigned i = 0; i < m->loops; i++)
        add_shard(out, atomic_load_explicit(&m->shards[i]->endpoints[endpoint], memory_order_acquire));
}

/* Counters are read while they are written, so a later look may have missed what an earlier one saw. */
static void less(uint64_t *from, const uint64_t *earlier, size_t n) {
    for (size_t i = 0; i < n; i++)
        from[i] -= earlier[i] < from[i] ? earlier[i] : from[i];
}

static void less_times(struct metrics_times *from, const struct metrics_times *earlier) {
    less(&from->count, &earlier->count, 1);
    less(&from->sum_us, &earlier->sum_us, 1);
    less(from->buckets, earlier->buckets, SUMS_TIME_BUCKETS);
}

void metrics_sums_subtract(struct metrics_sums *from, const struct metrics_sums *earlier) {
    less(&from->requests, &earlier->requests, 1);
    less(&from->client_errors, &earlier->client_errors, 1);
    less(&from->server_errors, &earlier->server_errors, 1);
    less(&from->rate_limited, &earlier->rate_limited, 1);
    less(&from->fallbacks, &earlier->fallbacks, 1);
    less(from->decisions, earlier->decisions, DECISION_COUNT);
    less(from->cache, earlier->cache, CACHE_STATES);
    less(from->errors, earlier->errors, ERR_COUNT);
    less(&from->nanodollars, &earlier->nanodollars, 1);
    less(&from->unpriced, &earlier->unpriced, 1);
    less(&from->confidence_count, &earlier->confidence_count, 1);
    from->confidence_sum -= earlier->confidence_sum;
    less_times(&from->total, &earlier->total);
    for (unsigned i = 0; i < earlier->stage_count; i++)
        less_times(&stage_named(from, earlier->stages[i].name)->times, &earlier->stages[i].times);
    for (unsigned i = 0; i < earlier->model_count; i++)
        less(model_named(from, earlier->models[i].name)->decisions, earlier->models[i].decisions,
             DECISION_COUNT);
}

const struct metrics_stage_sums *metrics_sums_stage(const struct metrics_sums *s, const char *name) {
    for (unsigned i = 0; i < s->stage_count; i++)
        if (strcmp(s->stages[i].name, name) == 0)
            return &s->stages[i];
    return NULL;
}

double metrics_quantile(const struct metrics_times *t, double quantile) {
    if (t->count == 0)
        return -1;
    double wanted = quantile * (double)t->count, before = 0;
    for (unsigned i = 0; i < SUMS_TIME_BUCKETS - 1; i++) {
        double n = (double)t->buckets[i], low = i ? (double)metrics_time_bounds[i - 1] : 0;
        if (n > 0 && before + n >= wanted)
            return low + ((double)metrics_time_bounds[i] - low) * (wanted - before) / n;
        before += n;
    }
    return (double)metrics_time_bounds[SUMS_TIME_BUCKETS - 2];
}

double metrics_mean(const struct metrics_times *t) {
    return t->count ? (double)t->sum_us / (double)t->count : -1;
}
