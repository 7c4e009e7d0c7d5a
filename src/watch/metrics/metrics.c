#include "watch/metrics/metrics.h"

#include "base/check.h"
#include "base/clock.h"
#include "watch/metrics/metrics_language.h"
#include "watch/metrics/metrics_shard.h"
#include "work/ring.h"

#include <stdlib.h>
#include <string.h>

const uint32_t metrics_time_bounds[TIME_BUCKETS - 1] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};
const float metrics_confidence_bounds[CONFIDENCE_BUCKETS - 1] = {0.1F, 0.2F, 0.3F, 0.4F, 0.5F,
                                                                 0.6F, 0.7F, 0.8F, 0.9F, 0.95F};
const int metrics_statuses[STATUS_COUNT] = {200, 202, 400, 401, 403, 404, 405, 408, 409, 413, 415,
                                            417, 422, 429, 431, 499, 500, 502, 503, 504, 505, 0};

/* For every loop; the counts start on a cache line of their own. */
static bool add_endpoint(struct metrics *m, unsigned handle) {
    for (unsigned i = 0; i < m->loops; i++) {
        size_t size = (sizeof(struct endpoint_counts) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
        struct endpoint_counts *counts = aligned_alloc(CACHE_LINE, size);
        if (!counts)
            return false;
        memset(counts, 0, size);
        /* Left from an attempt that ran out of memory half way. */
        free(atomic_load(&m->shards[i]->endpoints[handle]));
        atomic_store(&m->shards[i]->endpoints[handle], counts);
    }
    return true;
}

struct metrics *metrics_new(unsigned loops) {
    struct metrics *m = calloc(1, sizeof *m);
    if (!m || !(m->shards = calloc(loops ? loops : 1, sizeof(*m->shards)))) {
        free(m);
        return NULL;
    }
    m->version = "unknown";
    m->started = clock_wall();
    for (; m->loops < loops; m->loops++)
        if (!(m->shards[m->loops] = calloc(1, sizeof(**m->shards))))
            break;
    if (m->loops < loops || !add_endpoint(m, METRICS_NO_ENDPOINT)) {
        metrics_free(m);
        return NULL;
    }
    memcpy(m->names[METRICS_NO_ENDPOINT], "none", sizeof "none");
    atomic_store(&m->endpoint_count, 1);
    return m;
}

void metrics_free(struct metrics *m) {
    if (!m)
        return;
    for (unsigned i = 0; i < m->loops; i++) {
        for (unsigned e = 0; e < METRICS_ENDPOINTS_MAX; e++)
            free(atomic_load(&m->shards[i]->endpoints[e]));
        free(m->shards[i]);
    }
    free(m->shards);
    free(m);
}

struct metrics_shard *metrics_shard(struct metrics *m, unsigned loop) {
    CHECK(loop < m->loops);
    return m->shards[loop];
}

static void copy_label(char to[LABEL_SIZE], struct str from) {
    size_t n = from.n < LABEL_SIZE ? from.n : LABEL_SIZE - 1;
    memcpy(to, from.p, n);
    to[n] = '\0';
}

unsigned metrics_endpoint(struct metrics *m, const char *name) {
    unsigned count = atomic_load(&m->endpoint_count);
    char label[LABEL_SIZE];
    copy_label(label, str_from(name));
    for (unsigned i = 1; i < count; i++)
        if (strcmp(m->names[i], label) == 0)
            return i;
    if (count == METRICS_ENDPOINTS_MAX || !add_endpoint(m, count))
        return METRICS_NO_ENDPOINT;
    memcpy(m->names[count], label, sizeof label);
    atomic_store_explicit(&m->endpoint_count, count + 1, memory_order_release);
    return count;
}

void metrics_add_source(struct metrics *m, const struct metrics_source *source) {
    CHECK(m->source_count < SOURCES_MAX);
    m->sources[m->source_count++] = *source;
}

void metrics_add_writer(struct metrics *m, void (*write)(struct buf *out, void *ctx), void *ctx) {
    CHECK(m->writer_count < WRITERS_MAX);
    m->writers[m->writer_count].write = write;
    m->writers[m->writer_count++].ctx = ctx;
}

void metrics_set_recorder(struct metrics *m, struct recorder *r) {
    m->recorder = r;
}

void metrics_set_version(struct metrics *m, const char *version) {
    m->version = version;
}

const char *metrics_version(const struct metrics *m) {
    return m->version;
}

int64_t metrics_started(const struct metrics *m) {
    return m->started;
}

unsigned metrics_endpoint_count(const struct metrics *m) {
    return atomic_load_explicit(&m->endpoint_count, memory_order_acquire);
}

static struct endpoint_counts *counts_of(struct metrics_shard *s, unsigned endpoint) {
    return atomic_load_explicit(&s->endpoints[endpoint], memory_order_acquire);
}

static void count_time(struct time_histogram *h, uint32_t us) {
    unsigned i = 0;
    while (i < TIME_BUCKETS - 1 && us > metrics_time_bounds[i])
        i++;
    counter_add(&h->buckets[i], 1);
    counter_add(&h->sum_us, us);
}

static void count_status(struct endpoint_counts *c, int status) {
    unsigned i = 0;
    while (i < STATUS_COUNT - 1 && metrics_statuses[i] != status)
        i++;
    counter_add(&c->statuses[i], 1);
}

/* Stages come in the pipeline's order, so the search goes on where it stopped. */
static void count_stages(struct stage_slots *s, const struct event *e) {
    unsigned count = atomic_load_explicit(&s->count, memory_order_relaxed), at = 0;
    for (unsigned i = 0; i < e->stage_count; i++) {
        unsigned tried = 0;
        while (tried < count && s->names[at] != e->stages[i].name) {
            at = at + 1 < count ? at + 1 : 0;
            tried++;
        }
        if (tried == count && count == STAGE_SLOTS) {
            at = STAGE_SLOTS - 1;
        } else if (tried == count) {
            at = count++;
            s->names[at] = count == STAGE_SLOTS ? "other" : e->stages[i].name;
            atomic_store_explicit(&s->count, count, memory_order_release);
        }
        count_time(&s->seconds[at], e->stages[i].us);
    }
}

static bool is_label(const char label[LABEL_SIZE], struct str text) {
    size_t n = text.n < LABEL_SIZE ? text.n : LABEL_SIZE - 1;
    return memcmp(label, text.p, n) == 0 && label[n] == '\0';
}

static struct model_counts *model_of(struct model_slots *m, struct str name) {
    unsigned count = atomic_load_explicit(&m->count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        if (is_label(m->slots[i].name, name))
            return &m->slots[i];
    if (count == MODEL_SLOTS)
        return &m->slots[MODEL_SLOTS - 1];
    copy_label(m->slots[count].name, count == MODEL_SLOTS - 1 ? STR("other") : name);
    atomic_store_explicit(&m->count, count + 1, memory_order_release);
    return &m->slots[count];
}

static struct step_counts *step_of(struct step_slots *s, struct str name) {
    unsigned count = atomic_load_explicit(&s->count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        if (is_label(s->slots[i].name, name))
            return &s->slots[i];
    if (count == STEP_SLOTS)
        return &s->slots[STEP_SLOTS - 1];
    copy_label(s->slots[count].name, count == STEP_SLOTS - 1 ? STR("other") : name);
    atomic_store_explicit(&s->count, count + 1, memory_order_release);
    return &s->slots[count];
}

static void count_inference(struct model_counts *m, const struct event *e) {
    for (unsigned i = 0; i < e->stage_count; i++)
        if (strcmp(e->stages[i].name, "infer") == 0) {
            counter_add(&m->inferred, 1);
            counter_add(&m->infer_us, e->stages[i].us);
            return;
        }
}

static void count_outcome(struct endpoint_counts *c, const struct event *e) {
    if (e->decision == DECISION_NONE)
        return;
    struct model_counts *m = model_of(&c->models, e->model.n ? e->model : STR("none"));
    counter_add(&m->decisions[e->decision], 1);
    counter_add(&m->us[e->decision], e->total_us);
    atomic_store_explicit(&m->last_ms, (uint64_t)(e->wall_ns / NS_PER_MS), memory_order_relaxed);
    count_inference(m, e);
    if (e->confidence < 0)
        return;
    unsigned i = 0;
    while (i < CONFIDENCE_BUCKETS - 1 && e->confidence > metrics_confidence_bounds[i])
        i++;
    counter_add(&m->confidence[i], 1);
    counter_add(&m->confidence_sum, (uint64_t)((double)e->confidence * 1e6 + 0.5));
}

static void count_error(struct endpoint_counts *c, struct str code) {
    for (unsigned i = 1; i < ERR_COUNT; i++)
        if (str_eq(code, str_from(error_name((enum error_code)i)))) {
            counter_add(&c->errors[i], 1);
            return;
        }
    counter_add(&c->errors[ERR_NONE], 1);
}

void metrics_request(struct metrics_shard *s, unsigned endpoint, const struct event *e) {
    struct endpoint_counts *c = counts_of(s, endpoint);
    count_status(c, e->status);
    count_time(&c->seconds, e->total_us);
    count_stages(&c->stages, e);
    count_outcome(c, e);
    if (e->has_language &&
        e->language.attempts) /* also where the request failed: it took time, and may have cost */
        language_count(&model_of(&c->models, e->language.asked)->language, e);
    counter_add(&c->cache[e->cache], 1);
    counter_add(&c->scans[e->scan], 1);
    if (e->fallback.n) {
        struct str rest = e->fallback; /* "rules: model_unavailable" */
        counter_add(&step_of(&c->steps, str_split(&rest, ':'))->taken, 1);
    }
    if (e->error_code.n)
        count_error(c, e->error_code);
}

void metrics_refused(struct metrics_shard *s, unsigned endpoint, enum error_code code) {
    struct endpoint_counts *c = counts_of(s, endpoint);
    count_status(c, error_status(code));
    counter_add(&c->errors[code], 1);
    counter_add(&c->refused[code], 1);
}

uint64_t metrics_refusals(const struct metrics *m, unsigned endpoint, enum error_code code) {
    uint64_t n = 0;
    for (unsigned i = 0; i < m->loops; i++)
        n += counter_read(&counts_of(m->shards[i], endpoint)->refused[code]);
    return n;
}

void metrics_rate_limited(struct metrics_shard *s, unsigned endpoint) {
    counter_add(&counts_of(s, endpoint)->rate_limited, 1);
}

void metrics_rule_failed(struct metrics_shard *s, unsigned endpoint, enum metrics_rule rule) {
    counter_add(&counts_of(s, endpoint)->rules_failed[rule], 1);
}

void metrics_vector_asked(struct metrics_shard *s, unsigned endpoint, enum metrics_vector result) {
    counter_add(&counts_of(s, endpoint)->vectors_asked[result], 1);
}

void metrics_answer_checked(struct metrics_shard *s, unsigned endpoint, enum metrics_verdict verdict) {
    counter_add(&counts_of(s, endpoint)->answers_checked[verdict], 1);
}

static void add_totals(const struct model_counts *c, struct metrics_totals *out) {
    uint64_t last = counter_read(&c->last_ms);
    for (int i = 0; i < DECISION_COUNT; i++) {
        out->requests[i] += counter_read(&c->decisions[i]);
        out->us[i] += counter_read(&c->us[i]);
    }
    out->inferred += counter_read(&c->inferred);
    out->infer_us += counter_read(&c->infer_us);
    if (last > out->last_ms)
        out->last_ms = last;
}

void metrics_total(const struct metrics *m, unsigned endpoint, struct str model, struct metrics_totals *out) {
    *out = (struct metrics_totals){0};
    for (unsigned i = 0; i < m->loops; i++) {
        const struct model_slots *s = &counts_of(m->shards[i], endpoint)->models;
        unsigned count = atomic_load_explicit(&s->count, memory_order_acquire);
        for (unsigned k = 0; k < count; k++)
            if (model.n == 0 || is_label(s->slots[k].name, model))
                add_totals(&s->slots[k], out);
    }
}
