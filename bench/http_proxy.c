/* The server and the client of src/net with nothing between them: what of a proxied request's cost is theirs.
 *
 * http_proxy --listen ADDRESS:PORT --upstream URL [--loops N]
 *
 * Passes each request with its body, content-type and authorization on to URL with the request's own path.
 * Replies with a Content-Length up to 64 KB are gathered and sent as one; others are streamed, held back
 * while the reader is slow. Serves until SIGTERM. */
#include "base/clock.h"
#include "net/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { GATHERED_MAX = 65536, WAIT_SECONDS = 60 };

struct proxy_loop {
    struct http_client *client;
};

static struct http_origin *origin;

/* Lies in the exchange's arena. */
struct proxied {
    struct http_call call;
    struct http_header request_headers[2];
    struct exchange *x;
    struct str type; /* of the reply */
    char *gathered;  /* NULL: streamed */
    size_t length, have;
};

static void reply_plain(struct exchange *x, int status, struct str text) {
    const struct http_header type = {STR("content-type"), STR("text/plain")};
    exchange_reply(x, status, &type, 1, text);
}

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct proxied *p = CONTAINER_OF(call, struct proxied, call);
    uint64_t length = UINT64_MAX;
    p->type = STR("application/octet-stream");
    for (size_t i = 0; i < count; i++) {
        if (str_eq(headers[i].name, STR("content-type")))
            p->type = arena_copy(p->x->arena, headers[i].value);
        if (str_eq(headers[i].name, STR("content-length")) && !str_to_u64(headers[i].value, &length))
            length = UINT64_MAX;
    }
    if (length <= GATHERED_MAX)
        p->gathered = arena_alloc(p->x->arena, length);
    if (p->gathered) {
        p->length = length;
        return;
    }
    const struct http_header type = {STR("content-type"), p->type};
    exchange_stream_begin(p->x, status, &type, 1);
}

static void on_body(struct http_call *call, struct str bytes) {
    struct proxied *p = CONTAINER_OF(call, struct proxied, call);
    if (p->gathered) {
        memcpy(p->gathered + p->have, bytes.p, bytes.n);
        p->have += bytes.n;
        return;
    }
    exchange_stream_write(p->x, bytes);
    exchange_stream_flush(p->x);
    if (exchange_stream_is_full(p->x))
        http_call_pause(call);
}

static void on_end(struct http_call *call) {
    struct proxied *p = CONTAINER_OF(call, struct proxied, call);
    const struct http_header type = {STR("content-type"), p->type};
    if (p->gathered)
        exchange_reply(p->x, call->status, &type, 1, (struct str){p->gathered, p->have});
    else
        exchange_stream_end(p->x);
}

static void on_fail(struct http_call *call, enum http_failure failure, const struct error *err) {
    struct proxied *p = CONTAINER_OF(call, struct proxied, call);
    if (call->status && !p->gathered)
        exchange_stream_abort(p->x);
    else
        reply_plain(p->x, 502, str_from(err->message));
}

static const struct http_call_events events = {on_head, on_body, on_end, on_fail};

static bool on_request_head(void *loop_ctx, struct exchange *x, size_t *body_max) {
    return true;
}

static void on_request(void *loop_ctx, struct exchange *x) {
    struct proxy_loop *loop = loop_ctx;
    struct proxied *p = arena_zalloc(x->arena, sizeof *p);
    if (!p) {
        reply_plain(x, 503, STR("no memory"));
        return;
    }
    static const struct str passed[] = {{"content-type", 12}, {"authorization", 13}};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(passed); i++) {
        struct str value = exchange_header(x, passed[i]);
        if (value.p)
            p->request_headers[count++] = (struct http_header){passed[i], value};
    }
    p->x = x;
    x->user = p;
    p->call = (struct http_call){
        .events = &events,
        .origin = origin,
        .method = x->method_name,
        .path = x->target,
        .headers = p->request_headers,
        .header_count = count,
        .body = x->body,
        .connect_ns = WAIT_SECONDS * NS_PER_SECOND,
        .first_byte_ns = WAIT_SECONDS * NS_PER_SECOND,
        .idle_ns = WAIT_SECONDS * NS_PER_SECOND,
        .deadline_ns = x->started_ns + 10 * WAIT_SECONDS * NS_PER_SECOND,
    };
    http_call_start(loop->client, &p->call);
}

static void on_gone(void *loop_ctx, struct exchange *x) {
    struct proxied *p = x->user;
    if (p)
        http_call_cancel(&p->call);
}

static void on_drained(void *loop_ctx, struct exchange *x) {
    struct proxied *p = x->user;
    http_call_resume(&p->call);
}

static void *start(void *ctx, struct loop *loop) {
    struct proxy_loop *l = calloc(1, sizeof *l);
    if (l && !(l->client = http_client_new(loop))) {
        free(l);
        l = NULL;
    }
    return l;
}

static void stop(void *loop_ctx) {
    struct proxy_loop *l = loop_ctx;
    http_client_free(l->client);
    free(l);
}

static const struct http_service service = {
    .loop_start = start,
    .loop_stop = stop,
    .on_head = on_request_head,
    .on_request = on_request,
    .on_gone = on_gone,
    .on_drained = on_drained,
};

static int usage(void) {
    fprintf(stderr, "usage: http_proxy --listen ADDRESS:PORT --upstream URL [--ca FILE] [--loops N]\n");
    return 2;
}

int main(int argc, char **argv) {
    const char *listen_to = NULL;
    struct server_options o = server_options_default();
    struct http_origin_options upstream = {.verify = true};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0)
            listen_to = argv[i + 1];
        if (strcmp(argv[i], "--upstream") == 0)
            upstream.url = str_from(argv[i + 1]);
        if (strcmp(argv[i], "--ca") == 0)
            upstream.ca_file = argv[i + 1];
        if (strcmp(argv[i], "--loops") == 0)
            o.loops = (unsigned)atoi(argv[i + 1]);
    }
    if (!listen_to || !upstream.url.p)
        return usage();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct error err;
    struct str path;
    struct server *server;
    o.listen = &listen_to;
    o.listen_count = 1;
    if (!http_origin_new(&origin, &upstream, &path, &err) ||
        !server_start(&server, &o, &service, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int signal_number;
    sigwait(&signals, &signal_number);
    server_stop(server);
    http_origin_unref(origin);
    return 0;
}
