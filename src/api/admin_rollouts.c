/* GET and POST /v1/admin/rollouts, GET /v1/admin/rollouts/{id}, POST
 * /v1/admin/endpoints/{name}/promote|rollback|stop_shadow */
#include "api/jobs.h"
#include "config/values.h"
#include "pipeline/deploy.h"
#include "pipeline/rollout_json.h"

#include <stdlib.h>

enum { LIST_STANDARD = 50, LIST_MAX = 1000, LOOKED_AT = 10000 };

static void add_rollout(const struct rollout_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (job_list_wants(l, r->id, 0))
        rollout_write(r, &l->w);
}

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[ROLLOUT_NAME_MAX + 1];
    struct rollout_filter filter = {.limit = LOOKED_AT};
    struct job_list l;
    if (!job_text(job->endpoint, "endpoint", endpoint, sizeof endpoint, err))
        return false;
    filter.endpoint = endpoint[0] ? endpoint : NULL;
    job_list_begin(&l, job, out);
    if (!rollouts_list(store, &filter, add_rollout, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_rollouts(struct call *c) {
    static const char *const names[] = {"endpoint", "after"};
    struct str values[ARRAY_COUNT(names)];
    struct api_job job = {.work = list_work, .limit = LIST_STANDARD};
    if (!call_limit(c, LIST_MAX, &job.limit) || !call_query(c, names, values, ARRAY_COUNT(names)))
        return;
    job.endpoint = values[0];
    job.after = values[1];
    call_submit(c, &job);
}

struct one {
    struct rollout_record r;
    bool found;
};

static void take_one(const struct rollout_record *r, void *ctx) {
    struct one *one = ctx;
    one->r = *r;
    one->found = true;
}

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char id[ROLLOUT_NAME_MAX + 1];
    struct one one = {.found = false};
    if (!job_text(job->id, "id", id, sizeof id, err) ||
        !rollouts_list(store, &(struct rollout_filter){.id = id, .limit = 1}, take_one, &one, err))
        return false;
    if (!one.found)
        return fail(err, ERR_NOT_FOUND, "There is no rollout \"%.60s\".", id);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    rollout_write_fields(&one.r, &w);
    bool good = rollout_write_evidence(store, job->parts->arms, &one.r, &w, err);
    json_object_end(&w);
    return good;
}

void admin_rollout(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument});
}

/* ---- beginning one ---- */

struct wished {
    struct rollout_record r;
    char by[CLIENT_NAME_MAX + 1], override[2 * ROLLOUT_NAME_MAX + 1];
};

enum { TEXT_SIZE = 2 * ROLLOUT_NAME_MAX + 1, TEXTS = 11 };

/* A member of the body, copied into its place; *to stays NULL where there is none. */
static bool take_text(yyjson_val *root, const char *name, char room[TEXT_SIZE], const char **to,
                      struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, name);
    if (!value || yyjson_is_null(value))
        return true;
    if (!yyjson_is_str(value))
        return fail_at(err, ERR_INVALID_FIELD, name, "\"%s\" is text.", name);
    *to = room;
    return job_text(json_str_of(value), name, room, TEXT_SIZE, err);
}

static bool take_time(const char *text, const char *name, int64_t *out, struct error *err) {
    return !text || (value_duration(str_from(text), out) && *out > 0) ||
           fail_at(err, ERR_INVALID_FIELD, name,
                   "\"%s\" is \"%.40s\"; expected a duration, such as 30s or 10m.", name, text);
}

static bool take_numbers(yyjson_val *root, struct deploy_wish *wish, const char *kind, const char *pause,
                         const char *limit, struct error *err) {
    yyjson_val *least = yyjson_obj_get(root, "least");
    wish->least = yyjson_get_uint(least);
    if (least && (!yyjson_is_uint(least) || wish->least < 1 || wish->least > 1000000000))
        return fail_at(err, ERR_INVALID_FIELD, "least", "\"least\" is a number of requests.");
    if (kind && !rollout_kind_parse(str_from(kind), &wish->kind))
        return fail_at(err, ERR_INVALID_FIELD, "kind", "\"kind\" is canary, ab, blue-green or shadow.");
    if (wish->segment && str_starts(str_from(wish->segment), STR("rule=")))
        return fail_at(err, ERR_INVALID_FIELD, "segment",
                       "A rule is a file of the server's machine: begin this one with \"penstock deploy\".");
    return take_time(pause, "pause", &wish->pause, err) && take_time(limit, "limit", &wish->limit, err);
}

static bool prepare(struct api_job *job, yyjson_val *root, struct store *store, struct error *err) {
    static const char *const names[TEXTS] = {"endpoint", "candidate", "kind",     "pause",  "limit",  "steps",
                                             "segment",  "why",       "override", "mirror", "per_day"};
    char rooms[TEXTS][TEXT_SIZE];
    const char *t[TEXTS] = {NULL};
    struct wished *made = job->made;
    struct deploy_wish wish = {.by = made->by};
    str_put(job->actor, made->by, sizeof made->by);
    for (size_t i = 0; i < TEXTS; i++)
        if (!take_text(root, names[i], rooms[i], &t[i], err))
            return false;
    for (size_t i = 0; i < 2; i++)
        if (!t[i] || !*t[i])
            return fail_at(err, ERR_MISSING_FIELD, names[i],
                           "Send {\"endpoint\": \"…\", \"candidate\": \"NAME@VERSION\", \"why\": \"…\"}.");
    wish.steps = t[5];
    wish.segment = t[6];
    wish.why = t[7];
    wish.override = t[8];
    wish.shadow.mirror = t[9];
    wish.shadow.per_day = t[10];
    const struct config *config = job->snapshot->config;
    const struct config_endpoint *e = config_endpoint_named(config, str_from(t[0]));
    if (!e)
        return fail_at(err, ERR_NOT_FOUND, "endpoint", "There is no endpoint \"%.80s\".", t[0]);
    str_put(str_from(t[8]), made->override, sizeof made->override);
    return take_numbers(root, &wish, t[2], t[3], t[4], err) &&
           deploy_prepare(&wish, store, config, e, t[1], &made->r, err);
}

static bool prepare_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    yyjson_doc *doc = json_parse(job->label, err);
    if (!doc)
        return false;
    job->made = calloc(1, sizeof(struct wished));
    bool good = job->made ? prepare(job, yyjson_doc_get_root(doc), store, err)
                          : fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    yyjson_doc_free(doc);
    return good;
}

static bool start_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct wished *made = job->made;
    struct deploy_wish wish = {.by = made->by, .override = made->override[0] ? made->override : NULL};
    if (!deploy_start(&wish, store, &made->r, err))
        return false;
    rollout_write(&made->r, &JSON_WRITER(out));
    return true;
}

void admin_rollout_create(struct call *c) {
    call_submit(c,
                &(struct api_job){
                    .work = prepare_work, .then = start_work, .label = c->x->body, .actor = call_actor(c)});
}

/* ---- ending one ---- */

enum { END_PROMOTE, END_BACK, END_SHADOW };

static bool end_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[ROLLOUT_NAME_MAX + 1], by[CLIENT_NAME_MAX + 1], why[TEXT_SIZE];
    struct rollout_record r;
    if (!job_text(job->id, "name", endpoint, sizeof endpoint, err) ||
        !job_text(job->actor, "client", by, sizeof by, err) ||
        !job_text(job->label, "why", why, sizeof why, err))
        return false;
    struct rollout_ending ending = {
        .by = by, .why = why, .to = job->limit == END_PROMOTE ? ROLLOUT_PROMOTED : ROLLOUT_ROLLED_BACK};
    if (!(job->limit == END_SHADOW ? rollout_stop_shadow(store, endpoint, by, why, &r, err)
                                   : rollout_end(store, endpoint, &ending, &r, err)))
        return false;
    rollout_write(&r, &JSON_WRITER(out));
    return true;
}

static void submit_end(struct call *c, unsigned how) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    struct str why = json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "why"));
    if (doc && why.n)
        call_submit(c, &(struct api_job){.work = end_work,
                                         .writes = true,
                                         .id = c->argument,
                                         .label = why,
                                         .limit = how,
                                         .actor = call_actor(c)});
    else {
        if (doc)
            fail_at(&err, ERR_MISSING_FIELD, "why", "Send {\"why\": \"…\"}: it stands in the history.");
        call_fail(c, &err);
    }
    yyjson_doc_free(doc);
}

void admin_promote(struct call *c) {
    submit_end(c, END_PROMOTE);
}

void admin_rollback(struct call *c) {
    submit_end(c, END_BACK);
}

void admin_shadow_stop(struct call *c) {
    submit_end(c, END_SHADOW);
}
