/* GET /v1/admin/overview: the server, and each endpoint on one line */
#include "api/admin_endpoint.h"
#include "base/clock.h"
#include "pipeline/endpoint_health.h"
#include "pipeline/rollout_json.h"

#include <stdlib.h>

static void note_open(struct str endpoint, uint64_t open, void *ctx) {
    struct admin_look *l = ctx;
    for (size_t i = 0; i < l->snapshot->endpoint_count; i++)
        if (str_eq(l->snapshot->endpoints[i].name, endpoint))
            l->open[i] = open;
}

bool admin_look_begin(struct admin_look *l, const struct api_job *job, struct store *store,
                      struct error *err) {
    *l = (struct admin_look){
        .snapshot = job->snapshot, .parts = job->parts, .store = store, .now = clock_monotonic()};
    recorder_state(job->parts->recorder, &l->recorder);
    l->open = calloc(l->snapshot->endpoint_count + 1, sizeof *l->open);
    if (!l->open)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    if (!review_depths(store, note_open, l, err)) {
        admin_look_end(l);
        return false;
    }
    return true;
}

void admin_look_end(struct admin_look *l) {
    free(l->open);
}

void admin_write_ms(struct json_writer *w, const char *key, double us) {
    json_key(w, key);
    if (us < 0)
        json_null(w);
    else
        json_fixed(w, us / 1000, 3);
}

static void write_health(const struct admin_look *l, const struct endpoint *e,
                         const struct metrics_sums *recent, struct json_writer *w) {
    struct endpoint_health health;
    endpoint_health(e, recent, l->recorder.healthy, l->now, &health);
    json_field_text(w, "health", health_name(health.health));
    json_key(w, "reasons");
    json_array(w);
    for (unsigned i = 0; i < health.reason_count; i++)
        json_text(w, health.reasons[i]);
    json_array_end(w);
}

static void write_serving(const struct endpoint *e, struct json_writer *w) {
    json_key(w, "serving");
    json_array(w);
    for (unsigned i = 0; i < e->share_count; i++) {
        json_object(w);
        json_field_str(w, "model", share_reference(&e->shares[i]));
        json_field_fixed(w, "weight", e->weights[i], 4);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_rollout(const struct rollout_record *r, void *ctx) {
    struct json_writer *w = ctx;
    rollout_write(r, w);
}

/* The one that runs, or null. */
static bool write_running(const struct admin_look *l, const struct endpoint *e, const char *key,
                          enum rollout_which which, struct json_writer *w, struct error *err) {
    struct rollout_filter filter = {.endpoint = e->config->name, .which = which, .running = true, .limit = 1};
    json_key(w, key);
    size_t before = w->out->n;
    if (!rollouts_list(l->store, &filter, write_rollout, w, err))
        return false;
    if (w->out->n == before)
        json_null(w);
    return true;
}

static void write_counts(const struct metrics_sums *s, struct json_writer *w) {
    json_field_int(w, "requests", (int64_t)s->requests);
    json_field_int(w, "errors", (int64_t)s->server_errors);
    json_field_int(w, "client_errors", (int64_t)s->client_errors);
    json_field_int(w, "fallbacks", (int64_t)s->fallbacks);
    admin_write_ms(w, "p50_ms", metrics_quantile(&s->total, 0.5));
    admin_write_ms(w, "p95_ms", metrics_quantile(&s->total, 0.95));
    json_key(w, "confidence");
    if (s->confidence_count)
        json_fixed(w, s->confidence_sum / (double)s->confidence_count, 4);
    else
        json_null(w);
    json_key(w, "decisions");
    json_object(w);
    for (int i = DECISION_ACCEPTED; i < DECISION_COUNT; i++)
        json_field_int(w, decision_name((enum decision)i), (int64_t)s->decisions[i]);
    json_object_end(w);
}

bool admin_write_line(const struct admin_look *l, const struct endpoint *e, struct metrics_sums *recent,
                      struct json_writer *w, struct error *err) {
    int64_t since = metrics_window_read(l->parts->window, e->metrics, recent);
    json_field_text(w, "name", e->config->name);
    json_field_text(w, "kind", endpoint_kind_name(e->config->kind));
    json_field_text(w, "description", e->config->description);
    json_field_text(w, "owner", e->config->owner);
    write_health(l, e, recent, w);
    write_serving(e, w);
    if (!write_running(l, e, "rollout", ROLLOUTS_SERVING, w, err) ||
        !write_running(l, e, "shadow", ROLLOUTS_SHADOWS, w, err))
        return false;
    json_field_fixed(w, "window_seconds", (double)(l->now - since) / 1e9, 3);
    write_counts(recent, w);
    json_field_int(w, "reviews_open", (int64_t)l->open[e - l->snapshot->endpoints]);
    return true;
}

static void write_server(const struct admin_look *l, struct json_writer *w) {
    char time[CLOCK_TEXT_SIZE];
    int64_t started = metrics_started(l->parts->metrics);
    const struct recorder_state *r = &l->recorder;
    clock_format(started, time);
    json_key(w, "server");
    json_object(w);
    json_field_text(w, "version", metrics_version(l->parts->metrics));
    json_field_text(w, "started", time);
    json_field_int(w, "uptime_seconds", (clock_wall() - started) / NS_PER_SECOND);
    json_field_bool(w, "authentication", l->snapshot->config->auth.required);
    json_key(w, "recorder");
    json_object(w);
    json_field_bool(w, "healthy", r->healthy);
    json_field_int(w, "committed", (int64_t)r->committed);
    json_field_int(w, "failed_commits", (int64_t)r->failed_commits);
    json_field_int(w, "queued", (int64_t)r->queued);
    json_field_fixed(w, "lag_ms", (double)r->lag_us / 1000, 3);
    json_object_end(w);
    json_field_int(w, "reviews_open", (int64_t)r->review_depth);
    json_object_end(w);
}

static bool write_overview(const struct admin_look *l, struct json_writer *w, struct error *err) {
    struct metrics_sums recent;
    json_object(w);
    write_server(l, w);
    json_key(w, "data");
    json_array(w);
    for (size_t i = 0; i < l->snapshot->endpoint_count; i++) {
        json_object(w);
        if (!admin_write_line(l, &l->snapshot->endpoints[i], &recent, w, err))
            return false;
        json_object_end(w);
    }
    json_array_end(w);
    json_field_bool(w, "has_more", false);
    json_object_end(w);
    return true;
}

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct admin_look look;
    if (!admin_look_begin(&look, job, store, err))
        return false;
    bool good = write_overview(&look, &JSON_WRITER(out), err);
    admin_look_end(&look);
    return good;
}

void admin_overview(struct call *c) {
    call_submit(c, &(struct api_job){.work = work});
}
