/* GET /v1/admin/incidents, /incidents/{id}, /incidents/{id}/export; POST /incidents/{id}/acknowledge,
 * /escalate, /resolve, /comment */
#include "api/jobs.h"
#include "watch/alerts/incident_report.h"

#include <string.h>

enum { LISTED = 100, LISTED_MAX = 1000 };

struct listing {
    struct json_writer w;
    unsigned wanted, count;
};

static void add(const struct incident_record *i, void *ctx) {
    struct listing *l = ctx;
    if (l->count++ < l->wanted)
        incident_record_json(i, &l->w);
}

static bool list(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct listing l = {.w = JSON_WRITER(out), .wanted = job->limit};
    struct incident_filter filter = {.endpoint = job->endpoint.n ? job->endpoint : (struct str){0},
                                     .open = !str_eq(job->status, STR("all")),
                                     .limit = job->limit + 1};
    json_object(&l.w);
    json_key(&l.w, "data");
    json_array(&l.w);
    bool good = incidents_list(store, &filter, add, &l, err);
    json_array_end(&l.w);
    json_field_bool(&l.w, "has_more", l.count > l.wanted);
    json_object_end(&l.w);
    return good;
}

void admin_incidents(struct call *c) {
    static const char *const names[] = {"endpoint", "state"};
    struct str values[ARRAY_COUNT(names)];
    struct api_job job = {.work = list, .limit = LISTED};
    struct error err;
    if (!call_query(c, names, values, ARRAY_COUNT(names)) || !call_limit(c, LISTED_MAX, &job.limit))
        return;
    if (values[1].p && !str_eq(values[1], STR("open")) && !str_eq(values[1], STR("all"))) {
        fail_at(&err, ERR_INVALID_FIELD, "state", "\"state\" is \"%.*s\"; expected open or all.",
                STR_ARG(str_slice(values[1], 0, 40)));
        call_fail(c, &err);
        return;
    }
    job.endpoint = values[0];
    job.status = values[1];
    call_submit(c, &job);
}

static bool find(struct store *store, struct str id, struct incident_record *out, struct error *err) {
    bool found;
    return incidents_find(store, id, &found, out, err) &&
           (found ||
            fail(err, ERR_NOT_FOUND, "There is no incident \"%.*s\".", STR_ARG(str_slice(id, 0, 40))));
}

static bool show(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct incident_record i;
    return find(store, job->id, &i, err) && incident_report_json(store, &i, out, err);
}

void admin_incident(struct call *c) {
    call_submit(c, &(struct api_job){.work = show, .id = c->argument});
}

/* The Markdown in JSON, so that no page of this server is ever made of what others wrote. */
static bool export(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    AUTO_BUF text = BUF_INIT(16 << 20);
    struct incident_record i;
    if (!find(store, job->id, &i, err) || !incident_report_markdown(store, &i, &text, err))
        return false;
    if (text.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the report.");
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "id", i.id);
    json_field_str(&w, "markdown", buf_str(&text));
    json_object_end(&w);
    return true;
}

void admin_incident_export(struct call *c) {
    call_submit(c, &(struct api_job){.work = export, .id = c->argument});
}

/* ---- what people do ---- */

typedef bool act(struct store *s, struct str id, const char *who, const char *why,
                 struct incident_record *out, struct error *err);

static bool run(struct api_job *job, struct store *store, act *how, struct buf *out, struct error *err) {
    char who[ALERT_NAME_SIZE], why[ALERT_TEXT_SIZE];
    struct json_writer w = JSON_WRITER(out);
    struct incident_record i;
    str_put(job->reviewer, who, sizeof who);
    str_put(job->label, why, sizeof why);
    if (!how(store, job->id, who, why, &i, err))
        return false;
    incident_record_json(&i, &w);
    return true;
}

static bool acknowledge(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return run(job, store, incident_acknowledge, out, err);
}

static bool escalate(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return run(job, store, incident_escalate, out, err);
}

static bool resolve(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return run(job, store, incident_resolve, out, err);
}

static bool comment(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return run(job, store, incident_comment, out, err);
}

static void submit(struct call *c, bool needs_why,
                   bool (*work)(struct api_job *, struct store *, struct buf *, struct error *)) {
    struct error err;
    yyjson_doc *doc = c->x->body.n ? json_parse(c->x->body, &err) : NULL;
    struct str why = doc ? json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "why")) : STR("");
    if (c->x->body.n && !doc)
        call_fail(c, &err);
    else if ((needs_why && why.n == 0) || why.n >= ALERT_TEXT_SIZE) {
        fail_at(&err, ERR_MISSING_FIELD, "why", "Send {\"why\": \"…\"}: 1 to %d bytes of text.",
                ALERT_TEXT_SIZE - 1);
        call_fail(c, &err);
    } else {
        call_submit(c, &(struct api_job){.work = work,
                                         .writes = true,
                                         .id = c->argument,
                                         .label = why,
                                         .reviewer = call_actor(c)}); /* copies the texts */
    }
    yyjson_doc_free(doc);
}

void admin_incident_acknowledge(struct call *c) {
    submit(c, false, acknowledge);
}

void admin_incident_escalate(struct call *c) {
    submit(c, true, escalate);
}

void admin_incident_resolve(struct call *c) {
    submit(c, true, resolve);
}

void admin_incident_comment(struct call *c) {
    submit(c, true, comment);
}
