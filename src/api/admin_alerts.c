/* GET /v1/admin/alerts, /alerts/messages, /alerts/silences; POST /alerts/silences, /alerts/test; DELETE
 * /alerts/silences/{id} */
#include "api/jobs.h"
#include "base/clock.h"
#include "config/values.h"
#include "watch/alerts/alert_trial.h"
#include "watch/alerts/outbox.h"
#include "watch/alerts/silences.h"

#include <string.h>

enum { LISTED = 100, LISTED_MAX = 1000 };

/* Lists as {"data": […], "has_more": …}: one more than wanted is asked for. */
struct listing {
    struct json_writer w;
    unsigned wanted, count;
};

static bool is_room(struct listing *l) {
    return l->count++ < l->wanted;
}

static void begin(struct listing *l, struct buf *out, unsigned wanted) {
    *l = (struct listing){.w = JSON_WRITER(out), .wanted = wanted};
    json_object(&l->w);
    json_key(&l->w, "data");
    json_array(&l->w);
}

static bool end(struct listing *l, bool good) {
    json_array_end(&l->w);
    json_field_bool(&l->w, "has_more", l->count > l->wanted);
    json_object_end(&l->w);
    return good;
}

/* ---- alerts ---- */

static void add_alert(const struct alert_record *a, void *ctx) {
    struct listing *l = ctx;
    if (is_room(l))
        alert_record_json(a, &l->w);
}

static bool list_alerts(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct alert_filter filter = {
        .endpoint = job->endpoint, .active = !str_eq(job->status, STR("all")), .limit = job->limit + 1};
    struct listing l;
    begin(&l, out, job->limit);
    return end(&l, alerts_list(store, &filter, add_alert, &l, err));
}

static bool is_state(struct call *c, struct str state) {
    struct error err;
    if (!state.p || str_eq(state, STR("active")) || str_eq(state, STR("all")))
        return true;
    fail_at(&err, ERR_INVALID_FIELD, "state", "\"state\" is \"%.*s\"; expected active or all.",
            STR_ARG(str_slice(state, 0, 40)));
    call_fail(c, &err);
    return false;
}

void admin_alerts(struct call *c) {
    static const char *const names[] = {"endpoint", "state"};
    struct str values[ARRAY_COUNT(names)];
    struct api_job job = {.work = list_alerts, .limit = LISTED};
    if (!call_query(c, names, values, ARRAY_COUNT(names)) || !call_limit(c, LISTED_MAX, &job.limit) ||
        !is_state(c, values[1]))
        return;
    job.endpoint = values[0];
    job.status = values[1];
    call_submit(c, &job);
}

/* ---- messages ---- */

static void add_message(const struct outbox_message *m, void *ctx) {
    struct listing *l = ctx;
    if (is_room(l))
        outbox_json(m, &l->w);
}

static bool list_messages(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct outbox_filter filter = {.incident = job->id, .limit = job->limit + 1};
    struct listing l;
    begin(&l, out, job->limit);
    return end(&l, outbox_list(store, &filter, add_message, &l, err));
}

void admin_alert_messages(struct call *c) {
    static const char *const names[] = {"incident"};
    struct api_job job = {.work = list_messages, .limit = LISTED};
    if (call_query(c, names, &job.id, 1) && call_limit(c, LISTED_MAX, &job.limit))
        call_submit(c, &job);
}

/* ---- silences ---- */

static void add_silence(const struct silence *silence, void *ctx) {
    struct listing *l = ctx;
    if (is_room(l))
        silence_json(silence, &l->w);
}

static bool list_silences(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct listing l;
    begin(&l, out, job->limit);
    return end(&l, silences_list(store, clock_wall(), str_eq(job->status, STR("all")), add_silence, &l, err));
}

void admin_silences(struct call *c) {
    static const char *const names[] = {"state"};
    struct api_job job = {.work = list_silences, .limit = LISTED_MAX};
    if (!call_query(c, names, &job.status, 1) || !is_state(c, job.status))
        return;
    call_submit(c, &job);
}

static bool read_time(yyjson_val *root, const char *key, int64_t *to, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, key);
    return !value || yyjson_is_null(value) || clock_parse(json_str_of(value), to) ||
           fail_at(err, ERR_INVALID_FIELD, key,
                   "\"%s\" is no time; expected one such as 2026-11-21T13:05:00Z.", key);
}

static bool read_text(yyjson_val *root, const char *key, char *to, size_t size, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, key);
    struct str text = json_str_of(value);
    if (value && !yyjson_is_null(value) && (!yyjson_is_str(value) || text.n >= size))
        return fail_at(err, ERR_INVALID_FIELD, key, "\"%s\" is a text of at most %zu bytes.", key, size - 1);
    str_put(text.p ? text : STR(""), to, size);
    return true;
}

/* From the body, which is the job's text 0: read again on the store's thread, where it is needed. */
static bool read_silence(struct str body, struct silence *out, struct error *err) {
    yyjson_doc *doc = json_parse(body, err);
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    *out = (struct silence){0};
    bool good = doc && (yyjson_is_obj(root) || fail(err, ERR_INVALID_JSON, "Expected a JSON object.")) &&
                read_text(root, "endpoint", out->endpoint, sizeof out->endpoint, err) &&
                read_text(root, "monitor", out->monitor, sizeof out->monitor, err) &&
                read_text(root, "part", out->part, sizeof out->part, err) &&
                read_text(root, "why", out->why, sizeof out->why, err) &&
                read_time(root, "from", &out->starts, err) && read_time(root, "until", &out->ends, err);
    yyjson_doc_free(doc);
    if (!good)
        return false;
    if (!out->ends || !out->why[0])
        return fail_at(err, ERR_MISSING_FIELD, out->ends ? "why" : "until",
                       "Say until when (\"until\") and why (\"why\").");
    return out->endpoint[0] || out->monitor[0] || out->part[0] ||
           fail_at(err, ERR_MISSING_FIELD, "endpoint",
                   "Say what it covers: \"endpoint\", \"monitor\", \"part\" or several of them.");
}

static bool add(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    struct silence silence;
    if (!read_silence(job->texts[0], &silence, err))
        return false;
    str_put(job->reviewer, silence.who, sizeof silence.who);
    if (!silence_add(store, &silence, err))
        return false;
    silence_json(&silence, &w);
    return true;
}

void admin_silence_add(struct call *c) {
    struct error err;
    struct silence silence;
    if (!read_silence(c->x->body, &silence, &err))
        call_fail(c, &err);
    else
        call_submit(c, &(struct api_job){
                           .work = add, .writes = true, .reviewer = call_actor(c), .texts = {c->x->body}});
}

static bool remove_one(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char who[ALERT_NAME_SIZE];
    str_put(job->reviewer, who, sizeof who);
    if (!silence_end(store, job->id, who, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "id", job->id);
    json_field_bool(&w, "ended", true);
    json_object_end(&w);
    return true;
}

void admin_silence_end(struct call *c) {
    call_submit(c, &(struct api_job){
                       .work = remove_one, .writes = true, .reviewer = call_actor(c), .id = c->argument});
}

/* ---- trying ---- */

static bool try(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    struct alert_trial trial;
    char who[ALERT_NAME_SIZE];
    str_put(job->reviewer, who, sizeof who);
    if (!alert_trial_add(store, job->snapshot->config, job->id, who, &trial, err))
        return false;
    json_object(&w);
    json_field_text(&w, "incident", trial.incident);
    json_field_int(&w, "messages", trial.messages);
    json_object_end(&w);
    return true;
}

void admin_alerts_test(struct call *c) {
    struct error err;
    yyjson_doc *doc = c->x->body.n ? json_parse(c->x->body, &err) : NULL;
    if (c->x->body.n && !doc) {
        call_fail(c, &err);
        return;
    }
    struct str receiver = doc ? json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "receiver")) : STR("");
    call_submit(c, &(struct api_job){
                       .work = try, .writes = true, .reviewer = call_actor(c), .id = receiver}); /* copied */
    yyjson_doc_free(doc);
}
