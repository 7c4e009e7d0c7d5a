#include "watch/metrics/metrics_language.h"

#include <stdio.h>
#include <string.h>

/* Bounds as the conventions advise them. */
static const double durations[] = {0.01, 0.02, 0.04, 0.08,  0.16,  0.32,  0.64,
                                   1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
static const double tokens[] = {1,     4,     16,     64,      256,     1024,     4096,
                                16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
static const double first_tokens[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
                                      0.25,  0.5,   0.75, 1,    2.5,  5,    7.5,  10};
static const double per_token[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5};
static const double overheads[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                   0.005,   0.01,   0.025,   0.05,   0.1,   0.5};

struct shape {
    const char *name, *help;
    const double *bounds;
    unsigned count;
    double unit; /* of the sum */
};
/* As the conventions call what has no type of its own. */
static const char other_errors[] = "_OTHER";

#define BOUNDS(list) .bounds = (list), .count = ARRAY_COUNT(list)

static const struct shape shapes[LANGUAGE_HISTOGRAMS] = {
    [LANGUAGE_DURATION] = {"gen_ai_client_operation_duration_seconds",
                           "Time that upstreams took for a request.", BOUNDS(durations), .unit = 1e-6},
    [LANGUAGE_INPUT] = {"gen_ai_client_token_usage",
                        "Tokens of a request and its answer, as upstreams count.", BOUNDS(tokens), .unit = 1},
    [LANGUAGE_OUTPUT] = {"gen_ai_client_token_usage", NULL, BOUNDS(tokens), .unit = 1},
    [LANGUAGE_FIRST_TOKEN] = {"gen_ai_server_time_to_first_token_seconds",
                              "Time from a streamed request's arrival to the first byte of its answer.",
                              BOUNDS(first_tokens), .unit = 1e-6},
    [LANGUAGE_PER_TOKEN] = {"gen_ai_server_time_per_output_token_seconds",
                            "Time of a stream for each token after the first.", BOUNDS(per_token),
                            .unit = 1e-6},
    [LANGUAGE_OVERHEAD] = {"penstock_overhead_seconds",
                           "Time of a request to a language model beside what upstreams took.",
                           BOUNDS(overheads), .unit = 1e-6},
};

static void observe_in(struct language_histogram_counts *h, const struct shape *shape, uint64_t value) {
    double scaled = (double)value * shape->unit;
    unsigned i = 0;
    while (i < shape->count && scaled > shape->bounds[i])
        i++;
    counter_add(&h->buckets[i], 1);
    counter_add(&h->sum, value);
}

static void observe(struct language_counts *c, enum language_histogram which, uint64_t value) {
    observe_in(&c->histograms[which], &shapes[which], value);
}

/* The counts of that kind of error, which is a constant; */
static struct language_error_counts *errors_of(struct language_counts *c, const char *type) {
    for (unsigned i = 0; i < LANGUAGE_ERRORS - 1; i++) {
        const char *there = atomic_load_explicit(&c->errors[i].type, memory_order_acquire);
        if (!there)
            atomic_store_explicit(&c->errors[i].type, type, memory_order_release);
        if (!there || strcmp(there, type) == 0)
            return &c->errors[i];
    }
    struct language_error_counts *other = &c->errors[LANGUAGE_ERRORS - 1];
    atomic_store_explicit(&other->type, other_errors, memory_order_release);
    return other;
}

/* Where this event's duration belongs. */
static struct language_histogram_counts *durations_of(struct language_counts *c, const struct event *e) {
    if (!e->error_code.n)
        return &c->histograms[LANGUAGE_DURATION];
    for (unsigned i = 1; i < ERR_COUNT; i++)
        if (str_eq(e->error_code, str_from(error_name((enum error_code)i))))
            return &errors_of(c, error_name((enum error_code)i))->durations;
    return &errors_of(c, other_errors)->durations;
}

void language_count(struct language_counts *c, const struct event *e) {
    const struct event_language *l = &e->language;
    uint64_t output = l->usage.output > 0 ? (uint64_t)l->usage.output : 0;
    if (!atomic_load_explicit(&c->operation, memory_order_relaxed)) {
        atomic_store_explicit(&c->provider, l->provider, memory_order_relaxed);
        atomic_store_explicit(&c->operation, l->operation, memory_order_release);
    }
    observe_in(durations_of(c, e), &shapes[LANGUAGE_DURATION], l->upstream_us);
    uint64_t waited = (uint64_t)l->upstream_us + l->aside_us;
    observe(c, LANGUAGE_OVERHEAD, e->total_us > waited ? e->total_us - waited : 0);
    if (l->usage.input >= 0)
        observe(c, LANGUAGE_INPUT, (uint64_t)l->usage.input);
    if (l->usage.output >= 0)
        observe(c, LANGUAGE_OUTPUT, output);
    if (l->streamed && l->first_token_us)
        observe(c, LANGUAGE_FIRST_TOKEN, l->first_token_us);
    if (l->streamed && l->first_token_us && output > 1 && e->total_us > l->first_token_us)
        observe(c, LANGUAGE_PER_TOKEN, (e->total_us - l->first_token_us) / (output - 1));
    if (e->cost_nanodollars > 0)
        counter_add(&c->nanodollars, (uint64_t)e->cost_nanodollars);
    if (e->cost_nanodollars == EVENT_COST_UNKNOWN)
        counter_add(&c->unpriced, 1);
}

static void merge_histogram(struct language_histogram_counts *to,
                            const struct language_histogram_counts *from) {
    for (unsigned i = 0; i < LANGUAGE_BUCKETS; i++)
        counter_add(&to->buckets[i], counter_read(&from->buckets[i]));
    counter_add(&to->sum, counter_read(&from->sum));
}

void language_merge(struct language_counts *to, const struct language_counts *from) {
    for (unsigned i = 0; i < LANGUAGE_HISTOGRAMS; i++)
        merge_histogram(&to->histograms[i], &from->histograms[i]);
    for (unsigned i = 0; i < LANGUAGE_ERRORS; i++) {
        const char *type = atomic_load_explicit(&from->errors[i].type, memory_order_acquire);
        if (type)
            merge_histogram(&errors_of(to, type)->durations, &from->errors[i].durations);
    }
    counter_add(&to->nanodollars, counter_read(&from->nanodollars));
    counter_add(&to->unpriced, counter_read(&from->unpriced));
    const char *operation = atomic_load_explicit(&from->operation, memory_order_acquire);
    if (operation) {
        atomic_store(&to->operation, operation);
        atomic_store(&to->provider, atomic_load_explicit(&from->provider, memory_order_relaxed));
    }
}

/* ---- writing ---- */

/* Which histogram a family is of; the two kinds of tokens are one family. */
static const enum language_histogram families[] = {LANGUAGE_DURATION, LANGUAGE_INPUT, LANGUAGE_FIRST_TOKEN,
                                                   LANGUAGE_PER_TOKEN, LANGUAGE_OVERHEAD};
enum { COST_FAMILY = ARRAY_COUNT(families), UNPRICED_FAMILY };

void language_write_head(struct language_writing *w) {
    if (w->family == COST_FAMILY) {
        metrics_family(w->out, "penstock_cost_dollars_total", METRICS_COUNTER,
                       "What answers cost, by the price list; those without a price are counted beside it.");
    } else if (w->family == UNPRICED_FAMILY) {
        metrics_family(w->out, "penstock_unpriced_requests_total", METRICS_COUNTER,
                       "Requests to language models whose cost is not known.");
    } else {
        const struct shape *shape = &shapes[families[w->family]];
        buf_printf(w->out, "# HELP %s %s\n# TYPE %s histogram\n", shape->name, shape->help, shape->name);
    }
}

enum { LABELS_MAX = 16 };

/* name_suffix{labels, le} */
static void sample(struct buf *out, const char *name, const char *suffix, const char *const *labels,
                   const char *le, double value) {
    const char *all[LABELS_MAX];
    char full[80];
    unsigned n = 0;
    while (labels[n]) {
        all[n] = labels[n];
        n++;
    }
    if (le) {
        all[n++] = "le";
        all[n++] = le;
    }
    all[n] = NULL;
    snprintf(full, sizeof full, "%s%s", name, suffix);
    metrics_sample(out, full, all, value);
}

static void write_histogram(struct buf *out, const struct shape *shape,
                            const struct language_histogram_counts *h, const char *const *labels) {
    uint64_t count = 0;
    for (unsigned i = 0; i <= shape->count; i++) {
        char bound[32] = "+Inf";
        count += counter_read(&h->buckets[i]);
        if (i < shape->count)
            snprintf(bound, sizeof bound, "%.9g", shape->bounds[i]);
        sample(out, shape->name, "_bucket", labels, bound, (double)count);
    }
    sample(out, shape->name, "_sum", labels, NULL, (double)counter_read(&h->sum) * shape->unit);
    sample(out, shape->name, "_count", labels, NULL, (double)count);
}

static void write_one(struct buf *out, enum language_histogram which, const struct language_counts *c,
                      const char *const *labels) {
    write_histogram(out, &shapes[which], &c->histograms[which], labels);
}

static void write_durations(struct buf *out, const struct language_counts *c, const char **labels,
                            unsigned n) {
    write_one(out, LANGUAGE_DURATION, c, labels);
    labels[n] = "error_type";
    for (unsigned i = 0; i < LANGUAGE_ERRORS; i++) {
        labels[n + 1] = atomic_load_explicit(&c->errors[i].type, memory_order_acquire);
        if (labels[n + 1])
            write_histogram(out, &shapes[LANGUAGE_DURATION], &c->errors[i].durations, labels);
    }
}

static void write_tokens(struct buf *out, const struct language_counts *c, const char **labels, unsigned n) {
    labels[n] = "gen_ai_token_type";
    labels[n + 1] = "input";
    write_one(out, LANGUAGE_INPUT, c, labels);
    labels[n + 1] = "output";
    write_one(out, LANGUAGE_OUTPUT, c, labels);
}

/* `labels` has n in use, and room for more. */
static void write_family(struct buf *out, enum language_histogram which, const struct language_counts *c,
                         const char **labels, unsigned n) {
    if (which == LANGUAGE_DURATION)
        write_durations(out, c, labels, n);
    else if (which == LANGUAGE_INPUT)
        write_tokens(out, c, labels, n);
    else
        write_one(out, which, c, labels);
}

/* "main/gpt-4o#support@2": as the upstream calls it. */
static const char *request_model(const char *reference, char out[LABEL_SIZE]) {
    const char *slash = strchr(reference, '/'), *from = slash ? slash + 1 : reference;
    snprintf(out, LABEL_SIZE, "%.*s", (int)strcspn(from, "#"), from);
    return out;
}

void language_write(struct language_writing *w, const char *endpoint, const char *model,
                    const struct language_counts *c) {
    char name[LABEL_SIZE];
    const char *operation = atomic_load(&c->operation), *provider = atomic_load(&c->provider);
    if (!operation)
        return; /* no model was asked */
    const char *labels[LABELS_MAX] = {"endpoint", endpoint, "model", model};
    if (w->family == COST_FAMILY) {
        metrics_sample(w->out, "penstock_cost_dollars_total", labels,
                       (double)counter_read(&c->nanodollars) / 1e9);
        return;
    }
    if (w->family == UNPRICED_FAMILY) {
        metrics_sample(w->out, "penstock_unpriced_requests_total", labels,
                       (double)counter_read(&c->unpriced));
        return;
    }
    const char *const more[] = {"gen_ai_operation_name", operation,
                                "gen_ai_provider_name",  provider,
                                "gen_ai_request_model",  request_model(model, name)};
    unsigned n = 4;
    for (size_t i = 0; i < ARRAY_COUNT(more) && families[w->family] != LANGUAGE_OVERHEAD; i++)
        labels[n++] = more[i];
    write_family(w->out, families[w->family], c, labels, n);
}
