/* GET /v1/admin/rollouts, GET /v1/admin/rollouts/{id} */
#include "api/jobs.h"
#include "pipeline/rollout_json.h"

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
    bool good = rollout_write_evidence(store, &one.r, &w, err);
    json_object_end(&w);
    return good;
}

void admin_rollout(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument});
}
