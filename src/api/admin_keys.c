/* GET and POST /v1/admin/keys, DELETE /v1/admin/keys/{id} */
#include "api/jobs.h"
#include "store/object_json.h"

#include <math.h>
#include <stdlib.h>

enum { IN_CLIENT, IN_ROLE };

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct key_record *keys;
    size_t count;
    struct job_list l;
    if (!key_list(store, &keys, &count, err))
        return false;
    job_list_begin(&l, job, out);
    for (size_t i = 0; i < count; i++)
        if (job_list_wants(&l, keys[i].id, 0))
            key_write(&keys[i], NULL, &l.w);
    job_list_end(&l);
    free(keys);
    return true;
}

void admin_keys(struct call *c) {
    static const char *const names[] = {"after"};
    struct api_job job = {.work = list_work, .limit = 100};
    if (call_limit(c, 1000, &job.limit) && call_query(c, names, &job.after, 1))
        call_submit(c, &job);
}

static bool create_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char client[CLIENT_NAME_MAX + 1], text[KEY_TEXT_SIZE];
    struct key_record key;
    enum role role;
    if (!job_text(job->texts[IN_CLIENT], "client", client, sizeof client, err))
        return false;
    if (!role_parse(job->texts[IN_ROLE], &role))
        return fail_at(err, ERR_INVALID_FIELD, "role", "\"role\" is client, reviewer or admin.");
    if (!key_create(store, client, role, job->score, job->limit, text, &key, err))
        return false;
    key_write(&key, text, &JSON_WRITER(out));
    return true;
}

static bool read_key(yyjson_val *root, struct api_job *job, struct error *err) {
    yyjson_val *rate = yyjson_obj_get(root, "rate"), *burst = yyjson_obj_get(root, "burst");
    job->texts[IN_CLIENT] = json_str_of(yyjson_obj_get(root, "client"));
    job->texts[IN_ROLE] = json_str_of(yyjson_obj_get(root, "role"));
    if (job->texts[IN_CLIENT].n == 0 || job->texts[IN_ROLE].n == 0)
        return fail_at(err, ERR_MISSING_FIELD, job->texts[IN_CLIENT].n ? "role" : "client",
                       "Send {\"client\": \"…\", \"role\": \"client|reviewer|admin\"}.");
    job->score = rate ? yyjson_get_num(rate) : 0;
    job->limit = (unsigned)yyjson_get_uint(burst);
    if (rate && (!yyjson_is_num(rate) || !(job->score > 0)))
        return fail_at(err, ERR_INVALID_FIELD, "rate", "\"rate\" is a number above 0: requests per second.");
    if (burst && (!yyjson_is_uint(burst) || yyjson_get_uint(burst) < 1 || yyjson_get_uint(burst) > INT32_MAX))
        return fail_at(err, ERR_INVALID_FIELD, "burst", "\"burst\" is a whole number above 0.");
    return true;
}

void admin_key_create(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    struct api_job job = {.work = create_work, .writes = true, .actor = call_actor(c)};
    if (doc && read_key(yyjson_doc_get_root(doc), &job, &err))
        call_submit(c, &job);
    else
        call_fail(c, &err);
    yyjson_doc_free(doc);
}

static bool revoke_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char id[KEY_ID_LENGTH + 1];
    if (job->id.n >= sizeof id)
        return fail(err, ERR_NOT_FOUND, "There is no key \"%.*s\".", STR_ARG(str_slice(job->id, 0, 40)));
    str_put(job->id, id, sizeof id);
    if (!key_revoke(store, id, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "id", id);
    json_field_bool(&w, "revoked", true);
    json_object_end(&w);
    return true;
}

void admin_key_revoke(struct call *c) {
    call_submit(
        c, &(struct api_job){.work = revoke_work, .writes = true, .id = c->argument, .actor = call_actor(c)});
}
