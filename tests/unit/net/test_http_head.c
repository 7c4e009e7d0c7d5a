#include "net/http_head.h"

#include "../unit.h"

#include <stdio.h>

enum { HEAD_MAX = 16384 };

struct parsed {
    struct arena *arena;
    struct head_scan scan;
    llhttp_t parser;
    struct http_head head;
    struct error err;
    enum head_state state;
    bool good;
};

static void parse_bytes(struct parsed *p, struct str text) {
    memset(p, 0, sizeof *p);
    p->arena = arena_new(1 << 20);
    p->state = head_scan(&p->scan, text, HEAD_MAX, &p->err);
    if (p->state != HEAD_WHOLE)
        return;
    struct str copy = arena_copy(p->arena, str_slice(text, 0, p->scan.length));
    p->good = http_head_parse(copy, &p->scan, 100, p->arena, &p->parser, &p->head, &p->err);
}

static void done(struct parsed *p) {
    arena_free(p->arena);
}

static void expect_refused(struct str text, enum error_code code, const char *reason) {
    struct parsed p;
    parse_bytes(&p, text);
    if (p.state == HEAD_PARTIAL || p.good)
        fail_msg("not refused: \"%.*s\"", STR_ARG(text));
    if (p.err.code != code || !strstr(p.err.message, reason))
        fail_msg("refused as %d \"%s\", expected %d \"%s\"", p.err.code, p.err.message, code, reason);
    done(&p);
}

/* Headers behind a good request line and Host. */
static void expect_headers_refused(const char *headers, enum error_code code, const char *reason) {
    char text[1024];
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    expect_refused(str_from(text), code, reason);
}

static void reads_a_request(void **state) {
    struct parsed p;
    parse_bytes(&p, STR("POST /v1/a%20b?x=1?&y HTTP/1.1\r\nHost: example.org:8080\r\nX-Empty:\r\n"
                        "X-Request-ID: \t a  b \t\r\nContent-Length: 12\r\n\r\nhello"));
    assert_true(p.good);
    assert_int_equal(p.head.method, METHOD_POST);
    assert_str(p.head.method_name, "POST");
    assert_str(p.head.target, "/v1/a%20b?x=1?&y");
    assert_str(p.head.path, "/v1/a%20b");
    assert_str(p.head.query, "x=1?&y");
    assert_int_equal(p.head.header_count, 4);
    assert_str(p.head.headers[0].name, "host");
    assert_str(p.head.headers[0].value, "example.org:8080");
    assert_str(p.head.headers[1].name, "x-empty");
    assert_str(p.head.headers[1].value, "");
    assert_str(p.head.headers[2].name, "x-request-id");
    assert_str(p.head.headers[2].value, "a  b");
    assert_int_equal(p.head.content_length, 12);
    assert_true(p.head.keep_alive);
    assert_false(p.head.chunked);
    assert_false(p.head.expects_continue);
    done(&p);
}

static void knows_every_method(void **state) {
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},   {"POST", METHOD_POST},
                   {"PUT", METHOD_PUT},         {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
                   {"OPTIONS", METHOD_OPTIONS}, {"TRACE", METHOD_OTHER}, {"PROPFIND", METHOD_OTHER}};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i].name);
        struct parsed p;
        parse_bytes(&p, str_from(text));
        assert_true(p.good);
        assert_int_equal(p.head.method, methods[i].method);
        assert_str(p.head.method_name, methods[i].name);
        done(&p);
    }
}

static void keeps_alive_as_the_version_says(void **state) {
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Foo, Close\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct parsed p;
        parse_bytes(&p, str_from(cases[i].text));
        assert_true(p.good);
        if (p.head.keep_alive != cases[i].keep)
            fail_msg("case %zu", i);
        done(&p);
    }
}

static void finds_the_end_however_the_bytes_come(void **state) {
    const char *text = "\r\nGET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nmore";
    size_t length = strlen(text) - 4;
    struct head_scan scan = {0};
    struct error err;
    for (size_t n = 1; n < length; n++)
        assert_int_equal(head_scan(&scan, (struct str){text, n}, HEAD_MAX, &err), HEAD_PARTIAL);
    assert_int_equal(head_scan(&scan, str_from(text), HEAD_MAX, &err), HEAD_WHOLE);
    assert_int_equal(scan.length, length);
    assert_int_equal(scan.lines, 3);
    struct parsed p;
    parse_bytes(&p, str_from(text));
    assert_true(p.good);
    assert_int_equal(p.head.header_count, 2);
    done(&p);
}

static void refuses_a_head_that_is_too_large(void **state) {
    char text[HEAD_MAX + 1];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    struct head_scan scan = {0};
    struct error err;
    assert_int_equal(head_scan(&scan, (struct str){text, HEAD_MAX - 1}, HEAD_MAX, &err), HEAD_PARTIAL);
    assert_int_equal(head_scan(&scan, (struct str){text, HEAD_MAX}, HEAD_MAX, &err), HEAD_REFUSED);
    assert_int_equal(err.code, ERR_HEAD_TOO_LARGE);
    /* Whole, but longer than allowed: also when it comes at once. */
    memcpy(text + HEAD_MAX - 3, "\r\n\r\n", 4);
    expect_refused((struct str){text, HEAD_MAX + 1}, ERR_HEAD_TOO_LARGE, "larger than 16384");
}

static void refuses_too_many_headers(void **state) {
    AUTO_BUF text = BUF_INIT(HEAD_MAX);
    buf_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 99; i++)
        buf_printf(&text, "a: b\r\n");
    size_t n = text.n;
    buf_printf(&text, "\r\n");
    struct parsed p;
    parse_bytes(&p, buf_str(&text));
    assert_true(p.good);
    assert_int_equal(p.head.header_count, 100);
    done(&p);
    text.n = n;
    buf_printf(&text, "a: b\r\n\r\n");
    expect_refused(buf_str(&text), ERR_HEAD_TOO_LARGE, "more than 100 headers");
}

static void refuses_odd_request_lines(void **state) {
    static const struct {
        const char *line;
        enum error_code code;
        const char *reason;
    } cases[] = {
        {"GET  / HTTP/1.1", ERR_BAD_REQUEST, "request line"},
        {"GET /  HTTP/1.1", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET / HTTP/1.1 ", ERR_BAD_REQUEST, "HTTP/1.1"},
        {" GET / HTTP/1.1", ERR_BAD_REQUEST, "request line"},
        {"GET /\tHTTP/1.1", ERR_BAD_REQUEST, "percent-encoded"},
        {"GET\t/ HTTP/1.1", ERR_BAD_REQUEST, "not allowed"},
        {"GET /", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET", ERR_BAD_REQUEST, "request line"},
        {"GET / http/1.1", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET / HTTP/1.1x", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET / HTTP/11", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET / HTTP/1.10", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"GET / HTTP/0.9", ERR_HTTP_VERSION, "HTTP/0.9"},
        {"GET / HTTP/1.2", ERR_HTTP_VERSION, "HTTP/1.2"},
        {"GET / HTTP/2.0", ERR_HTTP_VERSION, "HTTP/2.0"},
        {"PRI * HTTP/2.0", ERR_HTTP_VERSION, "HTTP/2.0"},
        {"GET / RTSP/1.0", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"SOURCE / ICE/1.0", ERR_BAD_REQUEST, "HTTP/1.1"},
        {"SETUP / HTTP/1.1", ERR_BAD_REQUEST, "malformed"},
        {"GE(T / HTTP/1.1", ERR_BAD_REQUEST, "method"},
        {"G\xc3\x89T / HTTP/1.1", ERR_BAD_REQUEST, "method"},
        {"BREW / HTTP/1.1", ERR_METHOD, "not known"},
        {"get / HTTP/1.1", ERR_METHOD, "not known"},
        {"GET http://a/ HTTP/1.1", ERR_BAD_REQUEST, "does not begin with"},
        {"GET a HTTP/1.1", ERR_BAD_REQUEST, "does not begin with"},
        {"GET * HTTP/1.1", ERR_BAD_REQUEST, "does not begin with"},
        {"CONNECT a:80 HTTP/1.1", ERR_BAD_REQUEST, "does not begin with"},
        {"GET /#a HTTP/1.1", ERR_BAD_REQUEST, "percent-encoded"},
        {"GET /\xff HTTP/1.1", ERR_BAD_REQUEST, "percent-encoded"},
        {"GET /\x01 HTTP/1.1", ERR_BAD_REQUEST, "control character"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", cases[i].line);
        expect_refused(str_from(text), cases[i].code, cases[i].reason);
    }
    struct parsed p;
    parse_bytes(&p, STR("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(p.good);
    done(&p);
}

static void refuses_lines_that_parsers_split_differently(void **state) {
    expect_refused(STR("GET / HTTP/1.1\nHost: a\r\n\r\n"), ERR_BAD_REQUEST, "LF without CR");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\n\r\n"), ERR_BAD_REQUEST, "line 2");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\n\n"), ERR_BAD_REQUEST, "LF without CR");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\x01 b\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: 12345678\x7f\r\n\r\n"), ERR_BAD_REQUEST, "control");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"), ERR_BAD_REQUEST, "folded");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"), ERR_BAD_REQUEST, "folded");
    expect_refused(STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), ERR_BAD_REQUEST, "folded");
    expect_refused(STR("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_BAD_REQUEST, "empty lines");
    expect_refused(STR("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_BAD_REQUEST, "LF without CR");
}

static void refuses_odd_headers(void **state) {
    expect_headers_refused("X : a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("X\t: a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("X Y: a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused(": a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("X\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("X(: a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("X\xc3\xa9: a\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("Content-Length : 1\r\n", ERR_BAD_REQUEST, "");
    expect_headers_refused("Transfer-Encoding : chunked\r\n", ERR_BAD_REQUEST, "");
}

static void refuses_doubtful_hosts(void **state) {
    expect_headers_refused("Host: a\r\n", ERR_BAD_REQUEST, "twice");
    expect_headers_refused("hOST: b\r\n", ERR_BAD_REQUEST, "twice");
    expect_refused(STR("GET / HTTP/1.1\r\n\r\n"), ERR_BAD_REQUEST, "missing");
    expect_refused(STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), ERR_BAD_REQUEST, "empty");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), ERR_BAD_REQUEST, "Host header contains");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), ERR_BAD_REQUEST, "Host header contains");
    expect_refused(STR("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), ERR_BAD_REQUEST, "Host header contains");
    struct parsed p;
    parse_bytes(&p, STR("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"));
    assert_true(p.good);
    done(&p);
}

static void refuses_doubtful_framing(void **state) {
    static const struct {
        const char *headers, *reason;
    } cases[] = {
        {"Content-Length: 1\r\nContent-Length: 1\r\n", ""},
        {"Content-Length: 1\r\nContent-Length: 2\r\n", ""},
        {"Content-Length: 1, 1\r\n", ""},
        {"Content-Length: +1\r\n", ""},
        {"Content-Length: -1\r\n", ""},
        {"Content-Length: 0x1\r\n", ""},
        {"Content-Length: 1 2\r\n", ""},
        {"Content-Length: 1.0\r\n", ""},
        {"Content-Length:\r\n", ""},
        {"Content-Length: 99999999999999999999\r\n", ""},
        {"Content-Length: 18446744073709551616\r\n", ""},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ""},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ""},
        {"Transfer-Encoding: gzip\r\n", ""},
        {"Transfer-Encoding: gzip, chunked\r\n", ""},
        {"Transfer-Encoding: chunked, gzip\r\n", ""},
        {"Transfer-Encoding: chunked, chunked\r\n", ""},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""},
        {"Transfer-Encoding: xchunked\r\n", ""},
        {"Transfer-Encoding: chunked;a=b\r\n", ""},
        {"Transfer-Encoding: \"chunked\"\r\n", ""},
        {"Transfer-Encoding: identity\r\n", ""},
        {"Transfer-Encoding:\r\n", ""},
        {"Transfer-Encoding: chunked,\r\n", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        expect_headers_refused(cases[i].headers, ERR_BAD_REQUEST, cases[i].reason);
    expect_refused(STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_BAD_REQUEST, "HTTP/1.0");
    expect_headers_refused("Expect: 200-ok\r\n", ERR_EXPECTATION, "100-continue");
    expect_headers_refused("Expect: 100-continue\r\nExpect: 100-continue\r\n", ERR_EXPECTATION,
                           "100-continue");
    struct parsed p;
    parse_bytes(
        &p, STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n"));
    assert_true(p.good);
    assert_true(p.head.chunked);
    assert_true(p.head.expects_continue);
    done(&p);
}

static void ignores_offers_of_other_protocols(void **state) {
    struct parsed p;
    parse_bytes(&p, STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
    assert_true(p.good);
    assert_true(p.head.keep_alive);
    done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request),
        cmocka_unit_test(knows_every_method),
        cmocka_unit_test(keeps_alive_as_the_version_says),
        cmocka_unit_test(finds_the_end_however_the_bytes_come),
        cmocka_unit_test(refuses_a_head_that_is_too_large),
        cmocka_unit_test(refuses_too_many_headers),
        cmocka_unit_test(refuses_odd_request_lines),
        cmocka_unit_test(refuses_lines_that_parsers_split_differently),
        cmocka_unit_test(refuses_odd_headers),
        cmocka_unit_test(refuses_doubtful_hosts),
        cmocka_unit_test(refuses_doubtful_framing),
        cmocka_unit_test(ignores_offers_of_other_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
