/* A small server on net/ for tests of the protocol itself: tests/e2e/http.test.mjs drives it over raw
 * sockets. Prints {"ports":[…]} once it accepts. SIGTERM drains, SIGHUP reloads the certificate.
 *
 *   /echo           the request as JSON
 *   /body           the request's body
 *   /constant       "ok"
 *   /large?bytes=N  N bytes
 *   /slow?ms=N      "slow" after N ms
 *   /busy?us=N      "busy" after N microseconds of the loop's own time
 *   /never          no reply
 *   /stream?bytes=N&piece=P   N bytes, streamed in writes of P as fast as they are read
 *   /drip?count=N&ms=M        N numbered lines, one every M ms (0: all from inside on_request)
 *   /cut            streams "part", then gives up
 *   /refused        401, decided on the head
 *   /small          bodies up to 10 bytes
 *   /counts         server_counts, and how often on_gone was called */
#include "base/clock.h"
#include "base/json.h"
#include "net/query.h"
#include "net/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server;
static _Atomic uint64_t gone_total;
static _Atomic uint64_t waiting;
static _Atomic uint64_t streamed; /* bytes */

struct echo_loop {
    struct loop *loop;
    struct buf text;
};

/* A request answered later; lies in the exchange's arena. */
struct delayed {
    struct loop_timer timer;
    struct exchange *x;
    uint64_t left, piece, sent, ms; /* of a streamed reply: bytes, or lines */
    char *bytes;
};

static void *start(void *ctx, struct loop *loop) {
    struct echo_loop *e = calloc(1, sizeof *e);
    if (e) {
        e->loop = loop;
        e->text = BUF_INIT(64 << 20);
    }
    return e;
}

static void stop(void *loop_ctx) {
    struct echo_loop *e = loop_ctx;
    buf_free(&e->text);
    free(e);
}

static void reply_text(struct exchange *x, int status, struct str text) {
    const struct http_header type = {STR("content-type"), STR("text/plain")};
    exchange_reply(x, status, &type, 1, text);
}

static uint64_t number_in_query(struct exchange *x, struct str key) {
    struct str text;
    uint64_t number = 0;
    struct error err;
    if (!http_query_get(x->query, key, x->arena, &text, &err) || !text.p || !str_to_u64(text, &number))
        return 0;
    return number;
}

static void reply_echo(struct echo_loop *e, struct exchange *x) {
    buf_clear(&e->text);
    struct json_writer w = JSON_WRITER(&e->text);
    json_object(&w);
    json_field_str(&w, "method", x->method_name);
    json_field_str(&w, "path", x->path);
    json_field_str(&w, "query", x->query);
    json_field_str(&w, "peer", x->peer);
    json_field_bool(&w, "loopback", x->peer_is_loopback);
    json_field_bool(&w, "tls", x->tls);
    json_field_int(&w, "body_bytes", (int64_t)x->body.n);
    json_field_int(&w, "loop", loop_index(x->loop));
    json_key(&w, "headers");
    json_array(&w);
    for (size_t i = 0; i < x->header_count; i++) {
        json_str(&w, x->headers[i].name);
        json_str(&w, x->headers[i].value);
    }
    json_array_end(&w);
    json_object_end(&w);
    reply_text(x, 200, buf_str(&e->text));
}

static void reply_counts(struct echo_loop *e, struct exchange *x) {
    struct server_counts counts = server_counts(server);
    buf_clear(&e->text);
    struct json_writer w = JSON_WRITER(&e->text);
    json_object(&w);
    json_field_int(&w, "connections_open", (int64_t)counts.connections_open);
    json_field_int(&w, "connections_total", (int64_t)counts.connections_total);
    json_field_int(&w, "requests_total", (int64_t)counts.requests_total);
    json_field_int(&w, "refused_total", (int64_t)counts.refused_total);
    json_field_int(&w, "body_bytes_held", (int64_t)counts.body_bytes_held);
    json_field_int(&w, "gone_total", (int64_t)gone_total);
    json_field_int(&w, "waiting", (int64_t)waiting);
    json_field_int(&w, "streamed", (int64_t)streamed);
    json_object_end(&w);
    reply_text(x, 200, buf_str(&e->text));
}

static void on_delay(struct loop_timer *timer) {
    struct delayed *d = CONTAINER_OF(timer, struct delayed, timer);
    waiting--;
    reply_text(d->x, 200, STR("slow"));
}

static void reply_later(struct exchange *x, uint64_t ms) {
    struct delayed *d = arena_zalloc(x->arena, sizeof *d);
    if (!d) {
        reply_text(x, 500, STR("arena"));
        return;
    }
    d->timer.fire = on_delay;
    d->x = x;
    x->user = d;
    waiting++;
    if (ms)
        loop_timer_arm(x->loop, &d->timer, clock_monotonic() + (int64_t)ms * NS_PER_MS);
}

static void reply_after_work(struct exchange *x, uint64_t us) {
    int64_t end = clock_monotonic() + (int64_t)us * 1000;
    while (clock_monotonic() < end)
        continue;
    reply_text(x, 200, STR("busy"));
}

static void reply_large(struct echo_loop *e, struct exchange *x, uint64_t bytes) {
    buf_clear(&e->text);
    if (bytes > e->text.cap || !buf_reserve(&e->text, bytes)) {
        reply_text(x, 500, STR("too large"));
        return;
    }
    static const struct str letters = {"abcdefghijklmnopqrstuvwxyz", 26};
    for (; bytes > letters.n; bytes -= letters.n)
        buf_add_str(&e->text, letters);
    buf_add(&e->text, letters.p, bytes);
    reply_text(x, 200, buf_str(&e->text));
}

static void begin_stream(struct exchange *x) {
    const struct http_header type = {STR("content-type"), STR("text/plain")};
    exchange_stream_begin(x, 200, &type, 1);
}

static void stream_more(struct delayed *d) {
    while (d->left && !exchange_stream_is_full(d->x)) {
        uint64_t n = d->left < d->piece ? d->left : d->piece;
        exchange_stream_write(d->x, (struct str){d->bytes, n});
        d->left -= n;
        streamed += n;
        exchange_stream_flush(d->x);
    }
    if (d->left)
        return;
    waiting--;
    exchange_stream_end(d->x);
}

static void on_drained(void *loop_ctx, struct exchange *x) {
    stream_more(x->user);
}

static void reply_stream(struct exchange *x) {
    struct delayed *d = arena_zalloc(x->arena, sizeof *d);
    d->x = x;
    d->left = number_in_query(x, STR("bytes"));
    d->piece = number_in_query(x, STR("piece"));
    d->bytes = arena_alloc(x->arena, d->piece);
    if (!d->bytes || !d->piece) {
        reply_text(x, 500, STR("arena"));
        return;
    }
    for (uint64_t i = 0; i < d->piece; i++)
        d->bytes[i] = (char)('a' + i % 26);
    x->user = d;
    waiting++;
    begin_stream(x);
    stream_more(d);
}

static void drip(struct loop_timer *timer) {
    struct delayed *d = CONTAINER_OF(timer, struct delayed, timer);
    char line[32];
    while (d->left) {
        int n = snprintf(line, sizeof line, "%llu\n", (unsigned long long)d->sent++);
        exchange_stream_write(d->x, (struct str){line, (size_t)n});
        d->left--;
        if (!d->ms)
            continue;
        loop_timer_arm(d->x->loop, &d->timer, clock_monotonic() + (int64_t)d->ms * NS_PER_MS);
        exchange_stream_flush(d->x);
        return;
    }
    waiting--;
    exchange_stream_end(d->x);
}

static void reply_drip(struct exchange *x) {
    struct delayed *d = arena_zalloc(x->arena, sizeof *d);
    d->timer.fire = drip;
    d->x = x;
    d->left = number_in_query(x, STR("count"));
    d->ms = number_in_query(x, STR("ms"));
    x->user = d;
    waiting++;
    begin_stream(x);
    drip(&d->timer);
}

static void reply_cut(struct exchange *x) {
    begin_stream(x);
    exchange_stream_write(x, STR("part"));
    exchange_stream_flush(x);
    exchange_stream_abort(x);
}

static bool on_head(void *loop_ctx, struct exchange *x, size_t *body_max) {
    if (str_eq(x->path, STR("/refused"))) {
        reply_text(x, 401, STR("no"));
        return false;
    }
    if (str_eq(x->path, STR("/small")))
        *body_max = 10;
    return true;
}

static void on_request(void *loop_ctx, struct exchange *x) {
    struct echo_loop *e = loop_ctx;
    if (str_eq(x->path, STR("/constant")))
        reply_text(x, 200, STR("ok"));
    else if (str_eq(x->path, STR("/echo")) || str_eq(x->path, STR("/small")))
        reply_echo(e, x);
    else if (str_eq(x->path, STR("/body")))
        reply_text(x, 200, x->body);
    else if (str_eq(x->path, STR("/large")))
        reply_large(e, x, number_in_query(x, STR("bytes")));
    else if (str_eq(x->path, STR("/slow")))
        reply_later(x, number_in_query(x, STR("ms")));
    else if (str_eq(x->path, STR("/busy")))
        reply_after_work(x, number_in_query(x, STR("us")));
    else if (str_eq(x->path, STR("/never")))
        reply_later(x, 0);
    else if (str_eq(x->path, STR("/stream")))
        reply_stream(x);
    else if (str_eq(x->path, STR("/drip")))
        reply_drip(x);
    else if (str_eq(x->path, STR("/cut")))
        reply_cut(x);
    else if (str_eq(x->path, STR("/counts")))
        reply_counts(e, x);
    else
        reply_text(x, 404, STR("not found"));
}

static void on_gone(void *loop_ctx, struct exchange *x) {
    struct delayed *d = x->user;
    gone_total++;
    if (d) {
        waiting--;
        loop_timer_disarm(x->loop, &d->timer);
    }
}

static const struct http_service service = {
    .loop_start = start,
    .loop_stop = stop,
    .on_head = on_head,
    .on_request = on_request,
    .on_gone = on_gone,
    .on_drained = on_drained,
};

static const char *listen_to[8];

static uint32_t to_number(const char *text) {
    uint64_t n;
    if (!str_to_u64(str_from(text), &n) || n > UINT32_MAX) {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return (uint32_t)n;
}

static void set_option(struct server_options *o, const char *name, const char *value) {
    const struct {
        const char *name;
        uint32_t *at;
    } numbers[] = {{"--loops", &o->loops},
                   {"--head-ms", &o->head_timeout_ms},
                   {"--body-ms", &o->body_timeout_ms},
                   {"--idle-ms", &o->idle_timeout_ms},
                   {"--write-ms", &o->write_timeout_ms},
                   {"--drain-ms", &o->drain_timeout_ms},
                   {"--connections", &o->connections_max}};
    const struct {
        const char *name;
        size_t *at;
    } sizes[] = {{"--body-max", &o->body_max}, {"--body-total", &o->body_total_max}};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        if (strcmp(name, numbers[i].name) == 0)
            *numbers[i].at = to_number(value);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
        if (strcmp(name, sizes[i].name) == 0)
            *sizes[i].at = to_number(value);
    if (strcmp(name, "--listen") == 0 && o->listen_count < ARRAY_COUNT(listen_to))
        listen_to[o->listen_count++] = value;
    if (strcmp(name, "--certificate") == 0)
        o->tls.certificate = value;
    if (strcmp(name, "--key") == 0)
        o->tls.key = value;
}

static void wait_for_end(const struct server_options *o, const sigset_t *signals) {
    struct error err;
    int signal_number;
    while (sigwait(signals, &signal_number) == 0 && signal_number == SIGHUP)
        if (!server_reload_tls(server, &o->tls, &err))
            fprintf(stderr, "not reloaded: %s\n", err.message);
}

int main(int argc, char **argv) {
    struct server_options o = server_options_default();
    o.listen = listen_to;
    for (int i = 1; i + 1 < argc; i += 2)
        set_option(&o, argv[i], argv[i + 1]);
    if (o.listen_count == 0)
        set_option(&o, "--listen", "127.0.0.1:0");
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct error err;
    if (!server_start(&server, &o, &service, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    printf("{\"ports\":[");
    for (size_t i = 0; i < o.listen_count; i++)
        printf("%s%u", i ? "," : "", server_port(server, i));
    printf("]}\n");
    fflush(stdout);
    wait_for_end(&o, &signals);
    bool drained = server_drain(server);
    server_stop(server);
    printf("{\"drained\":%s}\n", drained ? "true" : "false");
    return 0;
}
