#include "chat/structured.h"

#include "../unit.h"

#include <math.h>

static struct schema *schema_from(const char *text) {
    struct error err;
    yyjson_doc *doc = json_parse(str_from(text), &err);
    struct schema *schema = schema_compile(yyjson_doc_get_root(doc), NULL, &err);
    assert_non_null(schema);
    yyjson_doc_free(doc);
    return schema;
}

static struct structured_verdict verdict_of(const char *answer) {
    struct structured_verdict v;
    struct schema *schema = schema_from(
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}");
    structured_check(schema, str_from(answer), &v);
    schema_unref(schema);
    return v;
}

static void test_one_fence_is_tolerated(void **state) {
    static const char *const good[] = {"{\"a\":1}", " \n{\"a\":1}\n", "```json\n{\"a\":1}\n```",
                                       "```\n{\"a\":1}\n```\n", "```JSON\r\n{\"a\":1}\r\n```"};
    static const char *const bad[] = {"",
                                      "Here: {\"a\":1}",
                                      "{\"a\":1} done",
                                      "```python\n{\"a\":1}\n```",
                                      "```json\n{\"a\":1}\n``` that is it",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct structured_verdict v = verdict_of(good[i]);
        assert_true(v.valid && v.is_json);
        assert_str(v.json, "{\"a\":1}");
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct structured_verdict v = verdict_of(bad[i]);
        assert_false(v.valid || v.is_json);
        assert_true(v.problem[0]);
    }
}

static void test_repair_turns(void **state) {
    const char *answer = "{\"a\":\"1\\\"}";
    AUTO_BUF out = BUF_INIT(1 << 16);
    struct error err;
    struct structured_verdict v = verdict_of("{\"a\":\"one\"}");
    buf_add_char(&out, '[');
    structured_repair_turns(&v, str_from(answer), 100, &out);
    buf_add_char(&out, ']');
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    yyjson_val *turns = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_arr_size(turns), 2);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(turns, 0), "content")), answer);
    const char *asked = yyjson_get_str(yyjson_obj_get(yyjson_arr_get(turns, 1), "content"));
    assert_non_null(strstr(asked, "- at /a: expected integer, found the string \"one\"\n"));
    yyjson_doc_free(doc);
}

static void test_the_schema_of_a_request(void **state) {
    static const struct {
        const char *request;
        bool schema, object;
    } cases[] = {
        {"{}", false, false},
        {"{\"response_format\":{\"type\":\"text\"}}", false, false},
        {"{\"response_format\":{\"type\":\"json_object\"}}", false, true},
        {"{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{}}}}",
         true, false},
        {"{\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\",\"schema\":{}}}}", true, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err;
        bool object;
        yyjson_doc *doc = json_parse(str_from(cases[i].request), &err);
        assert_int_equal(structured_schema_of(yyjson_doc_get_root(doc), &object) != NULL, cases[i].schema);
        assert_int_equal(object, cases[i].object);
        yyjson_doc_free(doc);
    }
}

static void test_confidence(void **state) {
    struct error err;
    yyjson_doc *doc =
        json_parse(STR("[{\"token\":\"{\\\"\",\"logprob\":-0.1},{\"token\":\"label\",\"logprob\":-0.2},"
                       "{\"token\":\"\\\": \\\"\",\"logprob\":0},{\"token\":\"bill\",\"logprob\":-0.5},"
                       "{\"token\":\"ing\",\"logprob\":-0.25},{\"token\":\"\\\"}\",\"logprob\":-9}]"),
                   &err);
    yyjson_val *logprobs = yyjson_doc_get_root(doc);
    assert_true(fabs(structured_confidence(logprobs) - exp(-10.05 / 6)) < 1e-12);
    assert_true(fabs(structured_field_confidence(logprobs, STR("label")) - exp(-0.75)) < 1e-12);
    assert_true(isnan(structured_field_confidence(logprobs, STR("other"))));
    assert_true(isnan(structured_confidence(NULL)));
    yyjson_doc_free(doc);
}

static void test_agreement(void **state) {
    struct str samples[] = {STR("{\"a\":1,\"b\":[2]}"),
                            STR("```json\n{\"b\":[2.0],\"a\":1}\n```"),
                            STR("Yes."),
                            STR(" yes  "),
                            STR("YES!"),
                            STR("no")};
    size_t commonest;
    assert_true(structured_agreement(samples, 6, &commonest) == 0.5);
    assert_int_equal(commonest, 2);
    assert_true(structured_agreement(samples, 2, &commonest) == 1.0);
    assert_int_equal(commonest, 0);
    assert_true(isnan(structured_agreement(samples, 0, &commonest)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_fence_is_tolerated),
        cmocka_unit_test(test_repair_turns),
        cmocka_unit_test(test_the_schema_of_a_request),
        cmocka_unit_test(test_confidence),
        cmocka_unit_test(test_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
