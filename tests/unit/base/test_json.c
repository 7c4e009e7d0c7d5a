#include "base/json.h"

#include "../unit.h"

#include <math.h>

static bool parses(const char *text, struct error *err) {
    yyjson_doc *doc = json_parse(str_from(text), err);
    bool good = doc != NULL;
    yyjson_doc_free(doc);
    return good;
}

static void refuses_what_two_parsers_could_read_differently(void **state) {
    struct error err;
    assert_false(parses("", &err));
    assert_false(parses("{\"a\":1}x", &err));
    assert_false(parses("{\"a\":1,\"a\":2}", &err));
    assert_non_null(strstr(err.message, "\"a\" twice"));
    assert_false(parses("{\"x\":[{\"b\":1,\"b\":2}]}", &err));
    assert_false(parses("\"\xff\"", &err));
    assert_false(parses("[NaN]", &err));
    assert_true(parses("{\"a\":{\"a\":1},\"b\":[1,2]}", &err));
}

static void finds_a_duplicate_among_many_keys(void **state) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    buf_add_char(&text, '{');
    for (int i = 0; i < 2000; i++)
        buf_printf(&text, "\"key%d\":%d,", i, i);
    size_t unique = text.n;
    buf_printf(&text, "\"last\":0}");
    struct error err;
    assert_true(parses(buf_terminated(&text), &err));
    text.n = unique;
    buf_printf(&text, "\"key1234\":0}");
    assert_false(parses(buf_terminated(&text), &err));
    assert_non_null(strstr(err.message, "key1234"));
}

static void refuses_deep_nesting(void **state) {
    char text[2 * JSON_DEPTH_MAX + 3];
    struct error err;
    memset(text, '[', sizeof text);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    text[2 * JSON_DEPTH_MAX + 2] = '\0';
    assert_false(parses(text, &err));
    assert_non_null(strstr(err.message, "deeper"));
    memmove(text, text + 1, sizeof text - 1);
    text[2 * JSON_DEPTH_MAX] = '\0';
    assert_true(parses(text, &err));
}

static void writes_what_it_can_read(void **state) {
    AUTO_BUF out = BUF_INIT(1024);
    struct json_writer w = JSON_WRITER(&out);
    json_object(&w);
    json_field_str(&w, "text", STR("a\"\\\n\x01\xff\xc3\xa9"));
    json_field_int(&w, "int", INT64_MIN);
    json_field_fixed(&w, "fixed", -1.005, 2);
    json_key(&w, "list");
    json_array(&w);
    json_bool(&w, true);
    json_null(&w);
    json_object(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    assert_str(buf_str(&out),
               "{\"text\":\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xc3\xa9\",\"int\":-9223372036854775808,"
               "\"fixed\":-1.00,\"list\":[true,null,{}]}");
    struct error err;
    assert_true(parses(buf_terminated(&out), &err));
}

/* Every byte at every place of a word: what is written reads back as what was given. */
static void writes_every_byte_at_every_place(void **state) {
    for (int place = 0; place < 19; place++)
        for (int byte = 0; byte < 128; byte++) {
            char text[19];
            memset(text, 'x', sizeof text);
            text[place] = (char)byte;
            AUTO_BUF out = BUF_INIT(1024);
            struct json_writer w = JSON_WRITER(&out);
            json_str(&w, (struct str){text, sizeof text});
            struct error err;
            yyjson_doc *doc = json_parse(buf_str(&out), &err);
            assert_non_null(doc);
            assert_true(str_eq(json_str_of(yyjson_doc_get_root(doc)), (struct str){text, sizeof text}));
            yyjson_doc_free(doc);
        }
}

static void fixed(double value, int decimals, const char *expected) {
    AUTO_BUF out = BUF_INIT(100);
    buf_add_fixed(&out, value, decimals);
    assert_str(buf_str(&out), expected);
}

static void writes_fixed_numbers(void **state) {
    fixed(0, 0, "0");
    fixed(0, 3, "0.000");
    fixed(0.045, 3, "0.045");
    fixed(-0.045, 3, "-0.045");
    fixed(-0.0001, 2, "0.00");
    fixed(1234.5678, 2, "1234.57");
    fixed(0.999999, 4, "1.0000");
    fixed(7, 0, "7");
    fixed(8999999999.0, 3, "8999999999.000");
    fixed(10, 0, "10");
    fixed(99.9996, 3, "100.000");
    fixed(0.000000001, 9, "0.000000001");
    fixed(8000000000.0, 9, "8000000000.000000000");
    fixed(1e12, 1, "1000000000000.0");
    fixed((double)INFINITY, 3, "0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_two_parsers_could_read_differently),
        cmocka_unit_test(finds_a_duplicate_among_many_keys),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(writes_what_it_can_read),
        cmocka_unit_test(writes_every_byte_at_every_place),
        cmocka_unit_test(writes_fixed_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
