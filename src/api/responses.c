/* GET and DELETE /v1/responses/{id}, GET /v1/responses/{id}/input_items: answers that are kept for later
 * requests. Each client sees its own. */
#include "api/jobs.h"
#include "base/clock.h"
#include "store/responses.h"

static struct str tenant_of(const struct call *c) {
    return c->client ? str_from(c->client->name) : STR("");
}

/* These name the ID in the path, not a field. */
static bool by_path(bool good, struct error *err) {
    if (!good)
        err->param[0] = '\0';
    return good;
}

static bool show(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return by_path(responses_show(store, job->tenant, job->id, clock_wall(), out, err), err);
}

static bool show_input(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    AUTO_BUF items = BUF_INIT(RESPONSES_BYTES_MAX);
    if (!by_path(responses_show_input(store, job->tenant, job->id, clock_wall(), &items, err), err))
        return false;
    json_object(&w);
    json_field_text(&w, "object", "list");
    json_key(&w, "data");
    json_raw(&w, buf_str(&items));
    json_field_bool(&w, "has_more", false);
    json_object_end(&w);
    return true;
}

static bool delete (struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    if (!by_path(responses_delete(store, job->tenant, job->id, err), err))
        return false;
    json_object(&w);
    json_field_str(&w, "id", job->id);
    json_field_text(&w, "object", "response");
    json_field_bool(&w, "deleted", true);
    json_object_end(&w);
    return true;
}

void response_show(struct call *c) {
    call_submit(c,
                &(struct api_job){.work = show, .id = c->argument, .tenant = tenant_of(c), .writes = true});
}

void response_input(struct call *c) {
    call_submit(
        c, &(struct api_job){.work = show_input, .id = c->argument, .tenant = tenant_of(c), .writes = true});
}

void response_delete(struct call *c) {
    call_submit(c,
                &(struct api_job){.work = delete, .id = c->argument, .tenant = tenant_of(c), .writes = true});
}
