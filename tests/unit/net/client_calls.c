#include "client_calls.h"

#include "base/check.h"
#include "net/client_connection.h"

#include <stdio.h>

static struct attempt *attempt_of(struct http_call *call) {
    return CONTAINER_OF(call, struct attempt, call);
}

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct attempt *a = attempt_of(call);
    a->heads++;
    a->status = status;
    a->header_count = count;
    for (size_t i = 0; i < count; i++)
        if (str_eq(headers[i].name, STR("content-type")))
            snprintf(a->content_type, sizeof a->content_type, "%.*s", STR_ARG(headers[i].value));
    if (a->reaction == REACT_CANCEL_ON_HEAD)
        http_call_cancel(call);
}

static void on_body(struct http_call *call, struct str bytes) {
    struct attempt *a = attempt_of(call);
    a->bodies++;
    a->body_bytes += bytes.n;
    if (call->paused)
        a->after_pause += bytes.n;
    if (!a->discard)
        buf_add_str(&a->body, bytes);
    if (a->reaction == REACT_CANCEL_ON_BODY)
        http_call_cancel(call);
    if (a->reaction == REACT_PAUSE_ON_BODY)
        http_call_pause(call);
}

static void start_next(struct attempt *a) {
    if (a->next)
        http_call_start(a->call.client, &a->next->call);
}

static void on_end(struct http_call *call) {
    attempt_of(call)->ends++;
    start_next(attempt_of(call));
}

static void on_fail(struct http_call *call, enum http_failure failure, const struct error *err) {
    struct attempt *a = attempt_of(call);
    a->failures++;
    a->failure = failure;
    a->err = *err;
    start_next(a);
}

static const struct http_call_events events = {on_head, on_body, on_end, on_fail};

static struct http_origin *make_origin(const char *url, const char *ca_file, bool verify) {
    struct http_origin *origin;
    struct str path;
    struct error err;
    struct http_origin_options options = {.url = str_from(url), .ca_file = ca_file, .verify = verify};
    CHECK(http_origin_new(&origin, &options, &path, &err));
    return origin;
}

struct http_origin *origin_at(const char *url) {
    return make_origin(url, NULL, true);
}

static void start_client(struct calls *c) {
    struct error err;
    CHECK((c->loop = loop_new(0, &err)) && (c->client = http_client_new(c->loop)));
}

void calls_start(struct calls *c, const struct step *const *scripts, size_t count) {
    char url[64];
    *c = (struct calls){0};
    scripted_server_start(&c->server, scripts, count, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/", c->server.port);
    c->origin = origin_at(url);
    start_client(c);
}

void calls_start_tls(struct calls *c, const struct step *const *scripts, size_t count, SSL_CTX *tls,
                     const char *host, const char *ca_file, bool verify) {
    char url[64];
    *c = (struct calls){0};
    scripted_server_start(&c->server, scripts, count, tls);
    snprintf(url, sizeof url, "https://%s:%u", host, c->server.port);
    c->origin = make_origin(url, ca_file, verify);
    start_client(c);
}

void calls_stop(struct calls *c) {
    http_client_free(c->client);
    loop_free(c->loop); /* turns it until all handles are closed */
    http_origin_unref(c->origin);
    scripted_server_stop(&c->server);
}

void calls_free(struct calls *c) {
    calls_stop(c);
    scripted_server_free(&c->server);
}

void attempt_init(struct calls *c, struct attempt *a) {
    *a = (struct attempt){.body = BUF_INIT(64 << 20)};
    a->call.events = &events;
    a->call.origin = c->origin;
    a->call.method = STR("GET");
    a->call.path = STR("/");
    a->call.connect_ns = a->call.first_byte_ns = a->call.idle_ns = 20 * NS_PER_SECOND;
    a->call.deadline_ns = clock_monotonic() + 30 * NS_PER_SECOND;
}

void attempt_start(struct calls *c, struct attempt *a) {
    http_call_start(c->client, &a->call);
    CHECK(!a->heads && !attempt_is_over(a)); /* never from inside */
}

bool attempt_is_over(const struct attempt *a) {
    return a->ends || a->failures;
}

void attempt_finish(struct calls *c, struct attempt *a) {
    while (!attempt_is_over(a))
        uv_run(loop_uv(c->loop), UV_RUN_ONCE);
    CHECK(a->ends + a->failures == 1);
}

void attempt_run(struct calls *c, struct attempt *a) {
    attempt_start(c, a);
    attempt_finish(c, a);
}

static void on_turned(struct loop_timer *timer) {
    timer->fire = NULL;
}

void turn_for(struct calls *c, long ms) {
    struct loop_timer timer = {.fire = on_turned};
    loop_timer_arm(c->loop, &timer, clock_monotonic() + ms * NS_PER_MS);
    while (timer.fire)
        uv_run(loop_uv(c->loop), UV_RUN_ONCE);
}
