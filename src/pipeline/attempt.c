#include "pipeline/attempt.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/ids.h"
#include "chat/answer.h"
#include "chat/render.h"

#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 4 << 20, TROUBLE_BODY_MAX = 65536 };

static struct attempt *attempt_of(struct http_call *call) {
    return CONTAINER_OF(call, struct attempt, call);
}

static const char *name_of(const struct attempt *a) {
    return a->remote->upstream->config->name;
}

static bool wants_stream(const struct attempt *a) {
    return a->question->in->stream;
}

static int64_t unix_now(const struct attempt *a) {
    return a->question->wall_ns / NS_PER_SECOND;
}

/* What goes out at once; reused. */
static struct buf *output_of(struct attempt *a) {
    struct buf *out = &a->question->loop->reply;
    buf_clear(out);
    return out;
}

static void say(struct attempt *a, const struct buf *out) {
    if (out->n == 0)
        return;
    a->said = true;
    a->events->on_output(a, buf_str(out));
}

/* ---- the stream ---- */

static void take_trouble(struct attempt *a, const struct chat_trouble *trouble) {
    chat_trouble_error(trouble, name_of(a), &a->error);
    a->failed = failure_of_trouble(trouble->kind);
}

static bool breaks(struct attempt *a, const char *what) {
    struct chat_trouble trouble = {.kind = TROUBLE_SERVER, .status = 200};
    snprintf(trouble.message, sizeof trouble.message, "%s", what);
    take_trouble(a, &trouble);
    return false;
}

static bool on_event(void *ctx, const struct sse_event *event) {
    struct attempt *a = ctx;
    struct chat_trouble trouble;
    struct buf *out = output_of(a);
    switch (chat_stream_event(a->stream, event->name, event->data, out, &trouble)) {
    case CHAT_EVENT_ERROR: take_trouble(a, &trouble); return false;
    case CHAT_EVENT_BROKEN: return breaks(a, "an event of its stream is none of its API");
    case CHAT_EVENT_DONE: a->done = true; break;
    case CHAT_EVENT_USAGE:
    case CHAT_EVENT_CONTENT: break;
    }
    if (out->failed)
        return breaks(a, "an event of its stream is too large");
    say(a, out);
    return true;
}

static bool start_stream(struct attempt *a) {
    const struct chat_request *in = a->question->in;
    struct chat_stream_options options = {.from = a->to,
                                          .to = in->surface,
                                          .include_usage = in->include_usage,
                                          .id = a->answer_id,
                                          .now = unix_now(a),
                                          .hide_logprobs = a->question->hide_logprobs,
                                          .text = a->question->text,
                                          .tokens = a->question->tokens};
    a->reader = (struct sse_reader){
        .on_event = on_event, .ctx = a, .line = BUF_INIT(EVENT_MAX), .data = BUF_INIT(EVENT_MAX)};
    a->stream = chat_stream_new(&options);
    return a->stream || fail(&a->error, ERR_NO_MEMORY, "Out of memory for this request.");
}

static void take_stream(struct attempt *a, struct str bytes) {
    if (!a->failed && !a->done && !sse_feed(&a->reader, bytes) && !a->failed)
        breaks(a, "an event of its stream is too large");
    a->events->on_read(a);
}

/* ---- the call ---- */

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct attempt *a = attempt_of(call);
    struct str after = STR(""), after_ms = STR("");
    for (size_t i = 0; i < count; i++) {
        if (str_eq(headers[i].name, STR("content-type")))
            a->event_stream = status == 200 && str_starts(headers[i].value, STR("text/event-stream"));
        else if (str_eq(headers[i].name, STR("retry-after")))
            after = headers[i].value;
        else if (str_eq(headers[i].name, STR("retry-after-ms")))
            after_ms = headers[i].value;
    }
    a->retry_after_ns = after.n || after_ms.n ? failure_retry_after(after, after_ms, clock_wall()) : 0;
}

static void on_body(struct http_call *call, struct str bytes) {
    struct attempt *a = attempt_of(call);
    if (!a->first_byte_ns)
        a->first_byte_ns = clock_recent();
    if (a->event_stream && wants_stream(a))
        take_stream(a, bytes);
    else if (call->status == 200 || a->heard.n < TROUBLE_BODY_MAX)
        buf_add_str(&a->heard, bytes);
}

/* The upstream's stream is over: was that its end? */
static enum failure judge_stream(struct attempt *a) {
    struct buf *out = output_of(a);
    if (!a->done && !chat_stream_end(a->stream, out)) {
        fail(&a->error, ERR_UPSTREAM, "The stream of upstream \"%s\" ended before it was whole.", name_of(a));
        return FAILURE_RESET;
    }
    if (!a->done)
        say(a, out);
    return FAILURE_NONE;
}

/* A stream was asked for and the upstream has none. */
static bool replay_whole(struct attempt *a) {
    const struct chat_request *in = a->question->in;
    struct chat_answer answer;
    struct buf *out = output_of(a);
    if (!chat_answer_read(a->to, buf_str(&a->heard), unix_now(a), &answer, &a->error))
        return false;
    chat_answer_facts(&answer, &a->facts, a->question->text);
    if (a->question->hide_logprobs)
        chat_answer_hide_logprobs(&answer);
    if (a->answer_id.n)
        answer.id = a->answer_id;
    bool good = chat_answer_replay(&answer, in->surface, in->include_usage, out, &a->error);
    chat_answer_clear(&answer);
    if (good)
        say(a, out);
    return good;
}

/* The client did not ask for them. Anthropic's clients never get any. */
static bool hide_logprobs(struct attempt *a) {
    struct buf reply = BUF_INIT(CHAT_REPLY_MAX);
    if (!a->question->hide_logprobs || a->question->in->surface == CHAT_MESSAGES)
        return true;
    bool good = chat_hide_logprobs(buf_str(&a->reply), &reply, &a->error);
    buf_free(good ? &a->reply : &reply);
    if (good)
        a->reply = reply;
    return good;
}

static bool take_whole(struct attempt *a) {
    if (a->heard.failed)
        return fail(&a->error, ERR_UPSTREAM, "its reply is larger than %d MB", CHAT_REPLY_MAX >> 20);
    if (a->event_stream)
        return fail(&a->error, ERR_UPSTREAM, "it answers with a stream that nobody asked for");
    if (wants_stream(a))
        return replay_whole(a);
    return chat_reply_translate(a->to, buf_str(&a->heard), a->question->in->surface, unix_now(a),
                                a->answer_id, &a->facts, a->question->text, &a->reply, &a->error) &&
           hide_logprobs(a);
}

/* FAILURE_NONE: the reply is an answer. Otherwise a->error says what it is. */
static enum failure judge(struct attempt *a) {
    bool streamed = a->event_stream && wants_stream(a);
    struct chat_trouble trouble;
    if (!streamed && chat_trouble_read(a->call.status, buf_str(&a->heard), &trouble))
        take_trouble(a, &trouble);
    if (a->failed)
        return a->failed;
    if (streamed)
        return judge_stream(a);
    if (take_whole(a))
        return FAILURE_NONE;
    fail_within(&a->error, "Upstream \"%s\"", name_of(a));
    a->error.code = ERR_UPSTREAM;
    return FAILURE_GARBAGE;
}

/* What is known of the call by now, partial usage included. */
static void close_call(struct attempt *a) {
    a->ended_ns = clock_recent();
    if (a->event_stream && a->stream)
        a->facts = *chat_stream_facts(a->stream);
}

static void on_end(struct http_call *call) {
    struct attempt *a = attempt_of(call);
    enum failure failure = judge(a);
    close_call(a);
    a->events->ended(a, failure);
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
    struct attempt *a = attempt_of(call);
    close_call(a);
    a->error = *err;
    fail_within(&a->error, "Upstream \"%s\"", name_of(a));
    a->events->ended(a, kind_of(failure));
}

static const struct http_call_events call_events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

/* ---- the request ---- */

static void add_header(struct attempt *a, struct str name, struct str value) {
    CHECK(a->header_count < ATTEMPT_HEADERS_MAX);
    a->headers[a->header_count++] = (struct http_header){name, value};
}

static void add_headers(struct attempt *a) {
    const struct upstream *u = a->remote->upstream;
    bool anthropic = u->config->kind == UPSTREAM_ANTHROPIC;
    add_header(a, STR("content-type"), STR("application/json"));
    add_header(a, STR("accept"), wants_stream(a) ? STR("text/event-stream") : STR("application/json"));
    add_header(a, STR("x-request-id"), a->question->id);
    if (u->authorization)
        add_header(a, anthropic ? STR("x-api-key") : STR("authorization"), str_from(u->authorization));
    if (anthropic)
        add_header(a, STR("anthropic-version"), STR("2023-06-01"));
    if (!a->question->trace->given && !a->question->trace->made)
        return;
    trace_parent(a->question->trace, a->traceparent);
    add_header(a, STR("traceparent"), str_from(a->traceparent));
    if (a->question->trace->state.n)
        add_header(a, STR("tracestate"), a->question->trace->state);
}

static bool set_path(struct attempt *a) {
    const char *path = chat_surface_path(a->to), *base = a->remote->upstream->base;
    size_t before = strlen(base), n = strlen(path);
    a->path = arena_alloc(a->question->arena, before + n + 1);
    if (!a->path)
        return fail(&a->error, ERR_NO_MEMORY, "Out of memory for this request.");
    memcpy(a->path, base, before);
    memcpy(a->path + before, path, n + 1);
    return true;
}

/* Later requests may build on a response by its ID, and not every server's differ from each other. */
static bool set_answer_id(struct attempt *a) {
    static const char prefix[] = "resp_";
    enum { PREFIX = sizeof prefix - 1 };
    a->answer_id = STR("");
    if (a->question->in->surface != CHAT_RESPONSES || a->to == CHAT_RESPONSES)
        return true;
    char *id = arena_alloc(a->question->arena, PREFIX + ID_SIZE);
    if (!id)
        return fail(&a->error, ERR_NO_MEMORY, "Out of memory for this request.");
    memcpy(id, prefix, PREFIX);
    id_make(clock_wall(), id + PREFIX);
    a->answer_id = (struct str){id, PREFIX + ID_LENGTH};
    return true;
}

static bool render(struct attempt *a) {
    const struct config_upstream *u = a->remote->upstream->config;
    const struct chat_request *in = a->question->in;
    enum chat_dialect dialect = u->kind == UPSTREAM_ANTHROPIC ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
    if (!chat_upstream_surface(in, dialect, u->responses, &a->to, &a->error))
        return false;
    struct chat_rendering how = {
        .to = a->to, .model = a->remote->model, .wishes.logprobs = a->question->logprobs};
    const struct output_schema *output = a->question->output;
    if (output && output->sent[dialect])
        how.wishes.schema = (struct str){output->text, output->length};
    /* Translated, a body can grow: escapes, names. */
    a->request.cap = 4 * in->body.n + how.wishes.schema.n + 65536;
    return chat_request_render(in, &how, &a->request, &a->error);
}

static int64_t deadline_of(const struct attempt *a, int64_t timeout_ns) {
    int64_t own = a->remote->upstream->config->timeout;
    int64_t deadline = a->started_ns + (timeout_ns && timeout_ns < own ? timeout_ns : own);
    return deadline < a->question->deadline_ns ? deadline : a->question->deadline_ns;
}

bool attempt_start(struct attempt *a, const struct question *question, const struct remote_model *remote,
                   int64_t timeout_ns) {
    const struct upstream *u = remote->upstream;
    a->question = question;
    a->remote = remote;
    a->facts = CHAT_FACTS_UNKNOWN;
    a->facts.tokens = question->tokens;
    a->heard = a->reply = BUF_INIT(CHAT_REPLY_MAX);
    if (!render(a) || !set_path(a) || !set_answer_id(a) || (wants_stream(a) && !start_stream(a)))
        return false;
    add_headers(a);
    a->started_ns = clock_recent();
    a->call = (struct http_call){
        .events = &call_events,
        .origin = u->origin,
        .method = STR("POST"),
        .path = str_from(a->path),
        .headers = a->headers,
        .header_count = a->header_count,
        .body = buf_str(&a->request),
        .connect_ns = u->config->connect_timeout,
        .first_byte_ns = u->config->first_byte_timeout,
        .idle_ns = u->config->idle_timeout,
        .deadline_ns = deadline_of(a, timeout_ns),
    };
    http_call_start(question->loop->client, &a->call);
    return true;
}

void attempt_cancel(struct attempt *a) {
    http_call_cancel(&a->call);
    close_call(a);
}

void attempt_pause(struct attempt *a) {
    http_call_pause(&a->call);
}

void attempt_resume(struct attempt *a) {
    http_call_resume(&a->call);
}

void attempt_clear(struct attempt *a) {
    const struct attempt_events *events = a->events;
    buf_free(&a->request);
    buf_free(&a->heard);
    buf_free(&a->reply);
    sse_reader_clear(&a->reader);
    chat_stream_free(a->stream);
    *a = (struct attempt){.events = events};
}
