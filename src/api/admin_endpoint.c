/* GET /v1/admin/endpoints/{name}: all that an endpoint is made of, and how it does */
#include "api/admin_endpoint.h"

#include "base/clock.h"
#include "config/describe.h"
#include "pipeline/pipeline.h"

static void write_stage(const char *name, const struct metrics_stage_sums *s, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "name", name);
    json_field_int(w, "count", s ? (int64_t)s->times.count : 0);
    admin_write_ms(w, "mean_ms", s ? metrics_mean(&s->times) : -1);
    admin_write_ms(w, "p95_ms", s ? metrics_quantile(&s->times, 0.95) : -1);
    json_object_end(w);
}

/* All that its kind has, in their order: those that were not entered lately have no times. */
static void write_stages(const struct endpoint *e, const struct metrics_sums *recent, struct json_writer *w) {
    const char *names[REQUEST_STAGES_MAX];
    size_t count = pipeline_stages_of(e->config->kind, names);
    json_key(w, "stages");
    json_array(w);
    for (size_t i = 0; i < count; i++)
        write_stage(names[i], metrics_sums_stage(recent, names[i]), w);
    json_array_end(w);
}

static void write_remote(const struct remote_model *m, struct json_writer *w) {
    json_field_text(w, "upstream", m->upstream->config->name);
    json_field_bool(w, "priced", m->price != NULL);
}

static void write_version(const struct endpoint *e, const struct model_version *v, struct json_writer *w) {
    const struct config_endpoint *c = e->config;
    json_field_bool(w, "loaded", v->backend != NULL);
    json_field_text(w, "load_error", v->backend ? NULL : v->load_error.message);
    json_field_text(w, "artefact", v->artefact);
    json_field_fixed(w, "accept_threshold", c->has_accept_threshold ? c->accept_threshold : v->accept, 6);
    json_field_fixed(w, "review_threshold", c->has_review_threshold ? c->review_threshold : v->review, 6);
    json_field_bool(w, "score_fitted", v->policy.fitted);
    json_field_int(w, "labels", (int64_t)v->label_count);
}

static void write_share(const struct endpoint *e, const struct share *s, struct json_writer *w) {
    json_field_str(w, "model", share_reference(s));
    if (s->version)
        write_version(e, s->version, w);
    else
        write_remote(s->remote, w);
}

static void write_decisions(const struct metrics_sums *recent, struct str model, struct json_writer *w) {
    json_key(w, "decisions");
    json_object(w);
    for (unsigned i = 0; i < recent->model_count; i++)
        if (str_eq(str_from(recent->models[i].name), str_slice(model, 0, SUMS_NAME_SIZE - 1)))
            for (int d = DECISION_ACCEPTED; d < DECISION_COUNT; d++)
                if (recent->models[i].decisions[d])
                    json_field_int(w, decision_name((enum decision)d),
                                   (int64_t)recent->models[i].decisions[d]);
    json_object_end(w);
}

static void write_versions(const struct endpoint *e, const struct metrics_sums *recent,
                           struct json_writer *w) {
    json_key(w, "versions");
    json_array(w);
    for (unsigned i = 0; i < e->share_count; i++) {
        json_object(w);
        json_field_fixed(w, "weight", e->weights[i], 4);
        write_share(e, &e->shares[i], w);
        write_decisions(recent, share_reference(&e->shares[i]), w);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "fallback_chain");
    json_array(w);
    for (unsigned i = 0; i < e->step_count; i++)
        json_str(w, e->steps[i].name);
    json_array_end(w);
}

static void write_cache(const struct endpoint *e, const struct metrics_sums *recent, struct json_writer *w) {
    json_key(w, "cache");
    json_object(w);
    json_field_bool(w, "exact", e->config->cache);
    json_field_str(w, "tuning", e->tuning ? e->tuning_name : STR(""));
    for (int i = CACHE_MISS; i < CACHE_STATES; i++)
        json_field_int(w, cache_state_name((enum cache_state)i), (int64_t)recent->cache[i]);
    json_object_end(w);
}

static void write_upstream(const struct upstream *u, int64_t now, struct json_writer *w) {
    struct breaker_state breaker = breaker_state(&u->breaker, &u->breaker_options, now);
    struct concurrency_state places = concurrency_state(u->concurrency);
    json_object(w);
    json_field_text(w, "name", u->config->name);
    json_field_text(w, "breaker", breaker_phase_name(breaker.phase));
    json_field_int(w, "retry_after_ms", breaker.retry_after_ns / NS_PER_MS);
    json_field_int(w, "calls", breaker.calls);
    json_field_int(w, "failures", breaker.failures);
    json_field_int(w, "opened", (int64_t)breaker.opened);
    json_field_int(w, "refused", (int64_t)breaker.refused);
    json_field_int(w, "running", places.running);
    json_field_int(w, "waiting", places.waiting);
    json_field_int(w, "places", places.cap);
    int64_t average = latency_average(&u->latency, now);
    admin_write_ms(w, "first_byte_ms", average ? (double)average / 1000 : -1);
    json_object_end(w);
}

static bool uses(const struct endpoint *e, const struct upstream *u) {
    bool found = e->vectors && e->vectors->remote && e->vectors->remote->upstream == u;
    for (unsigned i = 0; i < e->share_count; i++)
        found |= e->shares[i].remote && e->shares[i].remote->upstream == u;
    for (unsigned i = 0; i < e->step_count; i++)
        found |= e->steps[i].target.remote && e->steps[i].target.remote->upstream == u;
    return found;
}

static void write_upstreams(const struct admin_look *l, const struct endpoint *e, struct json_writer *w) {
    json_key(w, "upstreams");
    json_array(w);
    for (size_t i = 0; i < l->snapshot->upstream_count; i++)
        if (uses(e, l->snapshot->upstreams[i]))
            write_upstream(l->snapshot->upstreams[i], l->now, w);
    json_array_end(w);
}

static void write_errors(const struct metrics_sums *recent, struct json_writer *w) {
    json_key(w, "error_codes");
    json_object(w);
    for (unsigned i = 1; i < ERR_COUNT; i++)
        if (recent->errors[i])
            json_field_int(w, error_name((enum error_code)i), (int64_t)recent->errors[i]);
    json_object_end(w);
}

static bool write_page(const struct admin_look *l, const struct endpoint *e, struct json_writer *w,
                       struct error *err) {
    struct metrics_sums recent;
    json_object(w);
    if (!admin_write_line(l, e, &recent, w, err))
        return false;
    write_stages(e, &recent, w);
    write_versions(e, &recent, w);
    write_cache(e, &recent, w);
    write_upstreams(l, e, w);
    write_errors(&recent, w);
    json_key(w, "configuration");
    config_describe_endpoint(e->config, w);
    json_object_end(w);
    return true;
}

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct admin_look look;
    const struct endpoint *e = snapshot_endpoint(job->snapshot, job->endpoint);
    if (!e)
        return fail(err, ERR_NOT_FOUND, "There is no endpoint \"%.*s\"; GET /v1/endpoints lists them.",
                    STR_ARG(str_slice(job->endpoint, 0, 80)));
    if (!admin_look_begin(&look, job, store, err))
        return false;
    bool good = write_page(&look, e, &JSON_WRITER(out), err);
    admin_look_end(&look);
    return good;
}

void admin_endpoint(struct call *c) {
    call_submit(c, &(struct api_job){.work = work, .endpoint = c->argument});
}
