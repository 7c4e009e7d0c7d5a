/* GET /v2/models/stats, /v2/models/{model}[/versions/{version}]/stats: the statistics extension. An
 * endpoint's first entry has no version and counts all that it did; failed requests are counted there alone,
 * since they name no version. Times of queues and of tensors are not measured and stay 0. */
#include "api/oip_models.h"

static void write_duration(struct json_writer *w, const char *name, uint64_t count, uint64_t us) {
    json_key(w, name);
    json_object(w);
    json_field_int(w, "count", (int64_t)count);
    json_field_int(w, "ns", (int64_t)(us * 1000));
    json_object_end(w);
}

static void write_entry(struct json_writer *w, struct str name, struct str version,
                        const struct metrics_totals *t) {
    uint64_t success = 0, us = 0;
    for (int i = DECISION_ACCEPTED; i < DECISION_COUNT; i++)
        if (i != DECISION_REJECTED) {
            success += t->requests[i];
            us += t->us[i];
        }
    uint64_t cached = t->requests[DECISION_CACHED];
    json_object(w);
    json_field_str(w, "name", name);
    if (version.n)
        json_field_str(w, "version", version);
    json_field_int(w, "last_inference", (int64_t)t->last_ms);
    json_field_int(w, "inference_count", (int64_t)(success - cached));
    json_field_int(w, "execution_count", (int64_t)t->inferred);
    json_key(w, "inference_stats");
    json_object(w);
    write_duration(w, "success", success, us);
    if (version.n == 0)
        write_duration(w, "fail", t->requests[DECISION_REJECTED], t->us[DECISION_REJECTED]);
    write_duration(w, "queue", 0, 0);
    write_duration(w, "compute_input", 0, 0);
    write_duration(w, "compute_infer", t->inferred, t->infer_us);
    write_duration(w, "compute_output", 0, 0);
    write_duration(w, "cache_hit", cached, t->us[DECISION_CACHED]);
    write_duration(w, "cache_miss", success - cached, us - t->us[DECISION_CACHED]);
    json_object_end(w);
    json_key(w, "batch_stats");
    json_array(w);
    json_array_end(w);
    json_object_end(w);
}

static void add(struct metrics_totals *to, const struct metrics_totals *from) {
    for (int i = 0; i < DECISION_COUNT; i++) {
        to->requests[i] += from->requests[i];
        to->us[i] += from->us[i];
    }
    to->inferred += from->inferred;
    to->infer_us += from->infer_us;
    if (from->last_ms > to->last_ms)
        to->last_ms = from->last_ms;
}

/* Of a version at one endpoint, or at all that serve it. */
static void write_version(const struct call *c, struct json_writer *w, struct str name,
                          const struct endpoint *only, const struct model_version *v) {
    struct metrics_totals sum = {0}, part;
    struct str reference = str_from(v->reference);
    for (size_t i = 0; i < c->snapshot->endpoint_count; i++) {
        const struct endpoint *e = &c->snapshot->endpoints[i];
        if ((only && e != only) || e->config->kind != ENDPOINT_CLASSIFY)
            continue;
        metrics_total(c->loop->parts->metrics, e->metrics, reference, &part);
        add(&sum, &part);
    }
    struct str version = only ? oip_version_name(only, v) : oip_version_of(reference);
    write_entry(w, name, version, &sum);
}

static void write_endpoint(const struct call *c, struct json_writer *w, const struct endpoint *e) {
    struct metrics_totals all;
    metrics_total(c->loop->parts->metrics, e->metrics, STR(""), &all);
    write_entry(w, e->name, STR(""), &all);
    for (unsigned i = 0; i < e->share_count; i++)
        if (oip_is_first(e, i))
            write_version(c, w, e->name, e, e->shares[i].version);
}

static void begin(struct call *c, struct json_writer *w) {
    buf_clear(&c->loop->reply);
    *w = JSON_WRITER(&c->loop->reply);
    json_object(w);
    json_key(w, "model_stats");
    json_array(w);
}

static void finish(struct call *c, struct json_writer *w) {
    json_array_end(w);
    json_object_end(w);
    call_reply_json(c, 200, buf_str(&c->loop->reply));
}

void oip_stats(struct call *c) {
    struct json_writer w;
    begin(c, &w);
    for (size_t i = 0; i < c->snapshot->endpoint_count; i++)
        if (c->snapshot->endpoints[i].config->kind == ENDPOINT_CLASSIFY)
            write_endpoint(c, &w, &c->snapshot->endpoints[i]);
    finish(c, &w);
}

void oip_model_stats(struct call *c) {
    struct oip_target t;
    struct json_writer w;
    if (!oip_target_of(c, &t))
        return;
    begin(c, &w);
    if (!t.pinned)
        write_endpoint(c, &w, t.endpoint);
    else
        write_version(c, &w, t.name, str_eq(t.name, t.endpoint->name) ? t.endpoint : NULL, t.pinned);
    finish(c, &w);
}
