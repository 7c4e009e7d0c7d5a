/* A simulated provider for measurements: answers every chat with the same 1 KB, or, where the request's body
 * has "stream":true, with paced server-sent events in OpenAI's shape. The content of each event is the time
 * at which it was written (CLOCK_MONOTONIC, ns), so that a reader on the same machine knows how long it was
 * under way.
 *
 * chat_upstream --listen ADDRESS:PORT [--events N] [--ms M] [--loops L]
 *
 * GET / answers 200. Serves until SIGTERM. */
#include "base/clock.h"
#include "net/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { FULL_MS = 20 };

static unsigned events = 100, pace_ms = 20;
static char whole[2048];

/* Lies in the exchange's arena. */
struct stream {
    struct loop_timer timer;
    struct exchange *x;
    unsigned left;
    int64_t due_ns;
};

static void write_event(struct exchange *x) {
    char text[320];
    int n = snprintf(
        text, sizeof text,
        "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
        "\"model\":\"small-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%lld\"},"
        "\"finish_reason\":null}]}\n\n",
        (long long)clock_monotonic());
    exchange_stream_write(x, (struct str){text, (size_t)n});
}

static void write_end(struct exchange *x) {
    exchange_stream_write(
        x, STR("data: "
               "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
               "\"model\":\"small-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
               "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":100,\"total_tokens\":300}}\n\n"
               "data: [DONE]\n\n"));
    exchange_stream_end(x);
}

static void on_time(struct loop_timer *timer) {
    struct stream *s = CONTAINER_OF(timer, struct stream, timer);
    if (s->left == 0) {
        write_end(s->x);
        return;
    }
    s->due_ns += pace_ms * NS_PER_MS;
    if (exchange_stream_is_full(s->x)) { /* its reader has stopped */
        s->due_ns = clock_monotonic() + FULL_MS * NS_PER_MS;
        loop_timer_arm(s->x->loop, timer, s->due_ns);
        return;
    }
    s->left--;
    write_event(s->x);
    loop_timer_arm(s->x->loop, timer, s->due_ns);
    exchange_stream_flush(s->x);
}

static void begin_stream(struct exchange *x) {
    const struct http_header type = {STR("content-type"), STR("text/event-stream")};
    struct stream *s = arena_zalloc(x->arena, sizeof *s);
    if (!s) {
        exchange_reply(x, 503, NULL, 0, STR(""));
        return;
    }
    s->timer.fire = on_time;
    s->x = x;
    s->left = events;
    s->due_ns = clock_monotonic();
    x->user = s;
    exchange_stream_begin(x, 200, &type, 1);
    on_time(&s->timer);
}

static bool on_head(void *loop_ctx, struct exchange *x, size_t *body_max) {
    return true;
}

static void on_request(void *loop_ctx, struct exchange *x) {
    const struct http_header type = {STR("content-type"), STR("application/json")};
    if (str_find(x->body, STR("\"stream\":true")) != SIZE_MAX)
        begin_stream(x);
    else
        exchange_reply(x, 200, &type, 1, str_from(whole));
}

static void on_gone(void *loop_ctx, struct exchange *x) {
    struct stream *s = x->user;
    if (s)
        loop_timer_disarm(x->loop, &s->timer);
}

static void *start(void *ctx, struct loop *loop) {
    return loop;
}

static const struct http_service service = {
    .loop_start = start, .on_head = on_head, .on_request = on_request, .on_gone = on_gone};

static void make_whole(void) {
    char text[800];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = "A penstock is a gated conduit. "[i % 31];
    text[sizeof text - 1] = '\0';
    snprintf(
        whole, sizeof whole,
        "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":"
        "\"small-1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":190,"
        "\"total_tokens\":390}}",
        text);
}

int main(int argc, char **argv) {
    const char *listen_to = NULL;
    struct server_options o = server_options_default();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0)
            listen_to = argv[i + 1];
        if (strcmp(argv[i], "--events") == 0)
            events = (unsigned)atoi(argv[i + 1]);
        if (strcmp(argv[i], "--ms") == 0)
            pace_ms = (unsigned)atoi(argv[i + 1]);
        if (strcmp(argv[i], "--loops") == 0)
            o.loops = (unsigned)atoi(argv[i + 1]);
    }
    if (!listen_to) {
        fprintf(stderr, "usage: chat_upstream --listen ADDRESS:PORT [--events N] [--ms M] [--loops L]\n");
        return 2;
    }
    make_whole();
    o.listen = &listen_to;
    o.listen_count = 1;
    o.idle_timeout_ms = 3600000;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct error err;
    struct server *server;
    if (!server_start(&server, &o, &service, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int signal_number;
    sigwait(&signals, &signal_number);
    server_stop(server);
    return 0;
}
