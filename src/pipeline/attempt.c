#include "pipeline/attempt.h"

#include "base/check.h"
#include "base/clock.h"
#include "pipeline/reply.h"

#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 4 << 20, TROUBLE_BODY_MAX = 65536 };

static struct chat *chat_of(struct http_call *call) {
    return CONTAINER_OF(call, struct chat, call);
}

static const struct upstream *upstream_of(const struct chat *c) {
    return chat_candidate(c)->remote->upstream;
}

void chat_clear(struct chat *c) {
    buf_free(&c->request);
    buf_free(&c->reply);
    sse_reader_clear(&c->events);
}

static void clear_attempt(struct chat *c) {
    chat_clear(c);
    c->event_stream = c->failed = false;
    c->facts = CHAT_FACTS_UNKNOWN;
}

/* ---- the stream ---- */

void chat_set_decision(struct request *r) {
    const struct candidate *at = chat_candidate(r->chat);
    if (r->outcome.cached && !at->step) {
        r->outcome.decision = DECISION_CACHED;
        r->outcome.model = at->remote->reference;
        return;
    }
    r->outcome.decision = at->step ? DECISION_FALLBACK : DECISION_ACCEPTED;
    r->outcome.step = at->step ? at->step->name : STR("");
    r->outcome.model = at->remote ? at->remote->reference : STR("");
}

static void begin_stream(struct request *r) {
    struct reply_headers *h = &r->headers;
    chat_set_decision(r);
    reply_headers_begin(h, r->id);
    h->list[0].value = STR("text/event-stream; charset=utf-8");
    h->list[h->count++] = (struct http_header){STR("cache-control"), STR("no-cache")};
    if (r->client)
        reply_headers_rate(h, r);
    reply_headers_chat(h, r);
    exchange_stream_begin(r->exchange, 200, h->list, h->count);
    r->streaming = r->chat->begun = true;
    r->status = 200;
}

static void write_event(struct request *r, const struct sse_event *event) {
    struct str rest = event->data;
    if (!r->chat->begun)
        begin_stream(r);
    if (event->name.n) {
        exchange_stream_write(r->exchange, STR("event: "));
        exchange_stream_write(r->exchange, event->name);
        exchange_stream_write(r->exchange, STR("\n"));
    }
    do {
        exchange_stream_write(r->exchange, STR("data: "));
        exchange_stream_write(r->exchange, str_split(&rest, '\n'));
        exchange_stream_write(r->exchange, STR("\n"));
    } while (rest.n);
    exchange_stream_write(r->exchange, STR("\n"));
}

static bool on_event(void *ctx, const struct sse_event *event) {
    struct chat *c = ctx;
    switch (chat_event_read(c->in.surface, event->data, &c->facts, NULL, &c->trouble)) {
    case CHAT_EVENT_USAGE:
        if (!c->in.include_usage)
            return true;
        break;
    case CHAT_EVENT_DONE: c->done = true; break;
    case CHAT_EVENT_ERROR: c->failed = true; return false;
    case CHAT_EVENT_BROKEN:
        c->failed = true;
        c->trouble = (struct chat_trouble){TROUBLE_SERVER, 200, "an event of its stream is not JSON", ""};
        return false;
    case CHAT_EVENT_CONTENT: break;
    }
    write_event(c->r, event);
    return true;
}

void chat_start_events(struct chat *c) {
    c->events = (struct sse_reader){
        .on_event = on_event, .ctx = c, .line = BUF_INIT(EVENT_MAX), .data = BUF_INIT(EVENT_MAX)};
}

bool chat_feed_stream(struct chat *c, struct str bytes, bool *gone) {
    struct request *r = c->r;
    *gone = false;
    if (!c->failed && !c->done && !sse_feed(&c->events, bytes) && !c->failed) {
        c->failed = true;
        c->trouble = (struct chat_trouble){TROUBLE_SERVER, 200, "an event of its stream is too large", ""};
    }
    if (!c->begun)
        return !c->failed;
    *gone = !exchange_stream_flush(r->exchange);
    return !*gone && !c->failed;
}

void chat_drained(struct request *r) {
    http_call_resume(&r->chat->call);
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

/* A stream is kept as it came, as long as it may be kept at all. */
static void keep_for_cache(struct chat *c, struct str bytes) {
    if (c->reply.n + bytes.n <= EXACT_CACHE_VALUE_MAX)
        buf_add_str(&c->reply, bytes);
    else
        c->cache_key.p = NULL;
}

static void take_stream(struct chat *c, struct str bytes) {
    bool gone;
    if (c->cache_key.p)
        keep_for_cache(c, bytes);
    (void)chat_feed_stream(c, bytes, &gone);
    if (!gone && c->begun && exchange_stream_is_full(c->r->exchange))
        http_call_pause(&c->call);
}

static void on_body(struct http_call *call, struct str bytes) {
    struct chat *c = chat_of(call);
    if (!c->first_token_ns)
        c->first_token_ns = clock_monotonic();
    if (c->event_stream && c->in.stream)
        take_stream(c, bytes);
    else if (call->status == 200 || c->reply.n < TROUBLE_BODY_MAX)
        buf_add_str(&c->reply, bytes);
}

static enum failure trouble(struct chat *c) {
    chat_trouble_error(&c->trouble, upstream_of(c)->config->name, &c->r->error);
    return failure_of_trouble(c->trouble.kind);
}

static enum failure judge_stream(struct chat *c) {
    const char *name = upstream_of(c)->config->name;
    if (!c->event_stream) {
        fail(&c->r->error, ERR_UPSTREAM, "Upstream \"%s\" answers whole where a stream was asked for.", name);
        return FAILURE_GARBAGE;
    }
    if (c->done)
        return FAILURE_NONE;
    fail(&c->r->error, ERR_UPSTREAM, "The stream of upstream \"%s\" ended before it was whole.", name);
    return FAILURE_RESET;
}

/* FAILURE_NONE: the reply is an answer. Otherwise r->error says what it is. */
static enum failure judge(struct chat *c) {
    struct error *err = &c->r->error;
    const char *name = upstream_of(c)->config->name;
    if (c->failed ||
        (c->call.status != 200 && chat_trouble_read(c->call.status, buf_str(&c->reply), &c->trouble)))
        return trouble(c);
    if (c->reply.failed) {
        fail(err, ERR_UPSTREAM, "The reply of upstream \"%s\" is larger than %d MB.", name,
             CHAT_REPLY_MAX >> 20);
        return FAILURE_GARBAGE;
    }
    if (!c->event_stream && chat_trouble_read(200, buf_str(&c->reply), &c->trouble))
        return trouble(c);
    if (c->in.stream)
        return judge_stream(c);
    if (chat_reply_read(c->in.surface, buf_str(&c->reply), &c->facts, NULL, err))
        return FAILURE_NONE;
    fail_within(err, "Upstream \"%s\"", name);
    return FAILURE_GARBAGE;
}

static void on_end(struct http_call *call) {
    struct chat *c = chat_of(call);
    c->upstream_ns += clock_monotonic() - c->call_started_ns;
    c->ended(c, judge(c));
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
    c->upstream_ns += clock_monotonic() - c->call_started_ns;
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
    static const char *const paths[CHAT_SURFACE_COUNT] = {
        [CHAT_COMPLETIONS] = "/chat/completions",
        [CHAT_LEGACY] = "/completions",
        [CHAT_EMBEDDINGS] = "/embeddings",
        [CHAT_RESPONSES] = "/responses",
        [CHAT_MESSAGES] = "/messages",
    };
    const char *path = paths[c->in.surface];
    size_t n = strlen(u->base) + strlen(path) + 1;
    c->path = arena_alloc(c->r->arena, n);
    if (!c->path)
        return fail(&c->r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    snprintf(c->path, n, "%s%s", u->base, path);
    return true;
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
    c->request.cap = c->in.body.n + 4096;
    c->reply.cap = CHAT_REPLY_MAX;
    chat_start_events(c);
    if (!chat_request_forward(&c->in, remote->model, &c->request, &r->error) || !set_path(c, u))
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
    c->upstream_ns += clock_monotonic() - c->call_started_ns;
}
