#include "watch/spans.h"

#include <stdio.h>

enum { NAME_SIZE = 200 };

struct spans {
    const struct span_format *format;
    struct span_writer w;
    const struct event *e;
    unsigned char request[SPAN_ID_SIZE];
    unsigned count;
};

static bool is_zero(const unsigned char id[SPAN_ID_SIZE]) {
    static const unsigned char zeros[SPAN_ID_SIZE];
    return memcmp(id, zeros, SPAN_ID_SIZE) == 0;
}

/* An empty one is left out. */
static void add_str(struct spans *s, const char *key, struct str value) {
    if (value.n)
        s->format->text(&s->w, key, value);
}

static void add_int(struct spans *s, const char *key, int64_t value) {
    s->format->number(&s->w, key, value);
}

static void begin_span(struct spans *s, struct span_head *head, int64_t start_us, int64_t us) {
    head->trace = s->e->trace;
    head->start_ns = s->e->wall_ns + start_us * 1000;
    head->end_ns = s->e->wall_ns + (start_us + us) * 1000;
    if (s->w.out->n > 0)
        buf_add_str(s->w.out, s->format->separator);
    s->format->begin(&s->w, head);
}

static void end_span(struct spans *s, bool failed, struct str why) {
    s->format->end(&s->w, failed, why);
    s->count++;
}

static void add_usage(struct spans *s, const struct event_language *l) {
    if (l->operation)
        add_str(s, "gen_ai.operation.name", str_from(l->operation));
    if (l->provider)
        add_str(s, "gen_ai.provider.name", str_from(l->provider));
    if (l->usage.input >= 0)
        add_int(s, "gen_ai.usage.input_tokens", l->usage.input);
    if (l->usage.output >= 0)
        add_int(s, "gen_ai.usage.output_tokens", l->usage.output);
    add_int(s, "penstock.upstream.calls", l->attempts);
}

static void add_request_attributes(struct spans *s, const struct event *e) {
    add_str(s, "http.request.method", STR("POST"));
    add_int(s, "http.response.status_code", e->status);
    add_str(s, "penstock.request_id", e->request_id);
    add_str(s, "penstock.endpoint", e->endpoint);
    add_str(s, "penstock.client", e->client);
    add_str(s, e->has_language ? "gen_ai.request.model" : "penstock.model", e->model);
    add_str(s, "penstock.decision", str_from(decision_name(e->decision)));
    add_str(s, "penstock.fallback", e->fallback);
    add_str(s, "error.type", e->error_code);
    if (e->cache != CACHE_NONE)
        add_str(s, "penstock.cache", str_from(cache_state_name(e->cache)));
    if (e->side != SIDE_NONE)
        add_str(s, "penstock.rollout.side", e->side == SIDE_CANDIDATE ? STR("candidate") : STR("stable"));
    if (e->confidence >= 0)
        s->format->real(&s->w, "penstock.confidence", (double)e->confidence);
    if (e->cost_nanodollars >= 0)
        s->format->real(&s->w, "penstock.cost_usd", (double)e->cost_nanodollars / 1e9);
    if (e->has_language)
        add_usage(s, &e->language);
}

static void add_request(struct spans *s) {
    const struct event *e = s->e;
    char name[NAME_SIZE];
    const char *what = e->has_language && e->language.operation ? e->language.operation : "predict";
    struct span_head head = {
        .id = s->request, .parent = is_zero(e->parent) ? NULL : e->parent, .name = name, .kind = SPAN_SERVER};
    snprintf(name, sizeof name, "%s %.*s", what, STR_ARG(str_slice(e->endpoint, 0, NAME_SIZE / 2)));
    begin_span(s, &head, 0, e->total_us);
    add_request_attributes(s, e);
    end_span(s, e->status >= 500, e->error_code);
}

/* A stage begins where the one before it ended. */
static void add_stages(struct spans *s) {
    const struct event *e = s->e;
    int64_t start = 0;
    for (unsigned i = 0; i < e->stage_count; i++) {
        unsigned char id[SPAN_ID_SIZE];
        struct span_head head = {
            .id = id, .parent = s->request, .name = e->stages[i].name, .kind = SPAN_INTERNAL};
        trace_new_id(id, sizeof id);
        begin_span(s, &head, start, e->stages[i].us);
        end_span(s, false, STR(""));
        start += e->stages[i].us;
    }
}

static const char *operation_of(const struct event *e, const struct event_call *call) {
    return call->purpose == CALL_VECTOR   ? "embeddings"
           : call->purpose != CALL_ANSWER ? "chat"
           : e->language.operation        ? e->language.operation
                                          : "chat";
}

static void add_call(struct spans *s, const struct event_call *call) {
    const char *operation = operation_of(s->e, call);
    unsigned char id[SPAN_ID_SIZE];
    char name[NAME_SIZE];
    struct span_head head = {.id = id, .parent = s->request, .name = name, .kind = SPAN_CLIENT};
    struct str model = call->model, upstream = str_split(&model, '/');
    bool failed = !str_eq(call->outcome, STR("none"));
    memcpy(id, call->span, sizeof id);
    if (is_zero(id))
        trace_new_id(id, sizeof id);
    snprintf(name, sizeof name, "%s %.*s", operation, STR_ARG(str_slice(model, 0, NAME_SIZE / 2)));
    begin_span(s, &head, call->start_us, call->us);
    add_str(s, "gen_ai.operation.name", str_from(operation));
    add_str(s, "gen_ai.request.model", model);
    add_str(s, "penstock.upstream", upstream);
    add_str(s, "penstock.call", str_from(call_purpose_name(call->purpose)));
    if (call->status)
        add_int(s, "http.response.status_code", call->status);
    if (call->attempt > 1)
        add_int(s, "http.request.resend_count", call->attempt - 1);
    if (failed)
        add_str(s, "error.type", call->outcome);
    end_span(s, failed, call->outcome);
}

unsigned spans_add(const struct event *e, const struct span_format *format, struct buf *out) {
    struct spans s = {.format = format, .w = {.out = out}, .e = e};
    trace_new_id(s.request, sizeof s.request);
    add_request(&s);
    add_stages(&s);
    for (unsigned i = 0; i < e->call_count; i++)
        add_call(&s, &e->calls[i]);
    return s.count;
}
