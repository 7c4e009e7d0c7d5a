#include "client_calls.h"

#include "net/client_connection.h"

#include "../unit.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK_HEAD   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define TWO_BYTES OK_HEAD "Content-Length: 2\r\n\r\nok"
#define SCRIPTS(...)                                                                                         \
    (const struct step *const[]) {                                                                           \
        __VA_ARGS__                                                                                          \
    }

static const struct step two_bytes[] = {{STEP_READ}, {STEP_SEND, TWO_BYTES}, {STEP_AGAIN}};
static const struct step no_answer[] = {{STEP_READ}, {STEP_HANG}};

static void assert_ok(const struct attempt *a, const char *body) {
    if (a->failures)
        fail_msg("failed: %s", a->err.message);
    assert_int_equal(a->heads, 1);
    assert_int_equal(a->status, 200);
    assert_str(buf_str(&a->body), body);
}

static void assert_failed(const struct attempt *a, enum http_failure failure) {
    if (!a->failures)
        fail_msg("status %d where %s was expected", a->status, http_failure_name(failure));
    if (a->failure != failure)
        fail_msg("%s where %s was expected: %s", http_failure_name(a->failure), http_failure_name(failure),
                 a->err.message);
    assert_non_null(strstr(a->err.message, ": "));
}

/* ---- requests ---- */

static void sends_what_it_was_given(void **state) {
    struct calls c;
    calls_start(&c, SCRIPTS(two_bytes), 1);
    struct attempt a;
    attempt_init(&c, &a);
    const struct http_header headers[] = {{STR("authorization"), STR("Bearer k")},
                                          {STR("x-odd"), STR("a\r\nInjected: b\x01")}};
    a.call.method = STR("POST");
    a.call.path = STR("/v1/chat\r\n");
    a.call.headers = headers;
    a.call.header_count = 2;
    a.call.body = STR("{\"a\":1}");
    attempt_run(&c, &a);
    assert_ok(&a, "ok");
    assert_string_equal(a.content_type, "text/plain");
    assert_int_equal(a.header_count, 2);
    assert_true(a.call.started_ns <= a.call.connected_ns && a.call.connected_ns <= a.call.replied_ns);
    assert_false(a.call.reused);
    assert_int_equal(a.call.status, 200);
    unsigned port = c.server.port;
    calls_stop(&c);
    char expected[400];
    snprintf(expected, sizeof expected,
             "POST /v1/chat   HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nauthorization: Bearer k\r\n"
             "x-odd: a  Injected: b \r\nContent-Length: 7\r\n\r\n{\"a\":1}",
             port);
    assert_str(buf_str(&c.server.connections[0].received), expected);
    scripted_server_free(&c.server);
    buf_free(&a.body);
}

static void sends_large_bodies_whole(void **state) {
    enum { SIZE = 8 << 20 };
    struct calls c;
    calls_start(&c, SCRIPTS(two_bytes), 1);
    struct attempt a;
    attempt_init(&c, &a);
    char *body = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7 + i / 999);
    a.call.method = STR("POST");
    a.call.body = (struct str){body, SIZE};
    attempt_run(&c, &a);
    assert_ok(&a, "ok");
    calls_stop(&c);
    struct str got = buf_str(&c.server.connections[0].received);
    assert_true(got.n > SIZE && memcmp(got.p + got.n - SIZE, body, SIZE) == 0);
    scripted_server_free(&c.server);
    buf_free(&a.body);
    free(body);
}

/* The upstream refuses before it has read everything, and closes with the rest unread: a reset. */
static void hears_a_refusal_while_it_sends(void **state) {
    static const struct step refuses[] = {
        {STEP_READ_SOME}, {STEP_SEND, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"}, {STEP_END}};
    enum { SIZE = 32 << 20 };
    struct calls c;
    calls_start(&c, SCRIPTS(refuses), 1);
    struct attempt a;
    attempt_init(&c, &a);
    a.call.method = STR("POST");
    a.call.body = (struct str){calloc(1, SIZE), SIZE};
    attempt_run(&c, &a);
    assert_int_equal(a.ends, 1);
    assert_int_equal(a.status, 413);
    assert_str(buf_str(&a.body), "big");
    free((void *)(uintptr_t)a.call.body.p);
    buf_free(&a.body);
    calls_free(&c);
}

/* ---- replies ---- */

static void reads_every_framing(void **state) {
    static const struct {
        const char *reply, *body;
        bool kept;
    } cases[] = {
        {TWO_BYTES, "ok", true},
        {OK_HEAD "Content-Length: 0\r\n\r\n", "", true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n",
         "abcdefg", true},
        {OK_HEAD "\r\nto the end", "to the end", false},
        {"HTTP/1.0 200 OK\r\n\r\nold", "old", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", "old", false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", "old", true},
        {OK_HEAD "Connection: close\r\nContent-Length: 2\r\n\r\nok", "ok", false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" TWO_BYTES, "ok", true},
        {TWO_BYTES "HTTP/1.1 200 OK\r\n\r\nnobody asked", "ok", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (int drip = 0; drip < 2; drip++) {
            struct step script[] = {{STEP_READ},
                                    {drip ? STEP_DRIP : STEP_SEND, cases[i].reply},
                                    {cases[i].kept ? STEP_HANG : STEP_END}};
            struct calls c;
            calls_start(&c, SCRIPTS(script), 1);
            struct attempt a;
            attempt_init(&c, &a);
            attempt_run(&c, &a);
            assert_ok(&a, cases[i].body);
            /* Unasked bytes may come after the reply was whole; they close the connection then. */
            if (!cases[i].kept)
                turn_for(&c, 30);
            assert_int_equal(c.client->pools->idle_count, cases[i].kept);
            calls_free(&c);
            buf_free(&a.body);
        }
}

static void replies_without_a_body(void **state) {
    static const struct step script[] = {
        {STEP_READ}, {STEP_SEND, "HTTP/1.1 204 No Content\r\n\r\n"},
        {STEP_READ}, {STEP_SEND, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
        {STEP_READ}, {STEP_SEND, OK_HEAD "Content-Length: 1000\r\n\r\n"},
        {STEP_HANG}};
    struct calls c;
    calls_start(&c, SCRIPTS(script), 1);
    static const int statuses[] = {204, 304, 200};
    for (int i = 0; i < 3; i++) {
        struct attempt a;
        attempt_init(&c, &a);
        a.call.method = i == 2 ? STR("HEAD") : STR("GET");
        attempt_run(&c, &a);
        if (a.failures)
            fail_msg("%d: %s", statuses[i], a.err.message);
        assert_int_equal(a.status, statuses[i]);
        assert_int_equal(a.body.n, 0);
        assert_int_equal(a.call.reused, i > 0);
    }
    calls_free(&c);
}

static char *long_head(size_t headers, size_t value_bytes) {
    struct buf b = BUF_INIT(1 << 20);
    buf_add_str(&b, STR("HTTP/1.1 200 OK\r\n"));
    for (size_t i = 0; i < headers; i++) {
        buf_add_str(&b, STR("x: "));
        for (size_t k = 0; k < value_bytes; k++)
            buf_add_char(&b, 'v');
        buf_add_str(&b, STR("\r\n"));
    }
    buf_add_str(&b, STR("Content-Length: 0\r\n\r\n"));
    return buf_terminated(&b);
}

static char *many_interims(void) {
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 6000; i++)
        buf_add_str(&b, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return buf_terminated(&b);
}

static void refuses_replies(void **state) {
    const struct {
        const char *reply;
        enum http_failure failure;
        char *owned;
    } cases[] = {
        {"SSH-2.0-OpenSSH\r\n\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 OK\r\n\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
         HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         HTTP_FAILURE_BAD_RESPONSE},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
         HTTP_FAILURE_BAD_RESPONSE},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", HTTP_FAILURE_BAD_RESPONSE},
        {OK_HEAD "Content-Length: 10\r\n\r\nshort", HTTP_FAILURE_CLOSED},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", HTTP_FAILURE_CLOSED},
        {"HTTP/1.1 200 OK\r\nConte", HTTP_FAILURE_CLOSED},
        {"HTTP/1.1 100 Continue\r\n\r\n", HTTP_FAILURE_CLOSED},
        {"HTTP/1.1 100 Continue\r\nTransfer-Encoding: other\r\n\r\nbody", HTTP_FAILURE_BAD_RESPONSE},
        {"", HTTP_FAILURE_CLOSED},
        {NULL, HTTP_FAILURE_TOO_LARGE, long_head(300, 1)},
        {NULL, HTTP_FAILURE_TOO_LARGE, long_head(20, 4000)},
        {NULL, HTTP_FAILURE_TOO_LARGE, many_interims()},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct step script[] = {
            {STEP_READ}, {STEP_SEND, cases[i].reply ? cases[i].reply : cases[i].owned}, {STEP_END}};
        struct calls c;
        calls_start(&c, SCRIPTS(script), 1);
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        if (a.failure != cases[i].failure || !a.failures)
            print_message("case %zu\n", i);
        assert_failed(&a, cases[i].failure);
        assert_true(http_call_may_have_acted(&a.call));
        assert_int_equal(c.server.connection_count, 1); /* not tried again */
        calls_free(&c);
        buf_free(&a.body);
        free(cases[i].owned);
    }
}

static void a_reset_within_the_reply(void **state) {
    static const struct step resets[] = {
        {STEP_READ}, {STEP_SEND, OK_HEAD "\r\nsome"}, {STEP_SLEEP, .n = 30}, {STEP_RESET}};
    struct calls c;
    calls_start(&c, SCRIPTS(resets), 1);
    struct attempt a;
    attempt_init(&c, &a);
    attempt_run(&c, &a);
    assert_failed(&a, HTTP_FAILURE_CLOSED); /* though only the connection's end delimits it */
    assert_int_equal(a.status, 200);
    assert_str(buf_str(&a.body), "some");
    calls_free(&c);
    buf_free(&a.body);
}

/* ---- waits ---- */

static void every_wait_ends(void **state) {
    static const struct step drips[] = {
        {STEP_READ},
        {STEP_DRIP,
         OK_HEAD "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                 "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"},
        {STEP_HANG}};
    static const struct step stops[] = {
        {STEP_READ}, {STEP_SEND, OK_HEAD "Content-Length: 9\r\n\r\nab"}, {STEP_HANG}};
    static const struct step does_not_read[] = {{STEP_SLEEP, .n = 300}, {STEP_END}};
    static const struct {
        const struct step *script;
        enum http_failure failure;
        long first_byte_ms, idle_ms, total_ms;
        size_t body;
    } cases[] = {
        {no_answer, HTTP_FAILURE_TIMEOUT_FIRST_BYTE, 60, 9000, 9000},
        {stops, HTTP_FAILURE_TIMEOUT_IDLE, 9000, 60, 9000},
        {stops, HTTP_FAILURE_TIMEOUT_TOTAL, 9000, 9000, 60},
        {drips, HTTP_FAILURE_TIMEOUT_TOTAL, 9000, 9000, 60},
        {no_answer, HTTP_FAILURE_TIMEOUT_TOTAL, 60, 60, 0},
        {does_not_read, HTTP_FAILURE_TIMEOUT_FIRST_BYTE, 60, 9000, 9000, 32 << 20},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct calls c;
        calls_start(&c, SCRIPTS(cases[i].script), 1);
        struct attempt a;
        attempt_init(&c, &a);
        a.call.first_byte_ns = cases[i].first_byte_ms * NS_PER_MS;
        a.call.idle_ns = cases[i].idle_ms * NS_PER_MS;
        a.call.deadline_ns = clock_monotonic() + cases[i].total_ms * NS_PER_MS;
        char *body = calloc(1, cases[i].body + 1);
        a.call.body = (struct str){body, cases[i].body};
        attempt_run(&c, &a);
        assert_failed(&a, cases[i].failure);
        assert_int_equal(a.err.code, ERR_DEADLINE);
        calls_free(&c);
        buf_free(&a.body);
        free(body);
    }
}

/* ---- connecting ---- */

static void nowhere_to_connect_to(void **state) {
    struct calls c;
    calls_start(&c, SCRIPTS(NULL), 0);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", unused_port());
    const struct {
        const char *url;
        enum http_failure failure;
    } cases[] = {{url, HTTP_FAILURE_CONNECT}, {"http://no-such-name.invalid", HTTP_FAILURE_DNS}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct attempt a, b;
        attempt_init(&c, &a);
        attempt_init(&c, &b);
        struct http_origin *origin = origin_at(cases[i].url);
        a.call.origin = b.call.origin = origin;
        a.next = &b; /* started from inside on_fail */
        attempt_run(&c, &a);
        attempt_finish(&c, &b);
        assert_failed(&a, cases[i].failure);
        assert_failed(&b, cases[i].failure);
        assert_int_equal(a.err.code, ERR_UPSTREAM);
        assert_false(http_call_may_have_acted(&a.call));
        http_origin_unref(origin);
    }
    calls_free(&c);
}

/* Its queue is full, so connecting to it never ends: as with an address behind which nobody is. */
struct black_hole {
    int fd, fillers[8];
    struct sockaddr_in at;
};

static void black_hole_open(struct black_hole *hole) {
    socklen_t length = sizeof hole->at;
    hole->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    hole->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->fd, (void *)&hole->at, length), 0);
    assert_int_equal(listen(hole->fd, 0), 0);
    getsockname(hole->fd, (void *)&hole->at, &length);
    for (size_t i = 0; i < ARRAY_COUNT(hole->fillers); i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], (void *)&hole->at, length);
    }
}

static void black_hole_close(struct black_hole *hole) {
    for (size_t i = 0; i < ARRAY_COUNT(hole->fillers); i++)
        close(hole->fillers[i]);
    close(hole->fd);
}

static void connecting_ends(void **state) {
    struct calls c;
    calls_start(&c, SCRIPTS(NULL), 0);
    struct black_hole hole;
    black_hole_open(&hole);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(hole.at.sin_port));
    struct attempt a;
    attempt_init(&c, &a);
    a.call.origin = origin_at(url);
    a.call.connect_ns = 60 * NS_PER_MS;
    attempt_run(&c, &a);
    assert_failed(&a, HTTP_FAILURE_TIMEOUT_CONNECT);
    assert_false(http_call_may_have_acted(&a.call));
    http_origin_unref(a.call.origin);
    black_hole_close(&hole);
    calls_free(&c);
}

static void give_addresses(struct pool *pool, struct sockaddr_in first, struct sockaddr_in second) {
    memcpy(&pool->addresses[0], &first, sizeof first);
    memcpy(&pool->addresses[1], &second, sizeof second);
    pool->address_lengths[0] = pool->address_lengths[1] = sizeof first;
    pool->address_count = 2;
    pool->addresses_until_ns = INT64_MAX;
}

static void tries_every_address(void **state) {
    static const struct step closes[] = {
        {STEP_READ}, {STEP_SEND, OK_HEAD "Connection: close\r\nContent-Length: 2\r\n\r\nok"}, {STEP_END}};
    struct calls c;
    calls_start(&c, SCRIPTS(closes, closes, closes, closes), 4);
    struct black_hole hole;
    black_hole_open(&hole);
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)c.server.port)};
    struct sockaddr_in refused = here;
    refused.sin_port = htons((uint16_t)unused_port());
    struct sockaddr_in others[] = {refused, hole.at};
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%u", c.server.port);
    struct http_origin *origin = origin_at(url);
    for (size_t i = 0; i < 4; i++) {
        struct attempt a;
        attempt_init(&c, &a);
        a.call.origin = origin;
        a.call.connect_ns = 2 * NS_PER_SECOND;
        if (i > 0) /* the first is looked up for real */
            give_addresses(c.client->pools, others[i % 2], here);
        attempt_run(&c, &a);
        assert_ok(&a, "ok");
        if (i > 0)
            assert_memory_equal(&c.client->pools->addresses[0], &here,
                                sizeof here); /* preferred from now on */
        buf_free(&a.body);
    }
    http_origin_unref(origin);
    black_hole_close(&hole);
    calls_free(&c);
}

/* ---- kept connections ---- */

static void keeps_connections(void **state) {
    struct calls c;
    calls_start(&c, SCRIPTS(two_bytes), 1);
    for (int i = 0; i < 3; i++) {
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        assert_ok(&a, "ok");
        assert_int_equal(a.call.reused, i > 0);
        buf_free(&a.body);
    }
    assert_int_equal(c.server.connection_count, 1);
    c.client->idle_ms = 20;
    struct attempt last;
    attempt_init(&c, &last);
    attempt_run(&c, &last);
    assert_int_equal(c.client->pools->idle_count, 1);
    while (c.client->pools->idle_count)
        uv_run(loop_uv(c.loop), UV_RUN_ONCE);
    buf_free(&last.body);
    calls_free(&c);
}

/* The connection is in its pool before on_end is called, so the next call has it at once. */
static void the_next_call_starts_from_inside_the_last(void **state) {
    enum { CHAIN = 50 };
    struct calls c;
    calls_start(&c, SCRIPTS(two_bytes), 1);
    struct attempt a[CHAIN];
    for (int i = 0; i < CHAIN; i++) {
        attempt_init(&c, &a[i]);
        a[i].next = i + 1 < CHAIN ? &a[i + 1] : NULL;
    }
    attempt_start(&c, &a[0]);
    attempt_finish(&c, &a[CHAIN - 1]);
    for (int i = 0; i < CHAIN; i++) {
        assert_ok(&a[i], "ok");
        assert_int_equal(a[i].call.reused, i > 0);
        buf_free(&a[i].body);
    }
    assert_int_equal(c.server.connection_count, 1);
    calls_free(&c);
}

static void a_connection_closed_while_idle_is_not_used(void **state) {
    static const struct step once[] = {{STEP_READ}, {STEP_SEND, TWO_BYTES}, {STEP_END}};
    struct calls c;
    calls_start(&c, SCRIPTS(once, two_bytes), 2);
    for (int i = 0; i < 2; i++) {
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        assert_ok(&a, "ok");
        assert_false(a.call.reused || a.call.retried);
        while (i == 0 && c.client->pools->idle_count)
            uv_run(loop_uv(c.loop), UV_RUN_ONCE);
        buf_free(&a.body);
    }
    calls_free(&c);
}

static void tries_a_stale_connection_once_more(void **state) {
    static const struct step closes[] = {{STEP_READ}, {STEP_SEND, TWO_BYTES}, {STEP_READ}, {STEP_END}};
    static const struct step resets[] = {{STEP_READ}, {STEP_SEND, TWO_BYTES}, {STEP_READ}, {STEP_RESET}};
    static const struct step begins[] = {
        {STEP_READ}, {STEP_SEND, TWO_BYTES}, {STEP_READ}, {STEP_SEND, "HTTP/1.1 20"}, {STEP_END}};
    static const struct step silent[] = {{STEP_READ}, {STEP_END}};
    static const struct {
        const struct step *first, *second;
        bool ok;
        unsigned connections;
    } cases[] = {{closes, two_bytes, true, 2},
                 {resets, two_bytes, true, 2},
                 {closes, silent, false, 2}, /* once */
                 {begins, two_bytes, false, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct calls c;
        calls_start(&c, SCRIPTS(cases[i].first, cases[i].second), 2);
        struct attempt a, b;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        assert_ok(&a, "ok");
        attempt_init(&c, &b);
        b.call.method = STR("POST");
        b.call.body = STR("again");
        attempt_run(&c, &b);
        assert_int_equal(c.server.connection_count, cases[i].connections);
        assert_int_equal(b.call.retried, cases[i].connections == 2);
        if (cases[i].ok)
            assert_ok(&b, "ok");
        else
            assert_failed(&b, HTTP_FAILURE_CLOSED);
        calls_stop(&c);
        if (cases[i].ok)
            assert_true(str_ends(buf_str(&c.server.connections[1].received), STR("\r\n\r\nagain")));
        scripted_server_free(&c.server);
        buf_free(&a.body);
        buf_free(&b.body);
    }
}

static void many_at_once(void **state) {
    enum { MANY = 12, ROUNDS = 20 };
    const struct step *scripts[MANY];
    for (int i = 0; i < MANY; i++)
        scripts[i] = two_bytes;
    struct calls c;
    calls_start(&c, scripts, MANY);
    for (int round = 0; round < ROUNDS; round++) {
        struct attempt a[MANY];
        for (int i = 0; i < MANY; i++) {
            attempt_init(&c, &a[i]);
            attempt_start(&c, &a[i]);
        }
        for (int i = 0; i < MANY; i++) {
            attempt_finish(&c, &a[i]);
            assert_ok(&a[i], "ok");
            buf_free(&a[i].body);
        }
    }
    assert_int_equal(c.server.connection_count, MANY);
    calls_free(&c);
}

/* ---- cancelling, pausing ---- */

static void cancelled_calls_are_silent(void **state) {
    static const struct step slow[] = {
        {STEP_READ}, {STEP_SEND, OK_HEAD "Content-Length: 9000\r\n\r\nabc"}, {STEP_HANG}};
    static const enum reaction reactions[] = {REACT_CANCEL_ON_HEAD, REACT_CANCEL_ON_BODY};
    for (size_t i = 0; i < ARRAY_COUNT(reactions); i++) {
        struct calls c;
        calls_start(&c, SCRIPTS(slow), 1);
        struct attempt a;
        attempt_init(&c, &a);
        a.reaction = reactions[i];
        attempt_start(&c, &a);
        while (a.heads == 0 || (a.reaction == REACT_CANCEL_ON_BODY && a.bodies == 0))
            uv_run(loop_uv(c.loop), UV_RUN_ONCE);
        scripted_server_stop(&c.server); /* its connection has ended: it saw ours close */
        turn_for(&c, 20);
        http_call_cancel(&a.call); /* once more is fine */
        http_call_pause(&a.call);
        http_call_resume(&a.call);
        assert_int_equal(a.heads, 1);
        assert_int_equal(a.bodies, a.reaction == REACT_CANCEL_ON_BODY);
        assert_false(attempt_is_over(&a));
        scripted_server_free(&c.server);
        http_client_free(c.client);
        loop_free(c.loop);
        http_origin_unref(c.origin);
        buf_free(&a.body);
    }
}

static void calls_are_cancelled_at_any_moment(void **state) {
    const struct step *scripts[] = {no_answer, no_answer, no_answer};
    struct calls c;
    calls_start(&c, scripts, 3);
    char refused[64];
    snprintf(refused, sizeof refused, "http://127.0.0.1:%u", unused_port());
    const char *urls[] = {"http://no-such-name.invalid", refused, NULL};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++)
        for (long turns = 0; turns < 3; turns++) {
            struct attempt a;
            attempt_init(&c, &a);
            struct http_origin *origin = urls[i] ? origin_at(urls[i]) : http_origin_ref(c.origin);
            a.call.origin = origin;
            attempt_start(&c, &a);
            http_origin_unref(origin); /* the pool has its own; here it is the last */
            for (long k = 0; k < turns; k++)
                uv_run(loop_uv(c.loop), UV_RUN_NOWAIT);
            unsigned before = a.failures;
            http_call_cancel(&a.call);
            turn_for(&c, 10);
            assert_int_equal(a.failures, before);
            assert_int_equal(a.heads, 0);
        }
    calls_free(&c);
}

static void a_paused_call_holds_little(void **state) {
    enum { SIZE = 64 << 20 }; /* more than the sockets' buffers hold */
    char head[100];
    snprintf(head, sizeof head, OK_HEAD "Content-Length: %d\r\n\r\n", SIZE);
    struct step script[] = {
        {STEP_READ}, {STEP_SEND, head}, {STEP_FLOOD, .n = SIZE + (long)strlen(head)}, {STEP_HANG}};
    struct calls c;
    calls_start(&c, SCRIPTS(script), 1);
    struct attempt a;
    attempt_init(&c, &a);
    a.reaction = REACT_PAUSE_ON_BODY;
    a.discard = true;
    a.call.idle_ns = 500 * NS_PER_MS;
    attempt_start(&c, &a);
    turn_for(&c, 1500); /* longer than idle_ns: what is not read cannot be late */
    assert_false(attempt_is_over(&a));
    assert_true(a.body_bytes > 0 && a.after_pause <= HTTP_CALL_PAUSE_SLACK);
    assert_true(c.server.connections[0].sent < SIZE); /* the upstream waits */
    a.call.idle_ns = 20 * NS_PER_SECOND;
    a.reaction = REACT_NOTHING;
    http_call_resume(&a.call);
    attempt_finish(&c, &a);
    assert_int_equal(a.ends, 1);
    assert_int_equal(a.body_bytes, SIZE);
    calls_free(&c);
}

static void a_call_may_be_paused_before_its_reply(void **state) {
    struct calls c;
    calls_start(&c, SCRIPTS(two_bytes), 1);
    struct attempt a;
    attempt_init(&c, &a);
    a.call.first_byte_ns = 30 * NS_PER_MS;
    attempt_start(&c, &a);
    http_call_pause(&a.call);
    turn_for(&c, 120);
    assert_int_equal(a.heads, 0);
    a.call.first_byte_ns = 20 * NS_PER_SECOND;
    http_call_resume(&a.call);
    attempt_finish(&c, &a);
    assert_ok(&a, "ok");
    buf_free(&a.body);
    calls_free(&c);
}

/* ---- origins ---- */

static void reads_urls(void **state) {
    static const struct {
        const char *url, *name, *path;
    } good[] = {
        {"http://a", "a", ""},
        {"http://a:80/", "a", ""},
        {"http://a:8080/v1/", "a:8080", "/v1"},
        {"https://api.example.com:443/x/y", "api.example.com", "/x/y"},
        {"https://127.0.0.1:8443", "127.0.0.1:8443", ""},
        {"http://[::1]:9000/v1", "[::1]:9000", "/v1"},
    };
    static const char *const bad[] = {"",           "ftp://a",        "http://",      "http:///v1",
                                      "http://a:0", "http://a:65536", "http://a:b",   "http://user@a",
                                      "http://a b", "http://[::1",    "http://a\r\nb"};
    struct http_origin *o;
    struct str path;
    struct error err;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct http_origin_options options = {.url = str_from(good[i].url), .verify = true};
        assert_true(http_origin_new(&o, &options, &path, &err));
        assert_str(http_origin_name(o), good[i].name);
        assert_str(path, good[i].path);
        http_origin_unref(o);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct http_origin_options options = {.url = str_from(bad[i])};
        if (http_origin_new(&o, &options, &path, &err))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(err.code, ERR_CONFIG);
    }
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* of the scripted server's */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_what_it_was_given),
        cmocka_unit_test(sends_large_bodies_whole),
        cmocka_unit_test(hears_a_refusal_while_it_sends),
        cmocka_unit_test(reads_every_framing),
        cmocka_unit_test(replies_without_a_body),
        cmocka_unit_test(refuses_replies),
        cmocka_unit_test(a_reset_within_the_reply),
        cmocka_unit_test(every_wait_ends),
        cmocka_unit_test(nowhere_to_connect_to),
        cmocka_unit_test(connecting_ends),
        cmocka_unit_test(tries_every_address),
        cmocka_unit_test(keeps_connections),
        cmocka_unit_test(the_next_call_starts_from_inside_the_last),
        cmocka_unit_test(a_connection_closed_while_idle_is_not_used),
        cmocka_unit_test(tries_a_stale_connection_once_more),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(cancelled_calls_are_silent),
        cmocka_unit_test(calls_are_cancelled_at_any_moment),
        cmocka_unit_test(a_paused_call_holds_little),
        cmocka_unit_test(a_call_may_be_paused_before_its_reply),
        cmocka_unit_test(reads_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
