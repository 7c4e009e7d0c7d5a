/* GET and POST /v1/admin/forgets, GET /v1/admin/forgets/{id} */
#include "watch/forget.h"

#include "api/jobs.h"

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return forget_show(store, job->id, out, err);
}

void forgets_list(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = STR("")});
}

void forget_show_one(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument});
}

static bool ask_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct forget_wish wish = {
        .subject = job->id, .client = job->tenant, .who = job->reviewer, .why = job->label};
    return forget_ask(store, &wish, out, err);
}

static bool read_text(yyjson_val *root, const char *name, struct str *out, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, name);
    *out = json_str_of(value);
    return !value || yyjson_is_str(value) || fail_at(err, ERR_INVALID_FIELD, name, "\"%s\" is a text.", name);
}

void forget_create(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct api_job job = {
        .work = ask_work, .writes = true, .reviewer = c->client ? str_from(c->client->name) : STR("local")};
    if (doc && read_text(root, "subject", &job.id, &err) && read_text(root, "client", &job.tenant, &err) &&
        read_text(root, "why", &job.label, &err))
        call_submit(c, &job); /* copies the texts */
    else
        call_fail(c, &err);
    yyjson_doc_free(doc);
}
