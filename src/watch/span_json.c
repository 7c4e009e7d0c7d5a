#include "watch/span_json.h"

#include <stdio.h>

enum { KIND_INTERNAL = 1, KIND_SERVER = 2, KIND_CLIENT = 3, STATUS_ERROR = 2, NAME_SIZE = 200 };

struct spans {
    struct json_writer w;
    const struct event *e;
    char trace[TRACE_ID_HEX_SIZE], request[SPAN_ID_HEX_SIZE];
    unsigned count;
};

static void time_field(struct json_writer *w, const char *key, int64_t wall_ns) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)wall_ns); /* 64 bits are texts in this mapping */
    json_field_text(w, key, text);
}

static bool is_zero(const unsigned char id[SPAN_ID_SIZE]) {
    static const unsigned char zeros[SPAN_ID_SIZE];
    return memcmp(id, zeros, SPAN_ID_SIZE) == 0;
}

/* ---- attributes ---- */

static void begin_attribute(struct json_writer *w, const char *key, const char *type) {
    json_object(w);
    json_field_text(w, "key", key);
    json_key(w, "value");
    json_object(w);
    json_key(w, type);
}

static void end_attribute(struct json_writer *w) {
    json_object_end(w);
    json_object_end(w);
}

/* An empty one is left out. */
static void add_str(struct json_writer *w, const char *key, struct str value) {
    if (value.n == 0)
        return;
    begin_attribute(w, key, "stringValue");
    json_str(w, value);
    end_attribute(w);
}

static void add_int(struct json_writer *w, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    begin_attribute(w, key, "intValue");
    json_text(w, text);
    end_attribute(w);
}

static void add_double(struct json_writer *w, const char *key, double value) {
    begin_attribute(w, key, "doubleValue");
    json_double(w, value);
    end_attribute(w);
}

/* ---- a span ---- */

static void begin_span(struct spans *s, const char *span, const char *parent, const char *name, int kind,
                       int64_t start_us, int64_t us) {
    struct json_writer *w = &s->w;
    if (w->out->n > 0)
        buf_add_char(w->out, ',');
    *w = JSON_WRITER(w->out);
    json_object(w);
    json_field_text(w, "traceId", s->trace);
    json_field_text(w, "spanId", span);
    if (parent)
        json_field_text(w, "parentSpanId", parent);
    json_field_text(w, "name", name);
    json_field_int(w, "kind", kind);
    time_field(w, "startTimeUnixNano", s->e->wall_ns + start_us * 1000);
    time_field(w, "endTimeUnixNano", s->e->wall_ns + (start_us + us) * 1000);
    json_key(w, "attributes");
    json_array(w);
}

static void end_span(struct spans *s, bool failed, struct str why) {
    struct json_writer *w = &s->w;
    json_array_end(w);
    if (failed) {
        json_key(w, "status");
        json_object(w);
        json_field_int(w, "code", STATUS_ERROR);
        json_field_str(w, "message", why);
        json_object_end(w);
    }
    json_object_end(w);
    s->count++;
}

static void add_usage(struct json_writer *w, const struct event_language *l) {
    if (l->operation)
        add_str(w, "gen_ai.operation.name", str_from(l->operation));
    if (l->provider)
        add_str(w, "gen_ai.provider.name", str_from(l->provider));
    if (l->usage.input >= 0)
        add_int(w, "gen_ai.usage.input_tokens", l->usage.input);
    if (l->usage.output >= 0)
        add_int(w, "gen_ai.usage.output_tokens", l->usage.output);
    add_int(w, "penstock.upstream.calls", l->attempts);
}

static void add_request_attributes(struct json_writer *w, const struct event *e) {
    add_str(w, "http.request.method", STR("POST"));
    add_int(w, "http.response.status_code", e->status);
    add_str(w, "penstock.request_id", e->request_id);
    add_str(w, "penstock.endpoint", e->endpoint);
    add_str(w, "penstock.client", e->client);
    add_str(w, e->has_language ? "gen_ai.request.model" : "penstock.model", e->model);
    add_str(w, "penstock.decision", str_from(decision_name(e->decision)));
    add_str(w, "penstock.fallback", e->fallback);
    add_str(w, "error.type", e->error_code);
    if (e->cache != CACHE_NONE)
        add_str(w, "penstock.cache", str_from(cache_state_name(e->cache)));
    if (e->side != SIDE_NONE)
        add_str(w, "penstock.rollout.side", e->side == SIDE_CANDIDATE ? STR("candidate") : STR("stable"));
    if (e->confidence >= 0)
        add_double(w, "penstock.confidence", (double)e->confidence);
    if (e->cost_nanodollars >= 0)
        add_double(w, "penstock.cost_usd", (double)e->cost_nanodollars / 1e9);
    if (e->has_language)
        add_usage(w, &e->language);
}

static void add_request(struct spans *s) {
    const struct event *e = s->e;
    char parent[SPAN_ID_HEX_SIZE], name[NAME_SIZE];
    span_id_hex(e->parent, parent);
    const char *what = e->has_language && e->language.operation ? e->language.operation : "predict";
    snprintf(name, sizeof name, "%s %.*s", what, STR_ARG(str_slice(e->endpoint, 0, NAME_SIZE / 2)));
    begin_span(s, s->request, is_zero(e->parent) ? NULL : parent, name, KIND_SERVER, 0, e->total_us);
    add_request_attributes(&s->w, e);
    end_span(s, e->status >= 500, e->error_code);
}

/* A stage begins where the one before it ended. */
static void add_stages(struct spans *s) {
    const struct event *e = s->e;
    int64_t start = 0;
    for (unsigned i = 0; i < e->stage_count; i++) {
        unsigned char id[SPAN_ID_SIZE];
        char span[SPAN_ID_HEX_SIZE];
        trace_new_id(id, sizeof id);
        span_id_hex(id, span);
        begin_span(s, span, s->request, e->stages[i].name, KIND_INTERNAL, start, e->stages[i].us);
        end_span(s, false, STR(""));
        start += e->stages[i].us;
    }
}

static void add_call(struct spans *s, const struct event_call *call) {
    const struct event_language *l = &s->e->language;
    unsigned char id[SPAN_ID_SIZE];
    char span[SPAN_ID_HEX_SIZE], name[NAME_SIZE];
    struct str model = call->model, upstream = str_split(&model, '/');
    bool failed = !str_eq(call->outcome, STR("none"));
    memcpy(id, call->span, sizeof id);
    if (is_zero(id))
        trace_new_id(id, sizeof id);
    span_id_hex(id, span);
    snprintf(name, sizeof name, "%s %.*s", l->operation ? l->operation : "chat",
             STR_ARG(str_slice(model, 0, NAME_SIZE / 2)));
    begin_span(s, span, s->request, name, KIND_CLIENT, call->start_us, call->us);
    if (l->operation)
        add_str(&s->w, "gen_ai.operation.name", str_from(l->operation));
    add_str(&s->w, "gen_ai.request.model", model);
    add_str(&s->w, "penstock.upstream", upstream);
    if (call->status)
        add_int(&s->w, "http.response.status_code", call->status);
    if (call->attempt > 1)
        add_int(&s->w, "http.request.resend_count", call->attempt - 1);
    if (failed)
        add_str(&s->w, "error.type", call->outcome);
    end_span(s, failed, call->outcome);
}

unsigned span_json_add(const struct event *e, struct buf *out) {
    struct spans s = {.w = JSON_WRITER(out), .e = e};
    unsigned char id[SPAN_ID_SIZE];
    trace_new_id(id, sizeof id);
    span_id_hex(id, s.request);
    trace_id_hex(e->trace, s.trace);
    add_request(&s);
    add_stages(&s);
    for (unsigned i = 0; i < e->call_count; i++)
        add_call(&s, &e->calls[i]);
    return s.count;
}
