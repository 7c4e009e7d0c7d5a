#include "pipeline/attempt.h"

#include "base/check.h"
#include "base/clock.h"
#include "chat/render.h"
#include "pipeline/chat_output.h"

#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 4 << 20, TROUBLE_BODY_MAX = 65536 };

static struct chat *chat_of(struct http_call *call) {
    return CONTAINER_OF(call, struct chat, call);
}

static const struct upstream *upstream_of(const struct chat *c) {
    return chat_candidate(c)->remote->upstream;
}

static void clear_attempt(struct chat *c) {
    chat_clear(c);
    c->event_stream = c->failed = c->done = false;
    c->facts = CHAT_FACTS_UNKNOWN;
}

/* ---- the stream ---- */

static bool breaks(struct chat *c, const char *what) {
    c->failed = true;
    c->trouble = (struct chat_trouble){.kind = TROUBLE_SERVER, .status = 200};
    snprintf(c->trouble.message, sizeof c->trouble.message, "%s", what);
    return false;
}

static bool on_event(void *ctx, const struct sse_event *event) {
    struct chat *c = ctx;
    struct buf *out = &c->r->loop->reply;
    buf_clear(out);
    switch (chat_stream_event(c->stream, event->name, event->data, out, &c->trouble)) {
    case CHAT_EVENT_ERROR: c->failed = true; return false;
    case CHAT_EVENT_BROKEN: return breaks(c, "an event of its stream is none of its API");
    case CHAT_EVENT_DONE: c->done = true; break;
    case CHAT_EVENT_USAGE:
    case CHAT_EVENT_CONTENT: break;
    }
    if (out->failed)
        return breaks(c, "an event of its stream is too large");
    chat_say(c, buf_str(out));
    return true;
}

static bool start_stream(struct chat *c) {
    struct chat_stream_options options = {.from = c->to,
                                          .to = c->in.surface,
                                          .include_usage = c->in.include_usage,
                                          .now = c->r->wall_ns / NS_PER_SECOND};
    c->events = (struct sse_reader){
        .on_event = on_event, .ctx = c, .line = BUF_INIT(EVENT_MAX), .data = BUF_INIT(EVENT_MAX)};
    c->stream = chat_stream_new(&options);
    return c->stream || fail(&c->r->error, ERR_NO_MEMORY, "Out of memory for this request.");
}

static void take_stream(struct chat *c, struct str bytes) {
    if (!c->failed && !c->done && !sse_feed(&c->events, bytes) && !c->failed)
        breaks(c, "an event of its stream is too large");
    if (chat_flush(c) && c->begun && exchange_stream_is_full(c->r->exchange))
        http_call_pause(&c->call);
}

/* ---- the call ---- */

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct chat *c = chat_of(call);
    struct str after = STR(""), after_ms = STR("");
    for (size_t i = 0; i < count; i++) {
        if (str_eq(headers[i].name, STR("content-type")))
            c->event_stream = status == 200 && str_starts(headers[i].value, STR("text/event-stream"));
        else if (str_eq(headers[i].name, STR("retry-after")))
            after = headers[i].value;
        else if (str_eq(headers[i].name, STR("retry-after-ms")))
            after_ms = headers[i].value;
    }
    c->retry_after_ns = after.n || after_ms.n ? failure_retry_after(after, after_ms, clock_wall()) : 0;
}

static void on_body(struct http_call *call, struct str bytes) {
    struct chat *c = chat_of(call);
    if (!c->first_token_ns)
        c->first_token_ns = clock_monotonic();
    if (c->event_stream && c->in.stream)
        take_stream(c, bytes);
    else if (call->status == 200 || c->heard.n < TROUBLE_BODY_MAX)
        buf_add_str(&c->heard, bytes);
}

static enum failure trouble(struct chat *c) {
    chat_trouble_error(&c->trouble, upstream_of(c)->config->name, &c->r->error);
    return failure_of_trouble(c->trouble.kind);
}

/* The upstream's stream is over: was that its end? */
static enum failure judge_stream(struct chat *c) {
    struct buf *out = &c->r->loop->reply;
    buf_clear(out);
    if (!c->done && !chat_stream_end(c->stream, out)) {
        fail(&c->r->error, ERR_UPSTREAM, "The stream of upstream \"%s\" ended before it was whole.",
             upstream_of(c)->config->name);
        return FAILURE_RESET;
    }
    if (!c->done)
        chat_say(c, buf_str(out));
    return FAILURE_NONE;
}

/* A stream was asked for and the upstream has none. */
static bool replay_whole(struct chat *c) {
    struct chat_answer answer;
    struct buf *out = &c->r->loop->reply;
    struct error *err = &c->r->error;
    buf_clear(out);
    if (!chat_answer_read(c->to, buf_str(&c->heard), c->r->wall_ns / NS_PER_SECOND, &answer, err))
        return false;
    bool good = chat_answer_replay(&answer, c->in.surface, c->in.include_usage, out, err);
    chat_answer_facts(&answer, &c->facts, NULL);
    chat_answer_clear(&answer);
    if (good)
        chat_say(c, buf_str(out));
    return good;
}

static bool take_whole(struct chat *c) {
    struct error *err = &c->r->error;
    if (c->heard.failed)
        return fail(err, ERR_UPSTREAM, "its reply is larger than %d MB", CHAT_REPLY_MAX >> 20);
    if (c->event_stream)
        return fail(err, ERR_UPSTREAM, "it answers with a stream that nobody asked for");
    if (c->in.stream)
        return replay_whole(c);
    return chat_reply_translate(c->to, buf_str(&c->heard), c->in.surface, c->r->wall_ns / NS_PER_SECOND,
                                &c->facts, NULL, &c->reply, err);
}

/* FAILURE_NONE: the reply is an answer. Otherwise r->error says what it is. */
static enum failure judge(struct chat *c) {
    bool streamed = c->event_stream && c->in.stream;
    if (c->failed || (!streamed && chat_trouble_read(c->call.status, buf_str(&c->heard), &c->trouble)))
        return trouble(c);
    if (streamed)
        return judge_stream(c);
    if (take_whole(c))
        return FAILURE_NONE;
    fail_within(&c->r->error, "Upstream \"%s\"", upstream_of(c)->config->name);
    c->r->error.code = ERR_UPSTREAM;
    return FAILURE_GARBAGE;
}

/* What is known of the call by now, partial usage included. */
static void take_facts(struct chat *c) {
    c->upstream_ns += clock_monotonic() - c->call_started_ns;
    if (c->stream && c->begun)
        c->facts = *chat_stream_facts(c->stream);
}

static void on_end(struct http_call *call) {
    struct chat *c = chat_of(call);
    enum failure failure = judge(c);
    take_facts(c);
    c->ended(c, failure);
}

static enum failure kind_of(enum http_failure failure) {
    switch (failure) {
    case HTTP_FAILURE_DNS:
    case HTTP_FAILURE_CONNECT:
    case HTTP_FAILURE_TLS:
    case HTTP_FAILURE_TIMEOUT_CONNECT: return FAILURE_CONNECT;
    case HTTP_FAILURE_TIMEOUT_FIRST_BYTE:
    case HTTP_FAILURE_TIMEOUT_IDLE:
    case HTTP_FAILURE_TIMEOUT_TOTAL: return FAILURE_TIMEOUT;
    case HTTP_FAILURE_BAD_RESPONSE:
    case HTTP_FAILURE_TOO_LARGE: return FAILURE_GARBAGE;
    case HTTP_FAILURE_CLOSED:
    case HTTP_FAILURE_NO_MEMORY: break;
    }
    return FAILURE_RESET;
}

static void on_fail(struct http_call *call, enum http_failure failure, const struct error *err) {
    struct chat *c = chat_of(call);
    take_facts(c);
    c->r->error = *err;
    fail_within(&c->r->error, "Upstream \"%s\"", upstream_of(c)->config->name);
    c->ended(c, kind_of(failure));
}

static const struct http_call_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

static void add_header(struct chat *c, struct str name, struct str value) {
    CHECK(c->header_count < CHAT_HEADERS_MAX);
    c->headers[c->header_count++] = (struct http_header){name, value};
}

static void add_headers(struct chat *c, const struct upstream *u) {
    bool anthropic = u->config->kind == UPSTREAM_ANTHROPIC;
    c->header_count = 0;
    add_header(c, STR("content-type"), STR("application/json"));
    add_header(c, STR("accept"), c->in.stream ? STR("text/event-stream") : STR("application/json"));
    add_header(c, STR("x-request-id"), c->r->id);
    if (u->authorization)
        add_header(c, anthropic ? STR("x-api-key") : STR("authorization"), str_from(u->authorization));
    if (anthropic)
        add_header(c, STR("anthropic-version"), STR("2023-06-01"));
}

static bool set_path(struct chat *c, const struct upstream *u) {
    const char *path = chat_surface_path(c->to);
    size_t n = strlen(u->base) + strlen(path) + 1;
    c->path = arena_alloc(c->r->arena, n);
    if (!c->path)
        return fail(&c->r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    snprintf(c->path, n, "%s%s", u->base, path);
    return true;
}

static bool render(struct chat *c, const struct remote_model *remote) {
    const struct config_upstream *u = remote->upstream->config;
    enum chat_dialect dialect = u->kind == UPSTREAM_ANTHROPIC ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
    struct error *err = &c->r->error;
    if (!chat_upstream_surface(&c->in, dialect, u->responses, &c->to, err))
        return false;
    struct chat_rendering how = {.to = c->to, .model = remote->model};
    c->request.cap = 4 * c->in.body.n + 65536; /* translated, a body can grow: escapes, names */
    return chat_request_render(&c->in, &how, &c->request, err);
}

static int64_t deadline_of(const struct chat *c, const struct config_upstream *u) {
    int64_t now = c->call_started_ns, deadline = now + u->timeout;
    const struct step *step = chat_candidate(c)->step;
    if (step && step->timeout && now + step->timeout < deadline)
        deadline = now + step->timeout;
    return deadline < c->r->deadline_ns ? deadline : c->r->deadline_ns;
}

bool attempt_start(struct chat *c, const struct remote_model *remote) {
    struct request *r = c->r;
    const struct upstream *u = remote->upstream;
    clear_attempt(c);
    c->heard = c->reply = BUF_INIT(CHAT_REPLY_MAX);
    if (!render(c, remote) || !set_path(c, u) || (c->in.stream && !start_stream(c)))
        return false;
    add_headers(c, u);
    c->attempts++;
    c->call_started_ns = clock_monotonic();
    c->call = (struct http_call){
        .events = &events,
        .origin = u->origin,
        .method = STR("POST"),
        .path = str_from(c->path),
        .headers = c->headers,
        .header_count = c->header_count,
        .body = buf_str(&c->request),
        .connect_ns = u->config->connect_timeout,
        .first_byte_ns = u->config->first_byte_timeout,
        .idle_ns = u->config->idle_timeout,
        .deadline_ns = deadline_of(c, u->config),
    };
    http_call_start(r->loop->client, &c->call);
    return true;
}

void attempt_cancel(struct chat *c) {
    http_call_cancel(&c->call);
    take_facts(c);
}
