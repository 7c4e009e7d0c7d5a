#include "watch/metrics/metrics.h"

#include "base/clock.h"
#include "watch/metrics/metrics_language.h"
#include "watch/metrics/metrics_shard.h"
#include "watch/recorder.h"

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* One endpoint's counts over all shards; slots merged by name. */
struct merged {
    const char *name;
    struct endpoint_counts *sum;
};

struct scrape {
    struct buf *out;
    struct merged endpoints[METRICS_ENDPOINTS_MAX];
    unsigned count;
};

static void merge_counters(counter *to, const counter *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        counter_add(&to[i], counter_read(&from[i]));
}

static void merge_time(struct time_histogram *to, const struct time_histogram *from) {
    merge_counters(to->buckets, from->buckets, TIME_BUCKETS);
    counter_add(&to->sum_us, counter_read(&from->sum_us));
}

static unsigned slots_used(const atomic_uint *count) {
    return atomic_load_explicit(count, memory_order_acquire);
}

/* The last slot is everything that the others have no room for. */
static void merge_stages(struct stage_slots *to, const struct stage_slots *from) {
    unsigned used = slots_used(&to->count);
    for (unsigned i = 0; i < slots_used(&from->count); i++) {
        unsigned at = 0;
        while (at < used && strcmp(to->names[at], from->names[i]) != 0)
            at++;
        if (at == STAGE_SLOTS)
            at--;
        if (at == used)
            to->names[used++] = at == STAGE_SLOTS - 1 ? "other" : from->names[i];
        merge_time(&to->seconds[at], &from->seconds[i]);
    }
    atomic_store(&to->count, used);
}

/* The slot for `name`, a new one where there is none yet. `name_at`: where a slot holds its name. */
static unsigned slot_for(void *slots_of, size_t stride, size_t name_at, unsigned slots, unsigned *used,
                         const char *name) {
    char *first = (char *)slots_of + name_at;
    unsigned at = 0;
    while (at < *used && strcmp(first + at * stride, name) != 0)
        at++;
    if (at == slots)
        return slots - 1;
    if (at == *used)
        snprintf(first + (*used)++ * stride, LABEL_SIZE, "%s", at == slots - 1 ? "other" : name);
    return at;
}

static void merge_models(struct model_slots *to, const struct model_slots *from) {
    unsigned used = slots_used(&to->count);
    for (unsigned i = 0; i < slots_used(&from->count); i++) {
        const struct model_counts *add = &from->slots[i];
        struct model_counts *slot =
            &to->slots[slot_for(to->slots, sizeof to->slots[0], offsetof(struct model_counts, name),
                                MODEL_SLOTS, &used, add->name)];
        merge_counters(slot->decisions, add->decisions, DECISION_COUNT);
        merge_counters(slot->confidence, add->confidence, CONFIDENCE_BUCKETS);
        merge_counters(&slot->confidence_sum, &add->confidence_sum, 1);
        language_merge(&slot->language, &add->language);
    }
    atomic_store(&to->count, used);
}

static void merge_steps(struct step_slots *to, const struct step_slots *from) {
    unsigned used = slots_used(&to->count);
    for (unsigned i = 0; i < slots_used(&from->count); i++) {
        const struct step_counts *add = &from->slots[i];
        unsigned at = slot_for(to->slots, sizeof to->slots[0], offsetof(struct step_counts, name), STEP_SLOTS,
                               &used, add->name);
        merge_counters(&to->slots[at].taken, &add->taken, 1);
    }
    atomic_store(&to->count, used);
}

static void merge_endpoint(struct endpoint_counts *to, const struct endpoint_counts *from) {
    merge_counters(to->statuses, from->statuses, STATUS_COUNT);
    merge_time(&to->seconds, &from->seconds);
    merge_counters(to->cache, from->cache, CACHE_STATES);
    merge_counters(to->scans, from->scans, SCAN_FOUND + 1);
    merge_counters(to->errors, from->errors, ERR_COUNT);
    merge_counters(&to->rate_limited, &from->rate_limited, 1);
    merge_counters(to->rules_failed, from->rules_failed, METRICS_RULE_COUNT);
    merge_counters(to->vectors_asked, from->vectors_asked, METRICS_VECTORS);
    merge_counters(to->answers_checked, from->answers_checked, METRICS_VERDICTS);
    merge_models(&to->models, &from->models);
    merge_steps(&to->steps, &from->steps);
    merge_stages(&to->stages, &from->stages);
}

static bool gather(struct metrics *m, struct scrape *s) {
    unsigned count = slots_used(&m->endpoint_count);
    for (; s->count < count; s->count++) {
        struct endpoint_counts *sum = calloc(1, sizeof *sum);
        if (!sum)
            return false;
        s->endpoints[s->count] = (struct merged){m->names[s->count], sum};
        for (unsigned i = 0; i < m->loops; i++)
            merge_endpoint(sum,
                           atomic_load_explicit(&m->shards[i]->endpoints[s->count], memory_order_acquire));
    }
    return true;
}

static void family(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Backslash, quote and line feed are escaped in label values. */
static void add_label(struct buf *out, const char *value) {
    for (; *value; value++)
        switch (*value) {
        case '\\': buf_add(out, "\\\\", 2); break;
        case '"': buf_add(out, "\\\"", 2); break;
        case '\n': buf_add(out, "\\n", 2); break;
        default: buf_add_char(out, *value);
        }
}

void metrics_family(struct buf *out, const char *name, enum metrics_type type, const char *help) {
    family(out, name, type == METRICS_COUNTER ? "counter" : "gauge", help);
}

void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value) {
    buf_add_str(out, str_from(name));
    for (size_t i = 0; labels[i]; i += 2) {
        buf_printf(out, "%c%s=\"", i ? ',' : '{', labels[i]);
        add_label(out, labels[i + 1]);
        buf_add_char(out, '"');
    }
    buf_printf(out, "%s %.15g\n", labels[0] ? "}" : "", value);
}

/* name{endpoint="…" and, when given, one or two more labels; without the closing brace. */
static void open_sample(struct buf *out, const char *name, const char *endpoint, const char *label,
                        const char *value) {
    buf_add_str(out, str_from(name));
    buf_add_str(out, STR("{endpoint=\""));
    add_label(out, endpoint);
    buf_add_char(out, '"');
    if (!label)
        return;
    buf_printf(out, ",%s=\"", label);
    add_label(out, value);
    buf_add_char(out, '"');
}

static void close_sample(struct buf *out, uint64_t value) {
    buf_add_str(out, STR("} "));
    buf_add_u64(out, value);
    buf_add_char(out, '\n');
}

struct histogram_shape {
    const char *name;
    unsigned buckets;
    double (*bound)(unsigned i);
    double sum_unit;
};

static double time_bound(unsigned i) {
    return (double)metrics_time_bounds[i] / 1e6;
}

static double confidence_bound(unsigned i) {
    return (double)metrics_confidence_bounds[i];
}

static const struct histogram_shape request_seconds = {"penstock_request_seconds", TIME_BUCKETS, time_bound,
                                                       1e-6},
                                    stage_seconds = {"penstock_stage_seconds", TIME_BUCKETS, time_bound,
                                                     1e-6},
                                    confidences = {"penstock_confidence", CONFIDENCE_BUCKETS,
                                                   confidence_bound, 1e-6};

/* The count is the buckets' own sum, so that a scrape between two stores is consistent in itself. */
static void write_histogram(struct buf *out, const struct histogram_shape *shape, const char *endpoint,
                            const char *label, const char *value, const counter *buckets,
                            const counter *sum) {
    char name[64];
    uint64_t count = 0;
    snprintf(name, sizeof name, "%s_bucket", shape->name);
    for (unsigned i = 0; i < shape->buckets; i++) {
        count += counter_read(&buckets[i]);
        open_sample(out, name, endpoint, label, value);
        if (i + 1 < shape->buckets)
            buf_printf(out, ",le=\"%g\"", shape->bound(i));
        else
            buf_add_str(out, STR(",le=\"+Inf\""));
        close_sample(out, count);
    }
    snprintf(name, sizeof name, "%s_sum", shape->name);
    open_sample(out, name, endpoint, label, value);
    buf_printf(out, "} %.6f\n", (double)counter_read(sum) * shape->sum_unit);
    snprintf(name, sizeof name, "%s_count", shape->name);
    open_sample(out, name, endpoint, label, value);
    close_sample(out, count);
}

#define EACH_ENDPOINT(s, e)                                                                                  \
    for (const struct merged *e = (s)->endpoints; e < (s)->endpoints + (s)->count; e++)

static void write_requests(struct scrape *s) {
    static const char name[] = "penstock_requests_total";
    family(s->out, name, "counter", "Requests that ended, by HTTP status.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        char status[16] = "other";
        uint64_t n = counter_read(&e->sum->statuses[i]);
        if (metrics_statuses[i])
            snprintf(status, sizeof status, "%d", metrics_statuses[i]);
        if (n == 0)
            continue;
        open_sample(s->out, name, e->name, "status", status);
        close_sample(s->out, n);
    }
    family(s->out, request_seconds.name, "histogram", "Time from a request's arrival to its reply.");
    EACH_ENDPOINT(s, e)
    write_histogram(s->out, &request_seconds, e->name, NULL, NULL, e->sum->seconds.buckets,
                    &e->sum->seconds.sum_us);
    family(s->out, stage_seconds.name, "histogram",
           "Time that requests spent in each stage of their pipeline.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < slots_used(&e->sum->stages.count); i++)
        write_histogram(s->out, &stage_seconds, e->name, "stage", e->sum->stages.names[i],
                        e->sum->stages.seconds[i].buckets, &e->sum->stages.seconds[i].sum_us);
}

static void write_models(struct scrape *s) {
    static const char name[] = "penstock_decisions_total";
    family(s->out, name, "counter", "How replies came about, by model version.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < slots_used(&e->sum->models.count); i++)
        for (unsigned d = 1; d < DECISION_COUNT; d++) {
            const struct model_counts *m = &e->sum->models.slots[i];
            if (counter_read(&m->decisions[d]) == 0)
                continue;
            open_sample(s->out, name, e->name, "model", m->name);
            buf_printf(s->out, ",decision=\"%s\"", decision_name((enum decision)d));
            close_sample(s->out, counter_read(&m->decisions[d]));
        }
    family(s->out, confidences.name, "histogram", "Confidence of predictions, by model version.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < slots_used(&e->sum->models.count); i++)
        write_histogram(s->out, &confidences, e->name, "model", e->sum->models.slots[i].name,
                        e->sum->models.slots[i].confidence, &e->sum->models.slots[i].confidence_sum);
}

static void write_language(struct scrape *s) {
    struct language_writing w = {.out = s->out};
    for (; w.family < LANGUAGE_FAMILIES; w.family++) {
        language_write_head(&w);
        EACH_ENDPOINT(s, e)
        for (unsigned i = 0; i < slots_used(&e->sum->models.count); i++)
            language_write(&w, e->name, e->sum->models.slots[i].name, &e->sum->models.slots[i].language);
    }
}

static void write_scans_and_cache(struct scrape *s) {
    static const char cache[] = "penstock_cache_requests_total", scans[] = "penstock_scans_total";
    family(s->out, cache, "counter", "Requests that asked a cache, by what it said.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = CACHE_MISS; i < CACHE_STATES; i++) {
        open_sample(s->out, cache, e->name, "result", cache_state_name((enum cache_state)i));
        close_sample(s->out, counter_read(&e->sum->cache[i]));
    }
    family(s->out, scans, "counter", "Malware scans of files, by what they found; not_scanned is not clean.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = SCAN_CLEAN; i <= SCAN_FOUND; i++) {
        open_sample(s->out, scans, e->name, "result", scan_state_name((enum scan_state)i));
        close_sample(s->out, counter_read(&e->sum->scans[i]));
    }
}

static void write_failures(struct scrape *s) {
    static const char fallbacks[] = "penstock_fallbacks_total", errors[] = "penstock_errors_total",
                      limited[] = "penstock_rate_limited_total";
    family(s->out, fallbacks, "counter", "Requests that a step of the fallback chain answered.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < slots_used(&e->sum->steps.count); i++) {
        open_sample(s->out, fallbacks, e->name, "step", e->sum->steps.slots[i].name);
        close_sample(s->out, counter_read(&e->sum->steps.slots[i].taken));
    }
    family(s->out, errors, "counter", "Requests that ended in an error, by its code.");
    EACH_ENDPOINT(s, e)
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        uint64_t n = counter_read(&e->sum->errors[i]);
        if (n == 0)
            continue;
        open_sample(s->out, errors, e->name, "code", i ? error_name((enum error_code)i) : "other");
        close_sample(s->out, n);
    }
    family(s->out, limited, "counter", "Requests refused because their client was over its rate.");
    EACH_ENDPOINT(s, e) {
        open_sample(s->out, limited, e->name, NULL, NULL);
        close_sample(s->out, counter_read(&e->sum->rate_limited));
    }
}

/* One line for each count of an endpoint that is not 0. */
static void write_named(struct scrape *s, const char *name, const char *label, const char *const *values,
                        const counter *counts, const char *endpoint, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t n = counter_read(&counts[i]);
        if (n == 0)
            continue;
        open_sample(s->out, name, endpoint, label, values[i]);
        close_sample(s->out, n);
    }
}

static void write_rules(struct scrape *s) {
    static const char name[] = "penstock_rule_failures_total";
    static const char *const rules[METRICS_RULE_COUNT] = {
        [METRICS_RULE_ROUTE] = "route", [METRICS_RULE_ANSWER] = "answer", [METRICS_RULE_SEGMENT] = "segment"};
    family(s->out, name, "counter", "Scripts over a chat that failed, so that they decided nothing.");
    EACH_ENDPOINT(s, e)
    write_named(s, name, "rule", rules, e->sum->rules_failed, e->name, METRICS_RULE_COUNT);
}

static void write_answers(struct scrape *s) {
    static const char name[] = "penstock_answers_checked_total";
    static const char *const verdicts[METRICS_VERDICTS] = {[METRICS_ANSWER_VALID] = "valid",
                                                           [METRICS_ANSWER_REPAIRED] = "repaired",
                                                           [METRICS_ANSWER_INVALID] = "invalid"};
    family(s->out, name, "counter", "Models' answers that were held to a schema.");
    EACH_ENDPOINT(s, e)
    write_named(s, name, "verdict", verdicts, e->sum->answers_checked, e->name, METRICS_VERDICTS);
}

static void write_vectors(struct scrape *s) {
    static const char name[] = "penstock_semantic_vectors_total";
    static const char *const results[METRICS_VECTORS] = {[METRICS_VECTOR_FETCHED] = "fetched",
                                                         [METRICS_VECTOR_LATE] = "late",
                                                         [METRICS_VECTOR_FAILED] = "failed",
                                                         [METRICS_VECTOR_UNFIT] = "unfit",
                                                         [METRICS_VECTOR_LEFT_ALONE] = "left_alone"};
    family(s->out, name, "counter",
           "Vectors that the semantic cache wanted of an upstream: all but fetched are lookups not made.");
    EACH_ENDPOINT(s, e)
    write_named(s, name, "result", results, e->sum->vectors_asked, e->name, METRICS_VECTORS);
}

static void write_value(struct buf *out, const char *name, const char *type, const char *help, double value) {
    family(out, name, type, help);
    buf_printf(out, "%s %.15g\n", name, value);
}

static void write_recorder(struct metrics *m, struct buf *out) {
    if (!m->recorder)
        return;
    struct recorder_state r;
    recorder_state(m->recorder, &r);
    write_value(out, "penstock_review_open", "gauge", "Review items that wait for a person.",
                (double)r.review_depth);
    write_value(out, "penstock_recorder_lag_seconds", "gauge", "Age of the oldest event not yet committed.",
                (double)r.lag_us / 1e6);
    write_value(out, "penstock_recorder_queue", "gauge", "Events not yet committed.", (double)r.queued);
    write_value(out, "penstock_recorder_healthy", "gauge", "1 when the last commit succeeded.", r.healthy);
    write_value(out, "penstock_recorder_events_total", "counter", "Events committed.", (double)r.committed);
    write_value(out, "penstock_recorder_commits_total", "counter", "Commits, of one or many events.",
                (double)r.commits);
    write_value(out, "penstock_recorder_commits_failed_total", "counter",
                "Commits that failed and were tried again.", (double)r.failed_commits);
}

static double open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the folder's own */
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void write_process(struct metrics *m, struct buf *out) {
    struct rusage use;
    unsigned long long size = 0, resident = 0;
    getrusage(RUSAGE_SELF, &use);
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2)
            size = resident = 0;
        fclose(f);
    }
    double page = (double)sysconf(_SC_PAGESIZE);
    write_value(out, "process_cpu_seconds_total", "counter", "User and system CPU time.",
                (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                    (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    write_value(out, "process_resident_memory_bytes", "gauge", "Resident memory.", (double)resident * page);
    write_value(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", (double)size * page);
    write_value(out, "process_open_fds", "gauge", "Open file descriptors.", open_files());
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        write_value(out, "process_max_fds", "gauge", "Most file descriptors that may be open.",
                    (double)files.rlim_cur);
    write_value(out, "process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
                (double)(m->started / NS_PER_MS) / 1e3);
}

static void write_sources(struct metrics *m, struct buf *out) {
    for (unsigned i = 0; i < m->source_count; i++) {
        const struct metrics_source *s = &m->sources[i];
        metrics_family(out, s->name, s->type, s->help);
        metrics_sample(out, s->name, (const char *const[]){NULL}, s->read(s->ctx));
    }
    for (unsigned i = 0; i < m->writer_count; i++)
        m->writers[i].write(out, m->writers[i].ctx);
    family(out, "penstock_build_info", "gauge", "1, with the version as a label.");
    buf_printf(out, "penstock_build_info{version=\"");
    add_label(out, m->version);
    buf_printf(out, "\"} 1\n");
}

bool metrics_write(struct metrics *m, struct buf *out, struct error *err) {
    struct scrape s = {.out = out};
    bool ok = gather(m, &s);
    if (ok) {
        write_requests(&s);
        write_models(&s);
        write_language(&s);
        write_scans_and_cache(&s);
        write_failures(&s);
        write_rules(&s);
        write_answers(&s);
        write_vectors(&s);
        write_recorder(m, out);
        write_sources(m, out);
        write_process(m, out);
    }
    for (unsigned i = 0; i < s.count; i++)
        free(s.endpoints[i].sum);
    return (ok && !out->failed) ||
           fail(err, ERR_NO_MEMORY, "The metrics do not fit into memory or the reply.");
}
