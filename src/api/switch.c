/* GET and POST /v1/admin/endpoints/{name}/switch {"to": "people"|"fallback"|"auto", "reason": …} */
#include "api/jobs.h"
#include "base/clock.h"
#include "store/endpoint_states.h"

#include <string.h>

/* Of api_job.texts. */
enum { REASON };

static void write_state(const char *endpoint, const struct endpoint_state *state, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    char at[CLOCK_TEXT_SIZE];
    bool set = state->value[0] != '\0';
    clock_format(state->at, at);
    json_object(&w);
    json_field_text(&w, "endpoint", endpoint);
    json_field_text(&w, "to", set ? state->value : "auto");
    json_field_text(&w, "since", set ? at : NULL);
    json_field_text(&w, "by", set ? state->who : NULL);
    json_field_text(&w, "reason", set ? state->why : NULL);
    json_object_end(&w);
}

/* The endpoint's name as the configuration has it, which lives as long as the job. */
static const struct endpoint *find(const struct api_job *job, struct error *err) {
    const struct endpoint *e = snapshot_endpoint(job->snapshot, job->id);
    if (!e)
        fail(err, ERR_NOT_FOUND, "There is no endpoint \"%.*s\"; GET /v1/endpoints lists them.",
             STR_ARG(str_slice(job->id, 0, 80)));
    return e;
}

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct endpoint_state state;
    const struct endpoint *e = find(job, err);
    if (!e || !endpoint_state_get(store, e->config->name, ENDPOINT_SWITCH, &state, err))
        return false;
    write_state(e->config->name, &state, out);
    return true;
}

void switch_show(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument});
}

static bool is_possible(const struct endpoint *e, struct str to, struct error *err) {
    if (str_eq(to, STR("auto")))
        return true;
    if (str_eq(to, STR("people")))
        return e->config->kind != ENDPOINT_EMBED ||
               fail(err, ERR_CONFLICT, "Endpoint \"%s\" makes embeddings, which no person can judge.",
                    e->config->name);
    if (str_eq(to, STR("fallback")))
        return e->step_count > 0 ||
               fail(err, ERR_CONFLICT, "Endpoint \"%s\" has no fallbacks to switch to.", e->config->name);
    return fail_at(err, ERR_INVALID_FIELD, "to", "\"to\" is \"people\", \"fallback\" or \"auto\".");
}

static bool set_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    const struct endpoint *e = find(job, err);
    struct endpoint_state room;
    char who[sizeof room.who];
    if (!e || !is_possible(e, job->status, err))
        return false;
    if (job->texts[REASON].n == 0 || job->texts[REASON].n >= sizeof room.why)
        return fail_at(err, ERR_MISSING_FIELD, "reason",
                       "Say why, in \"reason\": at most %zu bytes; it goes into the history.",
                       sizeof room.why - 1);
    str_put(job->reviewer, who, sizeof who);
    char to[16], why[sizeof room.why];
    str_put(job->status, to, sizeof to);
    str_put(job->texts[REASON], why, sizeof why);
    return endpoint_state_set(store, e->config->name, ENDPOINT_SWITCH, to, who, why, err) &&
           show_work(job, store, out, err);
}

void switch_set(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct api_job job = {.work = set_work,
                          .writes = true,
                          .id = c->argument,
                          .reviewer = c->client ? str_from(c->client->name) : STR("local"),
                          .status = json_str_of(yyjson_obj_get(root, "to"))};
    job.texts[REASON] = json_str_of(yyjson_obj_get(root, "reason"));
    if (doc)
        call_submit(c, &job); /* copies the texts */
    else
        call_fail(c, &err);
    yyjson_doc_free(doc);
}
