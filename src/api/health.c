/* GET /healthz: the process answers. GET /readyz: it can do its work. */
#include "api/routes.h"

void health_live(struct call *c) {
    call_reply_json(c, 200, STR("{\"status\":\"ok\"}"));
}

static unsigned unloaded(const struct endpoint *e) {
    unsigned count = 0;
    for (unsigned i = 0; i < e->share_count; i++)
        count += e->shares[i].version && !e->shares[i].version->backend;
    return count;
}

/* An endpoint whose model did not load still answers when its fallback chain does; the word for it is
 * "degraded". */
void health_ready(struct call *c) {
    struct recorder_state recorder;
    recorder_state(c->loop->parts->recorder, &recorder);
    bool draining = engine_draining(c->loop->engine), ready = recorder.healthy && !draining;
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "status", draining ? "draining" : ready ? "ready" : "storage unavailable");
    json_key(&w, "endpoints");
    json_object(&w);
    for (size_t i = 0; i < c->snapshot->endpoint_count; i++) {
        const struct endpoint *e = &c->snapshot->endpoints[i];
        json_field_text(&w, e->config->name, unloaded(e) ? "degraded" : "ready");
    }
    json_object_end(&w);
    json_object_end(&w);
    call_reply_json(c, ready ? 200 : 503, buf_str(out));
}
