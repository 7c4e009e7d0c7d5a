/* GET /v1/models, /v1/models/{name}: the endpoints that OpenAI's and Anthropic's clients can name as `model`
 */
#include "api/routes.h"

static void write_model(const struct call *c, const struct endpoint *e, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", e->config->name);
    json_field_text(w, "object", "model");
    json_field_text(w, "type", "model");
    json_field_text(w, "display_name", e->config->description ? e->config->description : e->config->name);
    json_field_int(w, "created", 0);
    json_field_text(w, "owned_by", e->config->owner ? e->config->owner : "penstock");
    json_object_end(w);
}

static bool is_model(const struct endpoint *e) {
    return e->config->kind != ENDPOINT_CLASSIFY;
}

void models_list(struct call *c) {
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "object", "list");
    json_key(&w, "data");
    json_array(&w);
    for (size_t i = 0; i < c->snapshot->endpoint_count; i++)
        if (is_model(&c->snapshot->endpoints[i]))
            write_model(c, &c->snapshot->endpoints[i], &w);
    json_array_end(&w);
    json_field_bool(&w, "has_more", false);
    json_object_end(&w);
    call_reply_json(c, 200, buf_str(out));
}

void model_show(struct call *c) {
    const struct endpoint *e = snapshot_endpoint(c->snapshot, c->argument);
    struct error err;
    if (!e || !is_model(e)) {
        fail_at(&err, ERR_NOT_FOUND, "model", "There is no endpoint \"%.*s\" for chats or embeddings.",
                STR_ARG(str_slice(c->argument, 0, 80)));
        call_fail(c, &err);
        return;
    }
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    write_model(c, e, &JSON_WRITER(out));
    call_reply_json(c, 200, buf_str(out));
}
