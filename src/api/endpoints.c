/* GET /v1/endpoints: what can be called, and what answers */
#include "api/routes.h"
#include "pipeline/upstream.h"

const char *endpoint_kind_name(enum endpoint_kind kind) {
    static const char *const names[] = {
        [ENDPOINT_CLASSIFY] = "classify", [ENDPOINT_CHAT] = "chat", [ENDPOINT_EMBED] = "embed"};
    return names[kind];
}

static void write_accepts(const struct endpoint *e, struct json_writer *w) {
    json_key(w, "accepts");
    json_array(w);
    if (e->config->accepts & ACCEPTS_TEXT)
        json_text(w, "text");
    if (e->config->accepts & ACCEPTS_FILE)
        json_text(w, "file");
    if (e->config->accepts & ACCEPTS_FEATURES)
        json_text(w, "features");
    json_array_end(w);
}

static void write_endpoint(const struct endpoint *e, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "name", e->config->name);
    json_field_text(w, "kind", endpoint_kind_name(e->config->kind));
    json_field_text(w, "description", e->config->description);
    json_field_text(w, "owner", e->config->owner);
    if (e->config->kind == ENDPOINT_CLASSIFY)
        write_accepts(e, w);
    json_key(w, "rollout");
    json_array(w);
    for (unsigned i = 0; i < e->share_count; i++) {
        json_object(w);
        const struct share *share = &e->shares[i];
        json_field_str(w, "model", share_reference(share));
        json_field_fixed(w, "weight", e->weights[i], 4);
        if (share->version)
            json_field_bool(w, "loaded", share->version->backend != NULL);
        if (share->remote && share->remote->upstream->config->kind == UPSTREAM_SIMULATOR)
            json_field_bool(w, "simulator", true);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "fallbacks");
    json_array(w);
    for (unsigned i = 0; i < e->step_count; i++)
        json_str(w, e->steps[i].name);
    json_array_end(w);
    json_object_end(w);
}

void endpoints_list(struct call *c) {
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "data");
    json_array(&w);
    for (size_t i = 0; i < c->snapshot->endpoint_count; i++)
        write_endpoint(&c->snapshot->endpoints[i], &w);
    json_array_end(&w);
    json_object_end(&w);
    call_reply_json(c, 200, buf_str(out));
}
