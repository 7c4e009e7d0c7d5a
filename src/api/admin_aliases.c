/* GET and POST /v1/admin/aliases, DELETE /v1/admin/aliases/{model@alias} */
#include "api/jobs.h"
#include "store/aliases.h"
#include "store/object_json.h"
#include "store/registry.h"

enum { IN_MODEL, IN_ENDPOINT, IN_ALIAS, IN_VERSION, IN_WHY, IN_COUNT, WHY_SIZE = 401, ACTOR_SIZE = 65 };

/* Names as they came, checked. */
struct named {
    char model[MODEL_NAME_MAX + 1], endpoint[REFERENCE_NAME_MAX + 1], alias[ALIAS_MAX + 1];
    char who[ACTOR_SIZE], why[WHY_SIZE];
};

static bool take_name(struct str text, const char *what, char to[REFERENCE_NAME_MAX + 1], struct error *err) {
    if (text.n && !reference_check_name(text, what, err)) {
        err->code = ERR_INVALID_FIELD;
        return false;
    }
    str_put(text, to, REFERENCE_NAME_MAX + 1);
    return true;
}

static void add(const struct alias *a, void *ctx) {
    struct job_list *l = ctx;
    char name[REFERENCE_NAME_MAX + ALIAS_MAX + REFERENCE_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s@%s%s%s", a->model, a->name, *a->endpoint ? "@" : "", a->endpoint);
    if (job_list_wants(l, name, 0))
        alias_write(a, &l->w);
}

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct named n;
    struct job_list l;
    if (!take_name(job->texts[IN_MODEL], "model", n.model, err) ||
        !take_name(job->texts[IN_ENDPOINT], "endpoint", n.endpoint, err))
        return false;
    const struct alias_filter filter = {n.model, n.endpoint};
    job_list_begin(&l, job, out);
    if (!aliases_list(store, &filter, add, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_aliases(struct call *c) {
    static const char *const names[] = {"model", "endpoint", "after"};
    struct str values[ARRAY_COUNT(names)];
    struct api_job job = {.work = list_work, .limit = 100};
    if (!call_limit(c, 1000, &job.limit) || !call_query(c, names, values, ARRAY_COUNT(names)))
        return;
    job.texts[IN_MODEL] = values[0];
    job.texts[IN_ENDPOINT] = values[1];
    job.after = values[2];
    call_submit(c, &job);
}

/* ---- setting and taking away ---- */

static bool read_names(const struct api_job *job, struct named *n, struct error *err) {
    if (!alias_is_name(job->texts[IN_ALIAS]))
        return fail_at(err, ERR_INVALID_FIELD, "alias",
                       "An alias is 1 to %d small letters, digits, - and _, a letter first.", ALIAS_MAX);
    str_put(job->texts[IN_ALIAS], n->alias, sizeof n->alias);
    str_put(job->actor, n->who, sizeof n->who);
    return take_name(job->texts[IN_ENDPOINT], "endpoint", n->endpoint, err) &&
           job_text(job->texts[IN_WHY], "why", n->why, sizeof n->why, err);
}

/* A mistyped one shall not be set. */
static bool is_served(const struct api_job *job, const struct named *n, struct error *err) {
    return !*n->endpoint || snapshot_endpoint(job->snapshot, str_from(n->endpoint)) ||
           fail_at(err, ERR_NOT_FOUND, "endpoint", "There is no endpoint \"%.80s\".", n->endpoint);
}

struct set {
    const struct alias *wanted;
    struct json_writer w;
};

static void write_set(const struct alias *a, void *ctx) {
    struct set *s = ctx;
    if (strcmp(a->name, s->wanted->name) == 0 && strcmp(a->endpoint, s->wanted->endpoint) == 0)
        alias_write(a, &s->w);
}

static bool set_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct named n;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record r;
    if (!read_names(job, &n, err) || !is_served(job, &n, err))
        return false;
    if (!registry_parse_reference(job->texts[IN_VERSION], name, &version, err)) {
        err->code = ERR_INVALID_FIELD;
        return false;
    }
    if (!registry_find_at(store, *n.endpoint ? n.endpoint : NULL, name, version, &r, err))
        return false;
    const struct alias a = {.model = r.name, .name = n.alias, .endpoint = n.endpoint, .version = r.version};
    struct set set = {&a, JSON_WRITER(out)};
    bool good = aliases_set(store, &a, n.who, n.why, err) &&
                aliases_list(store, &(struct alias_filter){.model = r.name}, write_set, &set, err);
    version_record_clear(&r);
    return good;
}

void admin_alias_set(struct call *c) {
    static const char *const names[] = {
        [IN_ENDPOINT] = "endpoint", [IN_ALIAS] = "alias", [IN_VERSION] = "version", [IN_WHY] = "why"};
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    struct api_job job = {.work = set_work, .writes = true, .actor = call_actor(c)};
    bool good = doc != NULL;
    for (size_t i = IN_ENDPOINT; good && i < IN_COUNT; i++) {
        yyjson_val *value = yyjson_obj_get(yyjson_doc_get_root(doc), names[i]);
        job.texts[i] = json_str_of(value);
        if (value && !yyjson_is_null(value) && !yyjson_is_str(value))
            good = fail_at(&err, ERR_INVALID_FIELD, names[i], "\"%s\" is text.", names[i]);
        else if ((i == IN_ALIAS || i == IN_VERSION) && job.texts[i].n == 0)
            good =
                fail_at(&err, ERR_MISSING_FIELD, names[i],
                        "Send {\"alias\": \"stable\", \"version\": \"NAME@VERSION\", \"endpoint\"?: \"…\"}.");
    }
    if (good)
        call_submit(c, &job); /* copies the texts */
    else
        call_fail(c, &err);
    yyjson_doc_free(doc);
}

static bool remove_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct named n;
    bool there;
    if (!job->texts[IN_MODEL].n)
        return fail_at(err, ERR_INVALID_FIELD, "reference", "Expected MODEL@ALIAS.");
    if (!read_names(job, &n, err) || !take_name(job->texts[IN_MODEL], "model", n.model, err))
        return false;
    const struct alias a = {.model = n.model, .name = n.alias, .endpoint = n.endpoint};
    if (!aliases_there(store, &a, &there, err))
        return false;
    if (!there)
        return fail(err, ERR_NOT_FOUND, "The model \"%s\" has no alias \"%s\"%s%s.", n.model, n.alias,
                    *n.endpoint ? " at " : "", n.endpoint);
    if (!aliases_set(store, &a, n.who, n.why, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "model", n.model);
    json_field_text(&w, "alias", n.alias);
    json_field_text(&w, "endpoint", *n.endpoint ? n.endpoint : NULL);
    json_field_bool(&w, "removed", true);
    json_object_end(&w);
    return true;
}

void admin_alias_remove(struct call *c) {
    static const char *const names[] = {"endpoint", "why"};
    struct str values[ARRAY_COUNT(names)], alias = c->argument, model = str_split(&alias, '@');
    struct api_job job = {.work = remove_work, .writes = true, .actor = call_actor(c)};
    if (!call_query(c, names, values, ARRAY_COUNT(names)))
        return;
    job.texts[IN_MODEL] = model;
    job.texts[IN_ALIAS] = alias;
    job.texts[IN_ENDPOINT] = values[0];
    job.texts[IN_WHY] = values[1];
    call_submit(c, &job);
}
