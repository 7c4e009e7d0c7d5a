/* GET /v1/admin/endpoints/{name}/versions, …/{version}, …/{version}/diff: how an endpoint was configured.
 * Also of endpoints that are no more. */
#include "api/jobs.h"
#include "net/query.h"
#include "store/endpoint_diff.h"
#include "store/object_json.h"

#include <stdlib.h>

enum { IN_FROM };

static void add(const struct endpoint_version *v, void *ctx) {
    struct job_list *l = ctx;
    if (!job_list_wants(l, v->endpoint, v->version))
        return;
    json_object(&l->w);
    endpoint_version_fields(v, &l->w);
    json_object_end(&l->w);
}

static bool name_of(const struct api_job *job, char endpoint[REFERENCE_NAME_MAX + 1], struct error *err) {
    if (!reference_check_name(job->endpoint, "endpoint", err)) {
        err->code = ERR_NOT_FOUND;
        return false;
    }
    str_put(job->endpoint, endpoint, REFERENCE_NAME_MAX + 1);
    return true;
}

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[REFERENCE_NAME_MAX + 1];
    struct job_list l;
    if (!name_of(job, endpoint, err))
        return false;
    job_list_begin(&l, job, out);
    if (!endpoint_versions_list(store, endpoint, add, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

/* The first "*" of the path. */
static bool endpoint_in(struct call *c, struct str *out) {
    struct str rest = str_slice(c->x->path, strlen("/v1/admin/endpoints/"), c->x->path.n);
    struct error err;
    if (percent_decode(str_split(&rest, '/'), false, c->x->arena, out, &err))
        return true;
    call_fail(c, &err);
    return false;
}

void admin_endpoint_versions(struct call *c) {
    static const char *const names[] = {"after"};
    struct api_job job = {.work = list_work, .limit = 100, .endpoint = c->argument};
    if (call_limit(c, 1000, &job.limit) && call_query(c, names, &job.after, 1))
        call_submit(c, &job);
}

/* ---- one ---- */

/* A version with its body; cleared by its owner. */
struct kept {
    struct endpoint_version version;
    char *body;
};

static void keep(const struct endpoint_version *v, void *ctx) {
    struct kept *k = ctx;
    k->version = *v;
    k->body = str_dup(str_from(v->body));
}

/* "3", or "newest". */
static bool find(struct store *store, const char *endpoint, struct str number, struct kept *out,
                 struct error *err) {
    uint64_t version = 0;
    bool found;
    *out = (struct kept){.body = NULL};
    if (!str_eq(number, STR("newest")) &&
        (!str_to_u64(number, &version) || version < 1 || version > INT32_MAX))
        return fail(err, ERR_NOT_FOUND, "\"%.*s\" is no version; expected a number, or newest.",
                    STR_ARG(str_slice(number, 0, 40)));
    if (!endpoint_versions_find(store, endpoint, (unsigned)version, &found, keep, out, err))
        return false;
    if (!found)
        return fail(err, ERR_NOT_FOUND, "No server has taken up a configuration %.*s of \"%.80s\".",
                    STR_ARG(str_slice(number, 0, 40)), endpoint);
    out->version.endpoint = endpoint;
    return out->body || fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
}

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[REFERENCE_NAME_MAX + 1];
    struct kept k;
    struct json_writer w = JSON_WRITER(out);
    if (!name_of(job, endpoint, err) || !find(store, endpoint, job->id, &k, err))
        return false;
    json_object(&w);
    endpoint_version_fields(&k.version, &w);
    json_key(&w, "configuration");
    json_raw(&w, str_from(k.body));
    json_object_end(&w);
    free(k.body);
    return true;
}

static void submit_one(struct call *c, struct api_job *job) {
    job->id = c->argument;
    if (endpoint_in(c, &job->endpoint))
        call_submit(c, job);
}

void admin_endpoint_version(struct call *c) {
    submit_one(c, &(struct api_job){.work = show_work});
}

/* ---- what differs ---- */

static void add_difference(const char *option, yyjson_val *before, yyjson_val *after, void *ctx) {
    endpoint_difference_write(option, before, after, ctx);
}

static bool write_difference(const struct kept *from, const struct kept *to, struct buf *out,
                             struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "endpoint", to->version.endpoint);
    json_field_int(&w, "from", from->version.version);
    json_field_int(&w, "to", to->version.version);
    json_key(&w, "data");
    json_array(&w);
    bool good = endpoint_diff(str_from(from->body), str_from(to->body), add_difference, &w, err);
    json_array_end(&w);
    json_field_bool(&w, "has_more", false);
    json_object_end(&w);
    return good;
}

/* Without `from`: from the one before. */
static bool diff_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[REFERENCE_NAME_MAX + 1], before[24];
    struct kept from = {.body = NULL}, to = {.body = NULL};
    struct str wanted = job->texts[IN_FROM];
    bool good = name_of(job, endpoint, err) && find(store, endpoint, job->id, &to, err);
    if (good && !wanted.n) {
        snprintf(before, sizeof before, "%u", to.version.version > 1 ? to.version.version - 1 : 1);
        wanted = str_from(before);
    }
    good = good && find(store, endpoint, wanted, &from, err) && write_difference(&from, &to, out, err);
    free(from.body);
    free(to.body);
    return good;
}

void admin_endpoint_version_diff(struct call *c) {
    static const char *const names[] = {"from"};
    struct api_job job = {.work = diff_work};
    if (call_query(c, names, &job.texts[IN_FROM], 1))
        submit_one(c, &job);
}
