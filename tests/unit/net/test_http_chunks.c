#include "net/http_chunks.h"
#include "net/http_head.h"

#include "../unit.h"

static const struct str head_text = {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 56};

struct upload {
    struct arena *arena;
    llhttp_t parser;
    struct chunks chunks;
    struct buf body;
    struct error err;
    size_t used;
};

static void begin(struct upload *u, size_t body_max) {
    memset(u, 0, sizeof *u);
    u->arena = arena_new(65536);
    u->body = BUF_INIT(body_max);
    struct head_scan scan = {0};
    struct http_head head;
    assert_int_equal(head_scan(&scan, head_text, 16384, &u->err), HEAD_WHOLE);
    struct str copy = arena_copy(u->arena, head_text);
    assert_true(http_head_parse(copy, &scan, 100, u->arena, &u->parser, &head, &u->err));
    assert_true(head.chunked);
}

static void end(struct upload *u) {
    buf_free(&u->body);
    arena_free(u->arena);
}

static enum chunks_state feed(struct upload *u, struct str bytes) {
    return chunks_feed(&u->chunks, &u->parser, bytes, &u->used, &u->body, &u->err);
}

static void joins_chunks_and_leaves_what_follows(void **state) {
    struct upload u;
    begin(&u, 1000);
    struct str text = STR("5\r\nhello\r\n7;name=value\r\n, world\r\n0\r\nTrailer: x\r\n\r\nGET /");
    assert_int_equal(feed(&u, text), CHUNKS_END);
    assert_str(buf_str(&u.body), "hello, world");
    assert_int_equal(u.used, text.n - 5);
    end(&u);
}

/* A length in a trailer must not change where the body ends. */
static void takes_nothing_from_trailers(void **state) {
    struct upload u;
    begin(&u, 1000);
    struct str text = STR("1\r\na\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nGET");
    assert_int_equal(feed(&u, text), CHUNKS_END);
    assert_str(buf_str(&u.body), "a");
    assert_int_equal(u.used, text.n - 3);
    end(&u);
}

static void takes_one_byte_at_a_time(void **state) {
    struct upload u;
    begin(&u, 1000);
    struct str text = STR("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
    for (size_t i = 0; i + 1 < text.n; i++) {
        assert_int_equal(feed(&u, str_slice(text, i, i + 1)), CHUNKS_MORE);
        assert_int_equal(u.used, 1);
    }
    assert_int_equal(feed(&u, str_slice(text, text.n - 1, text.n)), CHUNKS_END);
    assert_int_equal(u.used, 1);
    assert_str(buf_str(&u.body), "abc0123456789");
    end(&u);
}

static void holds_the_limit_as_the_body_grows(void **state) {
    struct upload u;
    begin(&u, 10);
    assert_int_equal(feed(&u, STR("5\r\nabcde\r\n")), CHUNKS_MORE);
    assert_int_equal(feed(&u, STR("5\r\nabcde\r\n")), CHUNKS_MORE);
    assert_int_equal(feed(&u, STR("1\r\na\r\n")), CHUNKS_REFUSED);
    assert_int_equal(u.err.code, ERR_BODY_TOO_LARGE);
    end(&u);
}

static void refuses_malformed_chunks(void **state) {
    static const char *const cases[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "x\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\n\n",
        "5;a=b\nhello\r\n0\r\n\r\n",
        "5\rXhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",

        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\rc\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\r\n",
        "5\r\nhello\r\n0\r\n\x01",
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct upload u;
        begin(&u, 1000);
        if (feed(&u, str_from(cases[i])) != CHUNKS_REFUSED)
            fail_msg("not refused: case %zu: %s", i, cases[i]);
        end(&u);
    }
}

static void refuses_framing_out_of_proportion(void **state) {
    struct upload u;
    begin(&u, 1000);
    char extension[4096];
    memset(extension, 'a', sizeof extension);
    assert_int_equal(feed(&u, STR("1;")), CHUNKS_MORE);
    enum chunks_state s = CHUNKS_MORE;
    int rounds = 0;
    while (s == CHUNKS_MORE && rounds++ < 10)
        s = feed(&u, (struct str){extension, sizeof extension});
    assert_int_equal(s, CHUNKS_REFUSED);
    assert_int_equal(rounds, 4);
    end(&u);
}

static void takes_a_body_of_one_byte_chunks(void **state) {
    struct upload u;
    begin(&u, 100000);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(feed(&u, STR("1\r\nx\r\n")), CHUNKS_MORE);
    assert_int_equal(feed(&u, STR("0\r\n\r\n")), CHUNKS_END);
    assert_int_equal(u.body.n, 50000);
    end(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_chunks_and_leaves_what_follows),
        cmocka_unit_test(takes_nothing_from_trailers),
        cmocka_unit_test(takes_one_byte_at_a_time),
        cmocka_unit_test(holds_the_limit_as_the_body_grows),
        cmocka_unit_test(refuses_malformed_chunks),
        cmocka_unit_test(refuses_framing_out_of_proportion),
        cmocka_unit_test(takes_a_body_of_one_byte_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
