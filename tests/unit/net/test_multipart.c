#include "net/multipart.h"

#include "base/buf.h"

#include "../unit.h"

#include <stdio.h>

struct parsed {
    struct arena *arena;
    struct multipart_part *parts;
    size_t count;
    struct error err;
    bool good;
};

static const char *const plain_type = "multipart/form-data; boundary=XX";

static void parse_bytes(struct parsed *p, const char *type, struct str body) {
    memset(p, 0, sizeof *p);
    p->arena = arena_new(1 << 20);
    p->good = multipart_parse(str_from(type), body, p->arena, &p->parts, &p->count, &p->err);
}

static void done(struct parsed *p) {
    arena_free(p->arena);
}

static void expect_refused(const char *type, struct str body, const char *reason) {
    struct parsed p;
    parse_bytes(&p, type, body);
    if (p.good)
        fail_msg("not refused: %s \"%.*s\"", type, STR_ARG(body));
    if (p.err.code != ERR_INVALID_MULTIPART || !strstr(p.err.message, reason))
        fail_msg("refused as \"%s\", expected \"%s\"", p.err.message, reason);
    done(&p);
}

static void reads_fields_and_files(void **state) {
    struct parsed p;
    parse_bytes(&p, "Multipart/Form-Data; charset=utf-8; Boundary=\"a b=c\"",
                STR("--a b=c\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\nworld\r\n"
                    "--a b=c  \r\ncontent-type: image/png\r\nX-Other: 1\r\n"
                    "content-disposition: form-data; filename=\"C:\\dir\\a \\\"b\\\".png\"; name=file\r\n\r\n"
                    "\x89PNG\r\n--a b=\0\r\n"
                    "--a b=c\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--a b=c--\r\n"));
    assert_true(p.good);
    assert_int_equal(p.count, 3);
    assert_str(p.parts[0].name, "text");
    assert_str(p.parts[0].bytes, "hello\r\nworld");
    assert_null(p.parts[0].filename.p);
    assert_null(p.parts[0].content_type.p);
    assert_str(p.parts[1].name, "file");
    assert_str(p.parts[1].filename, "a \"b\".png");
    assert_str(p.parts[1].content_type, "image/png");
    assert_true(str_eq(p.parts[1].bytes, STR("\x89PNG\r\n--a b=\0")));
    assert_int_equal(p.parts[2].bytes.n, 0);
    assert_ptr_equal(multipart_find(p.parts, p.count, STR("file")), &p.parts[1]);
    assert_null(multipart_find(p.parts, p.count, STR("File")));
    done(&p);
}

#define FIELD "Content-Disposition: form-data; name=\"a\"\r\n"

static void takes_the_shapes_that_clients_send(void **state) {
    static const char *const bodies[] = {
        "--XX\r\n" FIELD "\r\nb\r\n--XX--",
        "\r\n--XX\r\n" FIELD "\r\nb\r\n--XX--\r\n",
        "--XX\r\n" FIELD "Content-Transfer-Encoding: 8bit\r\n\r\nb\r\n--XX--",
        "--XX\r\nContent-Disposition:form-data;name=a\r\n\r\nb\r\n--XX--",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        struct parsed p;
        parse_bytes(&p, plain_type, str_from(bodies[i]));
        if (!p.good)
            fail_msg("case %zu: %s", i, p.err.message);
        assert_int_equal(p.count, 1);
        assert_str(p.parts[0].name, "a");
        assert_str(p.parts[0].bytes, "b");
        done(&p);
    }
    struct parsed p;
    parse_bytes(&p, plain_type, STR("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--XX--"));
    assert_true(p.good);
    assert_int_equal(p.parts[0].bytes.n, 0);
    done(&p);
}

static void refuses_odd_content_types(void **state) {
    struct str body = STR("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--XX--\r\n");
    expect_refused("multipart/form-data", body, "no boundary");
    expect_refused("multipart/form-data; boundary=\"\"", body, "no boundary");
    expect_refused("multipart/form-data; boundary=", body, "malformed");
    expect_refused("multipart/form-data; boundary=XX; boundary=XX", body, "two boundaries");
    expect_refused("multipart/form-data; boundary=\"XX", body, "malformed");
    expect_refused("multipart/form-data; boundary=\"XX \"", body, "ends in a space");
    expect_refused("multipart/form-data; boundary=\"X{X\"", body, "not allowed");
    expect_refused("multipart/form-datax; boundary=XX", body, "not multipart/form-data");
    expect_refused("multipart/mixed; boundary=XX", body, "not multipart/form-data");
    expect_refused("", body, "not multipart/form-data");
    char type[128];
    snprintf(type, sizeof type, "multipart/form-data; boundary=%.*s", 71,
             "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghh");
    expect_refused(type, body, "71 characters");
    assert_true(multipart_is(STR("MULTIPART/form-data;boundary=x")));
    assert_false(multipart_is(STR("multipart/form-data2")));
}

static void refuses_bodies_without_a_clear_reading(void **state) {
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "does not begin"},
        {"--XY\r\n", "does not begin"},
        {"preamble\r\n--XX\r\n", "does not begin"},
        {"--XX", "ends behind a boundary"},
        {"--XX--", "no parts"},
        {"--XXY\r\n", "followed by other bytes"},
        {"--XX\nContent-Disposition: form-data; name=a\n\nb\n--XX--", "followed by other bytes"},
        {"--XX\r\n", "within the head"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n", "within the head"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb", "before its last boundary"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb--XX--", "before its last boundary"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb\n--XX--", "before its last boundary"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--XX", "ends behind a boundary"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--XX-", "followed by other bytes"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--XXa\r\n--XX--",
         "followed by other bytes"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--XX--\r\nmore", "behind the last"},
        {"--XX\r\n\r\nb\r\n--XX--", "no Content-Disposition"},
        {"--XX\r\nContent-Disposition: form-data\r\n\r\nb\r\n--XX--", "no name"},
        {"--XX\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nb\r\n--XX--", "no name"},
        {"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nb\r\n--XX--", "not form-data"},
        {"--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nb\r\n--XX--", "twice"},
        {"--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nb\r\n--XX--", "malformed"},
        {"--XX\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nb\r\n--XX--", "UTF-8"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n"
         "b\r\n--XX--",
         "two Content-Disposition"},
        {"--XX\r\nContent-Type: a\r\nContent-Type: b\r\n\r\nb\r\n--XX--", "two Content-Type"},
        {"--XX\r\nContent-Disposition : form-data; name=a\r\n\r\nb\r\n--XX--", "malformed"},
        {"--XX\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nb\r\n--XX--", "malformed"},
        {"--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
         "Yg==\r\n--XX--",
         "Transfer-Encoding"},
        {"--XX\r\nContent-Disposition: form-data; name=\"a\rb\"\r\n\r\nb\r\n--XX--", "control"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        expect_refused(plain_type, str_from(cases[i].body), cases[i].reason);
    expect_refused(plain_type,
                   STR("--XX\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nb\r\n--XX--"),
                   "control");
}

static void says_where(void **state) {
    struct parsed p;
    parse_bytes(&p, plain_type, STR("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nb"));
    assert_non_null(strstr(p.err.message, "at byte 48"));
    done(&p);
}

static void bounds_parts_and_their_heads(void **state) {
    AUTO_BUF body = BUF_INIT(1 << 20);
    for (int i = 0; i < MULTIPART_PARTS_MAX; i++)
        buf_printf(&body, "--XX\r\nContent-Disposition: form-data; name=p%d\r\n\r\n%d\r\n", i, i);
    size_t n = body.n;
    buf_printf(&body, "--XX--\r\n");
    struct parsed p;
    parse_bytes(&p, plain_type, buf_str(&body));
    assert_true(p.good);
    assert_int_equal(p.count, MULTIPART_PARTS_MAX);
    assert_str(p.parts[31].bytes, "31");
    done(&p);
    body.n = n;
    buf_printf(&body, "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX--\r\n");
    expect_refused(plain_type, buf_str(&body), "more than 32 parts");

    buf_clear(&body);
    buf_printf(&body, "--XX\r\nContent-Disposition: form-data; name=a\r\n");
    while (body.n < MULTIPART_PART_HEAD_MAX)
        buf_printf(&body, "X: aaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    buf_printf(&body, "\r\nb\r\n--XX--");
    expect_refused(plain_type, buf_str(&body), "too large");
}

static void reports_a_full_arena(void **state) {
    struct arena *arena = arena_new(64);
    struct multipart_part *parts;
    size_t count;
    struct error err;
    assert_false(multipart_parse(str_from(plain_type), STR("--XX--"), arena, &parts, &count, &err));
    assert_int_equal(err.code, ERR_NO_MEMORY);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields_and_files),
        cmocka_unit_test(takes_the_shapes_that_clients_send),
        cmocka_unit_test(refuses_odd_content_types),
        cmocka_unit_test(refuses_bodies_without_a_clear_reading),
        cmocka_unit_test(says_where),
        cmocka_unit_test(bounds_parts_and_their_heads),
        cmocka_unit_test(reports_a_full_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
